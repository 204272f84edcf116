"""What a detector is about by its own name: `medical-phi` hardly reports tobacco as a regulated good."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from mapper_domain.text import words

_WORDS: Final[Mapping[tuple[str, ...], str]] = {
    ("PII",): "pii personal privacy gdpr anonymizer anonymize deid deidentify deidentification redact redactor"
    " redaction dlp ner",
    ("PII", "PII.Health"): "phi hipaa medical health clinical",
    ("FINANCIAL",): "pci payment payments card cards bank banking financial",
    ("SECRETS",): "secret secrets leak leaks credential credentials password passwords",
    ("HARM",): "moderation moderator harm harmful",
    ("HARM.SPEECH",): "toxicity toxic hate hateful hatespeech abuse abusive offensive profanity insult bullying",
    ("HARM.SEXUAL",): "nsfw nudity porn adult",
    ("HARM.VIOLENCE",): "violence gore",
    ("HARM.VIOLENCE.SelfHarm", "HARM.VIOLENCE.Suicide", "HARM.SELF_HARM"): "selfharm suicide",
    ("JAILBREAK", "PROMPT_INJECTION"): "jailbreak injection prompt",
    ("SECURITY",): "code sast appsec vulnerability vulnerabilities exploit malware virus phishing",
    ("BIAS",): "bias fairness stereotype stereotypes",
}
"""Words in names of detectors, and where in the taxonomy what they look for lies."""


@lru_cache(maxsize=1024)
def subjects(detector: str, kind: str = "") -> frozenset[str]:
    """Paths of the taxonomy that a detector of this name, or of this kind, is about; none where nothing is said."""
    told = {*words(detector), *words(kind)}
    return frozenset(path for paths, found in _WORDS.items() if told.intersection(found.split()) for path in paths)


def about(label: str, paths: frozenset[str]) -> bool:
    """Whether a canonical label lies on one of these paths, or is one."""
    return not paths.isdisjoint(_upwards(label))


def _upwards(label: str) -> Iterator[str]:
    """The label and every path it lies below: `A.B.C`, `A.B`, `A`."""
    while label:
        yield label
        label = label.rpartition(".")[0]
