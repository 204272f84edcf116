import random
from collections import Counter
from collections.abc import Iterator

import pytest

from mapper_assets.training.wrapping import ABOVE, AFTER, BEFORE, wrapped

TEXT, LABEL = "spear phishing", "SECURITY.SOCIAL.Phishing"
PATH = ("security", "social")


@pytest.fixture(scope="module")
def many() -> list[str]:
    """The text in a thousand wrappers."""
    chance = random.Random(1)
    return [wrapped(TEXT, LABEL, chance) for _ in range(1000)]


def kinds(text: str) -> Iterator[str]:
    """Which kinds of wrapper it may be in; a heading may also be a word before it."""
    before, _, after = (part.strip() for part in text.partition(TEXT))
    if after and after in AFTER:
        yield "both" if before in BEFORE else "behind"
    elif before in BEFORE:
        yield "before"
    elif before in (*ABOVE, *PATH):
        yield "above"


def test_the_text_stands_unchanged_in_every_wrapper(many: list[str]) -> None:
    assert all(TEXT in text and text != TEXT for text in many)


def test_all_kinds_of_wrappers_occur_and_no_others(many: list[str]) -> None:
    found = Counter(kind for text in many for kind in kinds(text))
    assert found.total() == len(many)
    assert set(found) == {"before", "behind", "above", "both"}
    assert min(found.values()) > 100


def test_parts_of_the_labels_own_path_are_headings_but_its_name_is_not(many: list[str]) -> None:
    assert {f"{part} {TEXT}" for part in PATH} <= set(many)
    assert f"phishing {TEXT}" not in many


def test_the_same_seed_gives_the_same_wrappers() -> None:
    one, other = ([wrapped(TEXT, LABEL, chance) for _ in range(20)] for chance in (random.Random(3), random.Random(3)))
    assert one == other


@pytest.mark.parametrize("words", [BEFORE, AFTER, ABOVE])
def test_wrappers_are_plain_lower_case_words_each_once(words: tuple[str, ...]) -> None:
    assert len(set(words)) == len(words)
    assert all(word == " ".join(word.lower().split()) for word in words)
