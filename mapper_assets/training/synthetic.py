"""Rows about detectors that do not exist: personal data, jailbreaks, and labels that mean nothing.

Real detectors cannot be learnt by heart here; what these rows teach is that a label's words count and
that words without a meaning are `OTHER.Unknown`. All text is made locally from `synthetic.yaml` and a seed.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import NamedTuple

import yaml

from mapper_assets.training.augmentation import spellings

ROWS_PER_CATEGORY = 56
UNMAPPABLE_ROWS = 140

_FIRST = ("quill", "fern", "harbour", "copper", "lantern", "mossy", "orbit", "saffron", "tidal", "umber", "velvet")
_LAST = ("gate", "scan", "sieve", "watch", "lens", "warden", "filter", "probe", "sentry", "sweep", "radar")
_NONSENSE = (
    "lorem ipsum dolor", "jardin bleu", "ventana rota", "langsamer apfel", "piatto vuoto", "lumi hiutale",
    "krzesło", "kaffekopp", "tavuk suyu", "arka bahçe", "sabah yürüyüşü", "müde wolke", "petit caillou",
    "mesa redonda", "acqua tonica", "tuesday", "left shoe", "blue kettle", "room twelve", "second violin",
    "gravel path", "paperclip", "early train", "spare tyre", "corduroy",
)  # fmt: skip
_CONSONANTS, _VOWELS, _HEX = "bcdfghjklmnpqrstvwxz", "aeiou", "0123456789abcdef"


class Concept(NamedTuple):
    """What an invented detector reports: a label string, its meaning in a few words, the canonical label."""

    detector: str
    label: str
    meaning: str
    canonical: str


def detector_name(chance: random.Random) -> str:
    """The name of a detector nobody makes."""
    return f"{chance.choice(_FIRST)}{chance.choice(('', '-'))}{chance.choice(_LAST)}"


def concepts(seed: int) -> tuple[Concept, ...]:
    """As many rows for each category (personal data, jailbreak, prompt injection), spread over its labels."""
    phrases = _phrases()
    found: list[Concept] = []
    for category in sorted({label.split(".", 1)[0] for label in phrases}):
        chance = random.Random(f"{seed}:{category}")  # noqa: S311  (reproducible text, no secret)
        pools = {label: _spelt(phrases[label], chance) for label in phrases if label.startswith(category + ".")}
        rows: list[Concept] = []
        while len(rows) < ROWS_PER_CATEGORY:
            for label, pool in pools.items():
                text, meaning = next(pool)
                rows.append(Concept(detector_name(chance), text, meaning, label))
        found += rows[:ROWS_PER_CATEGORY]
    return tuple(found)


def unmappable(seed: int, rows: int = UNMAPPABLE_ROWS) -> tuple[str, ...]:
    """Label strings nobody could map: random strings, opaque codes, syllables, words of no detector's world.

    Fewer rows are the beginning of more.
    """
    chance = random.Random(f"{seed}:unmappable")  # noqa: S311
    makers: tuple[Callable[[random.Random], str], ...] = (code, _hexadecimal, _syllables, _mash, _words)
    found: dict[str, None] = {}
    while len(found) < rows:
        found[makers[len(found) % len(makers)](chance)] = None
    return tuple(found)


def _phrases() -> Mapping[str, Mapping[str, str]]:
    text = resources.files(__package__).joinpath("synthetic.yaml").read_text()
    content: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    return content


def _spelt(phrases: Mapping[str, str], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Phrase after phrase, each time in another spelling, without end."""
    while True:
        for phrase, meaning in phrases.items():
            yield chance.choice(spellings(phrase, "x", affixes=False)).text, meaning


def code(chance: random.Random) -> str:
    """A label that means nothing without its detector's own key."""
    letters = "".join(chance.choices("ABCDEGHKLMNPQRTVWXZ", k=chance.randint(1, 3)))
    return f"{letters}{chance.choice(('', '-', '_', '.'))}{chance.randint(1, 999)}"


def _hexadecimal(chance: random.Random) -> str:
    return "".join(chance.choices(_HEX, k=chance.randint(6, 12)))


def _syllables(chance: random.Random) -> str:
    word = "".join(chance.choice(_CONSONANTS) + chance.choice(_VOWELS) for _ in range(chance.randint(2, 5)))
    return chance.choice((word, word.upper(), word.capitalize(), f"{word}_{chance.choice(_CONSONANTS)}"))


def _mash(chance: random.Random) -> str:
    return "".join(chance.choices("qwertyuiopasdfghjklzxcvbnm", k=chance.randint(5, 10)))


def _words(chance: random.Random) -> str:
    phrase = chance.choice(_NONSENSE)
    return chance.choice([phrase, *(spelling.text for spelling in spellings(phrase, "x", affixes=False))])
