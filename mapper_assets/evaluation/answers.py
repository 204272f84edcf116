"""The ladder's answer to every label of the whole catalogue: what serving preloads so that known labels cost a look-up.

Unlike the evaluation, this knows every detector: serving will, too.
"""

from mapper_assets.evaluation.predict import Opinions
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust, decide
from mapper_domain.question import Question
from mapper_domain.release import KnownAnswer
from mapper_domain.rules import RuleMapper
from mapper_domain.voices import fuse


def known_answers(catalog: Catalog, opinions: Opinions, trust: Trust) -> tuple[KnownAnswer, ...]:
    """An answer for every (detector, field, label) of the catalogue, in catalogue order."""
    rules = RuleMapper(catalog)
    found = []
    for detector in catalog.detectors:
        for mapping in detector.maps:
            question = Question(detector=detector.name, label=mapping.label, kind=detector.kind, field=mapping.field)
            opinion = opinions.get(question.instruction, {})
            answer = decide(
                rules.find(detector.name, mapping.label, mapping.field),
                fuse(opinion, trust.weights) if "adapter" in opinion else None,
                trust=trust,
                threshold=detector.threshold,
                said=(mapping.label,),
            )
            found.append(KnownAnswer(detector=detector.name, field=mapping.field, label=mapping.label, answer=answer))
    return tuple(found)
