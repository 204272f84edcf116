"""Other honest spellings of a label: what integrators really do to label strings on the way. Pure functions.

Case, separators and camelCase keep the words; affixes and plurals add to them without changing the meaning.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from mapper_domain.text import words

Style = Literal["case", "separator", "camel", "affix", "plural"]
MOST_WORDS = 7


class Spelling(NamedTuple):
    """One way to write a label, and how it differs from the vendor's."""

    text: str
    style: Style


_FORMS: tuple[tuple[Style, Callable[[Sequence[str]], str]], ...] = (
    ("separator", "_".join),
    ("separator", lambda parts: "_".join(parts).upper()),
    ("separator", "-".join),
    ("separator", ".".join),
    ("separator", " ".join),
    ("separator", lambda parts: " ".join(map(str.capitalize, parts))),
    ("separator", lambda parts: "-".join(map(str.capitalize, parts))),
    ("separator", lambda parts: " ".join(parts).upper()),
    ("camel", lambda parts: "".join(map(str.capitalize, parts))),
    ("camel", lambda parts: parts[0] + "".join(map(str.capitalize, parts[1:]))),
)


def spellings(label: str, detector: str, *, affixes: bool = True) -> tuple[Spelling, ...]:
    """Other spellings of a label, each once, never the label itself, in a fixed order.

    Args:
        label: the vendor's own string.
        detector: whose first word serves as a vendor prefix.
        affixes: whether affixes and plurals are wanted; without them the words stay the same.
    """
    found: dict[str, Style] = {label.upper(): "case", label.lower(): "case"}
    parts = words(label)
    if 0 < len(parts) <= MOST_WORDS and all(part.isascii() for part in parts):
        for style, form in _FORMS:
            found.setdefault(form(parts), style)
        if affixes:
            for text in _affixed(label, detector):
                found.setdefault(text, "affix")
            if plural := _plural(label, parts):
                found.setdefault(plural, "plural")
    found.pop(label, None)
    return tuple(Spelling(text, style) for text, style in found.items())


def _affixed(label: str, detector: str) -> tuple[str, ...]:
    vendor = words(detector)[0]
    joint = "-" if "-" in label else " " if " " in label else "_"
    return (
        f"{vendor}:{label}",
        f"{vendor}{joint}{label}",
        f"label{joint}{label}",
        f"category={label}",
        f"{label}{joint}v2",
        f"{label}{joint}score",
    )


def _plural(label: str, parts: Sequence[str]) -> str | None:
    last = parts[-1]
    if not last.isalpha() or len(last) < 3 or last.endswith(("s", "y", "ing", "ed", "ive")) or not label[-1].isalpha():
        return None
    return label + ("S" if label.isupper() else "s")
