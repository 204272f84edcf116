"""Whether a text looks like something a detector scanned or matched rather than like one of its labels.

Signs only, for people and detectors err: a person's name has the form of a label, and nothing here can tell. What may
be stored is decided in `privacy`, which asks for proof that a text is a label, not for signs that it is none.
"""

import base64
import binascii
import re
import unicodedata
from itertools import pairwise

from mapper_domain.text import words

MAX_WORDS = 12
"""The most words of a label; none of the 1,322 in shipped detectors has more than 8."""

_DATE = re.compile(r"(?<!\d)20\d{2}[-.]?[01]\d[-.]?[0-3]\d(?!\d)")

_PRIVATE = re.compile(
    r"""
      [^\s@]+@[^\s@]+\.[a-z]{2,}                          # e-mail address
    | (?<!\d)\d{3}-\d{2}-\d{4}(?!\d)                      # US social security number
    | (?<!\d)(?:\d[ .-]?){9,18}\d(?!\d)                   # card, account or telephone number
    | (?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]?\d{4}(?!\d)       # North American telephone number
    | (?<!\d)19\d{2}[-/.][01]?\d[-/.][0-3]?\d(?!\d)       # date of birth
    | (?<!\d)[0-3]?\d/[0-3]?\d/(?:19|20)\d{2}(?!\d)
    | (?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])          # IPv4 address
    | (?<![0-9a-f:])(?:[0-9a-f]{1,4}:){5,7}[0-9a-f]{1,4}  # IPv6 address, MAC address
    | eyJ[a-z0-9_-]{8,}                                   # JSON web token
    | \b(?-i:AKIA|ASIA)(?-i:[A-Z0-9]){12,}                # AWS access key
    | \b(?:sk|pk|rk|ghp|gho|xox[abp]|glpat)[-_](?=[a-z_-]*\d)[a-z0-9_-]{6,}   # vendor key prefixes
    | -----BEGIN                                          # private keys
    | ://[^\s/]*@ | [?&][^\s=]+=                          # credentials or a query in a URL
    | (?:%[0-9a-f]{2}.*){2}                               # percent-encoded text
    """,
    re.VERBOSE | re.IGNORECASE,
)
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ ]?[A-Za-z0-9]{4}){2,7}(?:[ ]?[A-Za-z0-9]{1,3})?\b")
_TOKEN = re.compile(r"[A-Za-z0-9+=]{16,}")
_HEX = re.compile(r"[0-9a-fA-F]{12,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_LEAST_DECODED = 12

_LEAST_PROSE = 6
_TOLD = frozenset("my mine we our you your he she his him her was were had did".split())  # noqa: SIM905
_JOINED = frozenset("the a an been has have it its this that to of for with and at on in from".split())  # noqa: SIM905
"""Words of prose: those that tell of somebody or of the past, and those that join any sentence."""


def looks_like_content(text: str) -> bool:
    """Whether a text that stands where a label should be has several lines, looks private or reads like prose."""
    return looks_private(text) or len(text.splitlines()) > 1 or reads_like_prose(text)


def looks_private(text: str) -> bool:
    """Whether a text has the form of a personal number, an address, a key or any other secret, encoded or not.

    Dates of this century (`2024-09-26`) are taken out first, because versions of vendors' models hold them.
    """
    rest = _DATE.sub("", _folded(text))
    if _PRIVATE.search(rest) or _HEX.search(rest) or any(_is_iban(found[0]) for found in _IBAN.finditer(rest)):
        return True
    if any(map(_is_random, _TOKEN.findall(rest))):
        return True
    # A slash belongs to the alphabet of base64, or stands before it in a path.
    return any(_hides_text(part) for token in _BASE64.findall(rest) for part in (token, *token.split("/")))


def reads_like_prose(text: str) -> bool:
    """Whether a text tells something about somebody, or is longer than any label.

    Vendors name labels with whole sentences (`The text attacks people for their religion`), and short phrases with
    `you` or `my` are words for threats and tax numbers. What labels do not do is tell of somebody, or of the past, in
    six words or more with articles and prepositions.
    """
    parts = words(text)
    if len(parts) > MAX_WORDS:
        return True
    told = any(part in _TOLD for part in parts)
    return told and len(parts) >= _LEAST_PROSE and sum(part in _JOINED for part in parts) > 1


def _folded(text: str) -> str:
    """The text with every dash as `-`, without invisible characters, and in compatibility form (NFKC)."""
    plain = unicodedata.normalize("NFKC", text)
    if plain.isascii():
        return plain
    kinds = ((char, unicodedata.category(char)) for char in plain)
    return "".join("-" if kind == "Pd" else char for char, kind in kinds if kind != "Cf")


def _is_iban(text: str) -> bool:
    """Whether the check digits of ISO 13616 are right; one in 97 texts of that form passes by chance."""
    plain = text.replace(" ", "").upper()
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _is_random(token: str) -> bool:
    """Whether a long token mixes letters and digits so often that nobody would have named something so."""
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(token))
    return changes >= 4


def _hides_text(token: str) -> bool:
    """Whether a token is base64 (RFC 4648, either alphabet, padded or not) of printable ASCII."""
    whole = token[: len(token) - (len(token) % 4 == 1)].replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
    except binascii.Error:
        return False
    return len(decoded) >= _LEAST_DECODED and all(32 <= byte < 127 or byte in b"\t\n\r" for byte in decoded)
