"""Whether a label says in so many words that nothing is wrong.

To call a harm safe is the worst mistake a mapper can make, so a model alone may do it only where the label's own
words do. `no <harm>` does not count: as often as a verdict it is the name of a policy that was broken.
"""

from mapper_domain.text import words

REASSURING = frozenset(
    (
        *("safe", "benign", "harmless", "unharmful", "innocuous", "clean", "ok", "okay", "fine", "none", "nothing"),
        *("pass", "passed", "neutral", "normal", "acceptable", "appropriate", "inoffensive", "unoffensive", "sfw"),
        *("allow", "allowed", "permitted", "approved", "compliant", "legitimate", "legit", "ham"),
        *("grounded", "supported", "entailment", "entailed", "faithful", "nontoxic", "nonharmful", "unproblematic"),
    )
)
"""Words that say all is well."""

DENYING = frozenset(("not", "non", "without", "free"))
"""Words that turn a harm into its absence, and a reassuring word into its opposite."""

NEGATIONS = DENYING | {"no", "never", "un"}


def reassures(*texts: str) -> bool:
    """Whether one of these texts (a label, its description) says that nothing is wrong."""
    return any(_reassures(frozenset(words(text))) for text in texts)


def denies(*texts: str) -> bool:
    """Whether one of these texts has a word that turns its meaning round, so that `no <harm>` is about the harm."""
    return any(NEGATIONS & frozenset(words(text)) for text in texts)


def _reassures(said: frozenset[str]) -> bool:
    if said & REASSURING:
        return not said & NEGATIONS
    return bool(said & DENYING)
