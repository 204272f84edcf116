"""What vendors put around the words that matter: categories above a label, statuses and states of maturity behind it.

A retriever that has seen `violence` in many wrappers does not mistake `harm_category_violence` for harm in general.
"""

import random

BEFORE = (
    *("harm category", "category", "image", "content", "unsafe", "label", "risk", "policy", "type", "rule"),
    *("is", "contains", "potential", "detected", "text"),
)
AFTER = (
    *("detected", "score", "content", "filter result", "violation", "risk", "level", "flag", "text", "type"),
    *("class", "category", "attempt", "image", "finding", "severity"),
    *("experimental", "beta", "preview", "legacy", "v2"),
)
ABOVE = ("toxicity", "security", "safety", "privacy", "moderation", "illegal activity", "pii")
"""Broad headings below which a narrower label stands."""


def wrapped(text: str, label: str, chance: random.Random) -> str:
    """A label string in one wrapper: words before it, behind it or both, or a broader heading above it.

    Args:
        text: the label string.
        label: its canonical label, whose own path gives headings too.
        chance: decides.
    """
    kind = chance.random()
    if kind < 0.35:
        return f"{chance.choice(BEFORE)} {text}"
    if kind < 0.65:
        return f"{text} {chance.choice(AFTER)}"
    if kind < 0.85:
        return f"{chance.choice((*label.lower().split('.')[:-1], *ABOVE))} {text}"
    return f"{chance.choice(BEFORE)} {text} {chance.choice(AFTER)}"
