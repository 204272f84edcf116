"""How label strings are compared: normal form, words, nearest names. Pure functions of strings."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))")
_SEPARATORS = re.compile(r"[^0-9a-z]+")

DECORATION = frozenset({"label", "category", "class", "type", "score", "detected", "v1", "v2", "v3"})
"""Words integrators put around a label that say nothing about its meaning, in the singular."""


def words(text: str) -> tuple[str, ...]:
    """Lower-case words of a label: `USSocialSecurity`, `us-social.security` and `US_SOCIAL_SECURITY` give the same."""
    plain = unicodedata.normalize("NFKC", text)
    return tuple(part for part in _SEPARATORS.split(_CAMEL.sub(" ", plain).lower()) if part)


def normalise(text: str) -> str:
    """The form in which two spellings of one label are equal: its words, joined by nothing."""
    return "".join(words(text))


def singular(word: str) -> str:
    """A lower-case English word without its plural ending; the same for a word that has none."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    for ending, replacement in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if word.endswith(ending):
            return word.removesuffix(ending) + replacement
    return word


def spelling_keys(text: str, prefixes: Collection[str] = ()) -> tuple[str, ...]:
    """Forms under which a label may be known, closest first.

    1. its normal form; 2. the same in the singular; 3. that without decoration at either end.

    Only what says nothing is decoration, so a negation or a number is never dropped: `not_toxic` and
    `toxic: 0.03` keep all their words.

    Args:
        text: a label as sent.
        prefixes: words that may precede it without changing it, such as its detector's name.
    """
    parts = [singular(word) for word in words(text)]
    before = DECORATION.union(map(singular, prefixes))
    bare = list(parts)
    while len(bare) > 1 and bare[0] in before:
        bare.pop(0)
    while len(bare) > 1 and bare[-1] in DECORATION:
        bare.pop()
    return tuple(dict.fromkeys(key for key in (normalise(text), "".join(parts), "".join(bare)) if key))


def nearest(name: str, known: Iterable[str], *, limit: int = 3, cutoff: float = 0.5) -> tuple[str, ...]:
    """Up to `limit` known names similar to `name`, most similar first (Ratcliff/Obershelp on lower case)."""
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=limit, cutoff=cutoff)
    return tuple(by_lower[item] for item in found)
