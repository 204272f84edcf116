"""How label strings are compared: normal form, words, nearest names. Pure functions of strings."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[^0-9a-z]+")


def words(text: str) -> tuple[str, ...]:
    """Lower-case words of a label: `USSocialSecurity`, `us-social.security` and `US_SOCIAL_SECURITY` give the same."""
    plain = unicodedata.normalize("NFKC", text)
    return tuple(part for part in _SEPARATORS.split(_CAMEL.sub(" ", plain).lower()) if part)


def normalise(text: str) -> str:
    """The form in which two spellings of one label are equal: its words, joined by nothing."""
    return "".join(words(text))


def nearest(name: str, known: Iterable[str], *, limit: int = 3, cutoff: float = 0.5) -> tuple[str, ...]:
    """Up to `limit` known names similar to `name`, most similar first (Ratcliff/Obershelp on lower case)."""
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=limit, cutoff=cutoff)
    return tuple(by_lower[item] for item in found)
