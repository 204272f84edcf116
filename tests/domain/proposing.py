"""Vocabularies and opinions for tests of proposals: a model that is as sure of one label as the test says."""

import math
from collections.abc import Mapping, Sequence

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.proposals import Proposal, Term, Vocabulary, propose
from mapper_domain.rules import RuleMapper
from mapper_domain.voices import Opinion, Weights

TRUST = Trust(weights=Weights(together={"adapter": 0.5, "retriever": 0.5}))
RELEASE = "0123456789abcdef"


def opinion(catalog: Catalog, says: Mapping[str, float]) -> Opinion:
    """Both voices say this; what probability is left is spread over all other labels."""
    names = [label.name for label in catalog.taxonomy.labels]
    rest = (1 - sum(says.values())) / (len(names) - len(says))
    said = {name: math.log(says.get(name, rest)) for name in names}
    return {"adapter": said, "retriever": said}


def vocabulary(*labels: str, detector: str = "acme-guard", kind: str = "") -> Vocabulary:
    """These labels, without fields and descriptions."""
    return Vocabulary(detector=detector, kind=kind, terms=tuple(Term(label=label) for label in labels))


def proposed(catalog: Catalog, asked: Vocabulary, says: Sequence[Mapping[str, float] | None]) -> Proposal:
    """What is proposed when the model says this of each label in turn; None where it was not asked."""
    return propose(
        asked,
        [{} if said is None else opinion(catalog, said) for said in says],
        catalog=catalog,
        rules=RuleMapper(catalog),
        trust=TRUST,
        release=RELEASE,
        apart=True,
    )
