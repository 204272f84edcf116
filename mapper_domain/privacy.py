"""What may be stored of what a caller sent. A detector's label is; a matched value or scanned text never is.

Nothing can tell a person's name from a label by its shape, so an unseen label is stored only when every
word of it is a word of the catalogue. All else is reduced to a keyed hash by the caller of this module.
"""

import re
from collections.abc import Collection
from itertools import chain

from mapper_domain.catalog import Catalog
from mapper_domain.content import looks_like_content, looks_private, reads_like_prose
from mapper_domain.detectors import Detector
from mapper_domain.text import words

MAX_LABEL_CHARS = 64
MAX_LABEL_WORDS = 8
MAX_BLANKS = 5

NAME_WORDS = frozenset(
    """
    agent ai analyzer api base bert check checker classifier cloud custom detect detection detector distilbert eval
    evaluator filter gateway gpt guard guardian guardrail guardrails inhouse input internal judge large llama llm local
    mini mistral ml model moderator monitor my nlp open our output policy production prompt proxy qwen recognizer
    redactor roberta rules safety scan scanner scorer sentinel service shield small tagger team test v validator
    watch xlm
    """.split()  # noqa: SIM905  (seventy quoted words are harder to read)
)
"""Words that names of detectors consist of besides those of the catalogue."""

_LABEL_SHAPE = re.compile(r"[A-Za-z][A-Za-z0-9 _\-./:&()]*")
_NAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,63}")
_VERSION_SHAPE = re.compile(
    r"v?\d+(?:[.\-_+]?(?:\d+|a|b|rc|alpha|beta|pre|preview|dev|post|final|ga|stable|latest))*", re.IGNORECASE
)
_HASHED_NAME = re.compile(r"unlisted-[0-9a-f]{16}")
_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REFERENCE = re.compile(r"(?:s3|gs|az|https|urn):[A-Za-z0-9._~/:-]{1,240}")


def lexicon(catalog: Catalog) -> frozenset[str]:
    """Every word of the taxonomy's names and aliases and of every detector's name, kind, fields and labels."""
    names = (text for label in catalog.taxonomy.labels for text in (label.name, *label.aliases))
    vocabulary = (
        text
        for detector in catalog.detectors
        for text in (
            detector.name,
            detector.kind,
            *(mapping.label for mapping in detector.maps),
            *(mapping.field or "" for mapping in detector.maps),
        )
    )
    return frozenset(word for text in chain(names, vocabulary) for word in words(text))


def is_label_like(text: str, known_words: Collection[str]) -> bool:
    """Whether a label nobody has described may be stored as it is.

    It is short, one line, of a few words, does not look private, and each word is one of the catalogue's
    (a plural `s` aside) or a number of up to three digits.
    """
    if len(text) > MAX_LABEL_CHARS or text.count(" ") > MAX_BLANKS or not _LABEL_SHAPE.fullmatch(text):
        return False
    parts = words(text)
    if not parts or len(parts) > MAX_LABEL_WORDS or looks_private(text):
        return False
    return all(_is_known(part, known_words) for part in parts)


def may_store(label: str, detector: Detector | None, known_words: Collection[str]) -> bool:
    """Whether a label may be stored as sent: it is in the detector's own vocabulary, or is label-like."""
    if detector is not None and any(mapping.label == label for mapping in detector.maps):
        return True
    return is_label_like(label, known_words)


def is_name(text: str) -> bool:
    """Whether a text is fit to be a detector's name: short, no blanks, and without a sign of content."""
    return _NAME_SHAPE.fullmatch(text) is not None and not looks_like_content(text)


def may_store_name(text: str, known_words: Collection[str]) -> bool:
    """Whether the name of a detector nobody has described may be stored as it is.

    A password or a person's name has the form of a name, too; so each word has to be known or in `NAME_WORDS`, or be
    a number of one or two digits, as in `my-pii-scanner-2`.
    """
    parts = words(text)
    if not parts or len(parts) > MAX_LABEL_WORDS or not is_name(text) or all(part.isdigit() for part in parts):
        return False
    return all(
        len(part) <= 2 if part.isdigit() else part in NAME_WORDS or _is_known(part, known_words) for part in parts
    )


def hashed_name(digest: str) -> str:
    """What stands in place of a detector's name that may not be stored, given a keyed hash of the name in hex."""
    return f"unlisted-{digest[:16]}"


def is_hashed_name(text: str) -> bool:
    """Whether a text is what `hashed_name` makes."""
    return _HASHED_NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether a text is a version number, as `2.2.363`, `v1` or `1.0.0-rc.2`, and so fit to be stored."""
    return len(text) <= 64 and _VERSION_SHAPE.fullmatch(text) is not None and not looks_private(text)


def is_reference(text: str) -> bool:
    """Whether a text points at evidence kept elsewhere: a UUID, or an `s3 gs az https urn` URI without a query."""
    if _UUID.fullmatch(text):
        return True
    if not _REFERENCE.fullmatch(text):
        return False
    rest = re.sub(_UUID, "", text)
    return not looks_private(rest) and not any(map(reads_like_prose, rest.split("/")))


def _is_known(word: str, known_words: Collection[str]) -> bool:
    if word.isdigit():
        return len(word) <= 3
    return word in known_words or (word.endswith("s") and word[:-1] in known_words)
