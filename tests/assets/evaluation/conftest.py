"""A small world to evaluate in: four detectors, one held out, one label unseen, and a model that is a table."""

import math
from collections.abc import Mapping, Sequence

import pytest
from jsonschema import Draft202012Validator
from mapper_assets.training.golden import GoldenCase

from mapper_assets.evaluation.assess import golden_set
from mapper_assets.evaluation.evaluate import Exam
from mapper_assets.evaluation.scores import Inputs
from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping
from mapper_domain.frameworks import Frameworks
from mapper_domain.taxonomy import Label, Taxonomy

EMAIL, PHONE, NAME = "PII.Contact.Email", "PII.Contact.Phone", "PII.Person.Name"
INSULT, THREAT = "HARM.SPEECH.Insult", "HARM.SPEECH.Threat"
SAFE, UNKNOWN = "OTHER.Safe", "OTHER.Unknown"

SCHEMA = {
    "type": "object",
    "required": ["taxonomy", "scores", "confidence"],
    "properties": {"taxonomy": {"type": "array", "minItems": 1}, "confidence": {"type": "number", "maximum": 1}},
}


class TableScorer:
    """A model that is sure of one label wherever a word of its table stands in the label asked about.

    Attributes:
        asked: every question put to it, in order.
    """

    def __init__(self, labels: Sequence[str], table: Mapping[str, str], sure: float = 0.9) -> None:
        self._labels, self._table, self._sure = labels, table, sure
        self.asked: list[str] = []

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Log-probabilities that sum to one; `OTHER.Unknown` where no word is known."""
        self.asked.extend(questions)
        return [self._score(question.split("Output: ", 1)[1].lower()) for question in questions]

    def _score(self, label: str) -> dict[str, float]:
        best = next((meaning for word, meaning in self._table.items() if word in label), UNKNOWN)
        rest = (1.0 - self._sure) / (len(self._labels) - 1)
        return {name: math.log(self._sure if name == best else rest) for name in self._labels}


def case(detector: str, label: str, expected: str, split: str, **given: object) -> GoldenCase:
    """A golden case; several right labels are written with `|`."""
    fields: dict[str, object] = {"field": None, "kind": "exact", "relation": "any", "gated": True} | given
    return GoldenCase.model_validate(
        {
            "id": f"{detector}/{label}/{split}",
            "detector": detector,
            "label": label,
            "expected": tuple(expected.split("|")),
            "split": split,
            **fields,
        }
    )


@pytest.fixture(scope="session")
def world() -> Catalog:
    """Detectors `mail`, `talk` and `mixed`, and `stranger`, which the tests hold out."""

    def detector(name: str, **maps: str) -> Detector:
        mappings = tuple(LabelMapping(label=label, taxonomy=(meaning,)) for label, meaning in maps.items())
        return Detector(name=name, version="1", kind="test", maps=mappings)

    return Catalog(
        taxonomy=Taxonomy(
            version="2026.11",
            labels=(
                Label(name=EMAIL, aliases=("email", "e-mail address")),
                Label(name=PHONE, aliases=("phone",)),
                Label(name=NAME, aliases=("person",)),
                Label(name=INSULT, aliases=("insult",)),
                Label(name=THREAT),
                Label(name=SAFE, aliases=("safe",)),
                Label(name=UNKNOWN),
            ),
        ),
        detectors=(
            detector("mail", EMAIL=EMAIL, PHONE=PHONE, PERSON=NAME, FAX=PHONE),
            detector("mixed", insulting=INSULT, EMAIL=EMAIL, harmless=SAFE),
            detector("stranger", person_name=NAME, email=EMAIL, insulting=THREAT, menace=THREAT),
            detector("talk", insulting=INSULT, threatening=THREAT, fine=SAFE),
        ),
        frameworks=Frameworks(version="1", editions=(), evidence=()),
    )


@pytest.fixture(scope="session")
def known(world: Catalog) -> Catalog:
    """The same without `stranger` and without the label `FAX` of `mail`."""
    rest = world.without(["stranger"])
    return rest.model_copy(
        update={
            "detectors": tuple(
                d.model_copy(update={"maps": tuple(m for m in d.maps if m.label != "FAX")}) for d in rest.detectors
            )
        }
    )


@pytest.fixture(scope="session")
def cases() -> tuple[GoldenCase, ...]:
    """Cases of every split, one of them not to be gated on."""
    return (
        case("mail", "EMAIL", EMAIL, "seen"),
        case("mail", "PERSON", NAME, "seen"),
        case("mail", "e_mail", EMAIL, "variant"),
        case("mail", "PII_PERSON", NAME, "variant"),
        case("mail", "FAX", PHONE, "unseen_label"),
        case("mixed", "insulting", INSULT, "seen"),
        case("mixed", "harmless", SAFE, "seen"),
        case("stranger", "person_name", NAME, "unseen_detector"),
        case("stranger", "email", EMAIL, "unseen_detector"),
        case("stranger", "insulting", THREAT, "unseen_detector"),
        case("stranger", "menace", THREAT, "unseen_detector"),
        case("stranger", "S1", INSULT, "unseen_detector", gated=False),
        case("talk", "threatening", THREAT, "seen"),
        case("talk", "Threatening", THREAT, "variant"),
    )


@pytest.fixture
def scorer(world: Catalog) -> TableScorer:
    """Knows four words, and takes a person for an insult."""
    table = {"person": INSULT, "mail": EMAIL, "fax": PHONE, "menace": THREAT, "threat": THREAT}
    return TableScorer([label.name for label in world.taxonomy.labels], table)


@pytest.fixture(scope="session")
def exam(world: Catalog, known: Catalog, cases: tuple[GoldenCase, ...]) -> Exam:
    """The small world as an exam."""
    return Exam(
        catalog=world,
        known=known,
        folds=(("stranger",), ("mail", "mixed"), ("talk",)),
        cases=cases,
        golden=golden_set(cases, world, {}),
        schema=Draft202012Validator(SCHEMA),
    )


@pytest.fixture(scope="session")
def inputs(world: Catalog) -> Inputs:
    """A record of what is evaluated."""
    return Inputs(
        adapter_sha256="a" * 64,
        base_model="table",
        dataset_sha256="b" * 64,
        catalog_sha256=world.sha256,
        golden_sha256="c" * 64,
        taxonomy_version=world.taxonomy.version,
        prompt_version="1",
        profile="tiny",
        seed=1,
        held_out=("stranger",),
    )
