"""Documented native answers of detectors that cannot run here, drawn with a seed from their own vocabularies.

Shapes and labels are the vendors' (see `output_shape` in each YAML). Answers that quote what they looked at quote
an invented value, so that the demo proves such values are dropped. `UNSEEN` are labels the shipped YAML does not have.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector

Native = dict[str, Any] | list[Any] | str
Stream = Callable[[random.Random, Sequence[str], str], Native]

UNSEEN: Mapping[str, tuple[str, ...]] = {
    "aws-comprehend-pii": ("EU_TAX_IDENTIFIER", "HEALTH_INSURANCE_POLICY_NUMBER"),
    "gitleaks": ("acme-billing-api-token", "kubernetes-service-account-key"),
    "llama-guard-3": ("S15", "Gambling"),
    "openai-moderation": ("harassment/coordinated", "fraud/impersonation"),
    "perspective-api": ("SCAM_EXPERIMENTAL", "INCITEMENT_TO_VIOLENCE"),
    "presidio": ("BR_CPF", "PASSPORT_PHOTO"),
}
UNDESCRIBED = "our-policy-filter"
"""A detector without a YAML, and what it sends: its labels, with what they mean in a line."""

UNDESCRIBED_ANSWER: list[dict[str, str]] = [
    {"label": "no-go-zone", "description": "talk about a topic that our policy rules out"},
    {"label": "leaked_roadmap", "description": "confidential product plans in the answer"},
]


def answers(detector: Detector, rng: random.Random, values: Sequence[str], count: int) -> list[Native]:
    """Native answers of one detector, about one in four of them benign.

    Args:
        detector: one of `STREAMS`, for its vocabulary.
        rng: decides everything.
        values: invented personal data for answers that quote what they found.
        count: how many answers.
    """
    shape = STREAMS[detector.name]
    labels = [mapping.label for mapping in detector.maps if mapping.label not in ("safe", "unsafe")]
    found = (rng.sample(labels, rng.choice((0, 1, 1, 2))) for _ in range(count))
    return [shape(rng, some, rng.choice(values)) for some in found]


def unseen_answers(catalog: Catalog, rng: random.Random, values: Sequence[str]) -> list[tuple[str, Native]]:
    """Detector and native answer for each label nobody has described."""
    return [
        (name, STREAMS[name](rng, [label], rng.choice(values)) if name in STREAMS else label)
        for name, labels in UNSEEN.items()
        for label in labels
        if catalog.detector(name).find(label) is None
    ]


def _llama_guard(_rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    return "\n\nunsafe\n" + ",".join(labels) if labels else "\n\nsafe"


def _openai(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    names = ("harassment", "hate", "self-harm", "sexual", "violence", *labels)
    scores = {name: rng.uniform(0.55, 0.99) if name in labels else rng.uniform(0.0, 0.05) for name in names}
    result = {"flagged": bool(labels), "categories": {n: n in labels for n in names}, "category_scores": scores}
    return {"id": f"modr-{rng.getrandbits(48):x}", "model": "omni-moderation-latest", "results": [result]}


def _azure(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    names = dict.fromkeys(("Hate", "SelfHarm", "Sexual", "Violence", *labels))
    return {
        "blocklistsMatch": [],
        "categoriesAnalysis": [
            {"category": name, "severity": rng.choice((2, 4, 6)) if name in labels else 0} for name in names
        ],
    }


def _perspective(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    names = dict.fromkeys(("TOXICITY", "INSULT", "THREAT", *labels))
    value = {name: rng.uniform(0.6, 0.98) if name in labels else rng.uniform(0.01, 0.3) for name in names}
    scores = {name: {"summaryScore": {"value": value[name], "type": "PROBABILITY"}} for name in names}
    return {"attributeScores": scores, "languages": ["en"]}


def _gitleaks(rng: random.Random, labels: Sequence[str], value: str) -> Native:
    return [
        {
            "RuleID": label,
            "Description": "Identified a possible credential.",
            "File": "app/settings.py",
            "StartLine": rng.randint(1, 200),
            "Match": f'TOKEN = "{value}"',
            "Secret": value,
            "Entropy": round(rng.uniform(3.2, 5.1), 3),
            "Fingerprint": f"app/settings.py:{label}:{rng.randint(1, 200)}",
        }
        for label in labels
    ]


def _comprehend(rng: random.Random, labels: Sequence[str], value: str) -> Native:
    begins = [rng.randint(0, 400) for _ in labels]
    return {
        "Entities": [
            {"Score": round(rng.uniform(0.8, 0.999), 4), "Type": label, "BeginOffset": at, "EndOffset": at + len(value)}
            for label, at in zip(labels, begins, strict=True)
        ]
    }


def _dlp(rng: random.Random, labels: Sequence[str], value: str) -> Native:
    likelihoods = ("POSSIBLE", "LIKELY", "VERY_LIKELY")
    found = [{"quote": value, "infoType": {"name": label}, "likelihood": rng.choice(likelihoods)} for label in labels]
    return {"result": {"findings": found} if found else {}}


def _garak(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    rows = [("dan.Dan_11_0", label, rng.randint(0, 49)) for label in labels] or [("dan.Dan_11_0", "dan.DAN", 50)]
    return [
        {"entry_type": "eval", "probe": probe, "detector": detector, "passed": passed, "total": 50}
        for probe, detector, passed in rows
    ]


def _prompt_guard(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    return [{"label": labels[0] if labels else "BENIGN", "score": round(rng.uniform(0.7, 0.99), 4)}]


def _deberta(rng: random.Random, labels: Sequence[str], _value: str) -> Native:
    names = dict.fromkeys(("toxic", "insult", "threat", *labels))
    return [{"label": n, "score": rng.uniform(0.6, 0.98) if n in labels else rng.uniform(0.0, 0.2)} for n in names]


STREAMS: Mapping[str, Stream] = {
    "aws-comprehend-pii": _comprehend,
    "azure-content-safety": _azure,
    "deberta-toxicity": _deberta,
    "garak-detectors": _garak,
    "gitleaks": _gitleaks,
    "google-cloud-dlp": _dlp,
    "llama-guard-3": _llama_guard,
    "llama-prompt-guard-1": _prompt_guard,
    "openai-moderation": _openai,
    "perspective-api": _perspective,
}
