"""A small world to evaluate in: four detectors, one held out, one label unseen."""

import pytest
import torch
from jsonschema import Draft202012Validator
from letter_encoder import LetterEncoder
from small_world import (
    EMAIL,
    INSULT,
    NAME,
    PHONE,
    SAFE,
    SCHEMA,
    THREAT,
    UNKNOWN,
    LessonTable,
    TableRetriever,
    TableScorer,
    case,
)

from mapper_assets.evaluation.crossvalidate import cross_validate
from mapper_assets.evaluation.exam import Exam, forget, golden_set
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.scores import Inputs
from mapper_assets.training.golden import GoldenCase
from mapper_assets.training.splits import SplitPlan
from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping
from mapper_domain.frameworks import Frameworks
from mapper_domain.lexicon import Concept, Lexicon
from mapper_domain.taxonomy import Label, Taxonomy


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Equal bytes need equal sums, and those depend on how many threads add up."""
    torch.set_num_threads(1)


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
def plan() -> SplitPlan:
    """Holds out `stranger` and the label `FAX` of `mail`."""
    return SplitPlan(fold="test", seed=1, held_out=("stranger",), unseen_labels=(("mail", "FAX"),))


@pytest.fixture(scope="session")
def known(world: Catalog, plan: SplitPlan) -> Catalog:
    """What is left of the world once everything held out is forgotten."""
    return forget(world, plan)


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


@pytest.fixture
def retriever(world: Catalog) -> TableRetriever:
    """Knows two words the adapter does not know or gets wrong, and misses the rest."""
    labels = [label.name for label in world.taxonomy.labels]
    return TableRetriever(labels, {"person": NAME, "insult": INSULT, "mail": EMAIL}, sure=0.99)


@pytest.fixture(scope="session")
def exam(world: Catalog, known: Catalog, cases: tuple[GoldenCase, ...]) -> Exam:
    """The small world as an exam."""
    return Exam(
        catalog=world,
        known=known,
        held_out=("stranger",),
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
        taxonomy_version=world.taxonomy.version,
        prompt_version="1",
        profile="tiny",
        seed=1,
        held_out=("stranger",),
    )


@pytest.fixture(scope="session")
def world_labels(world: Catalog) -> list[str]:
    """Names of all labels of the world."""
    return [label.name for label in world.taxonomy.labels]


@pytest.fixture(scope="session")
def world_lexicon() -> Lexicon:
    """Words of the small world, among them two that the held-out detector says."""
    return Lexicon(
        concepts=(
            Concept(label=THREAT, forms=("menace", "intimidation", "threatening behaviour")),
            Concept(label=NAME, forms=("person name", "full name")),
            Concept(label=PHONE, forms=("fax number", "telephone")),
            Concept(label=EMAIL, forms=("e mail",)),
        ),
        detectors=(),
    )


@pytest.fixture(scope="session")
def cross_validated(world: Catalog, world_lexicon: Lexicon) -> tuple[FoldScores, dict[str, bytes]]:
    """The small world, cross-validated in two folds with a retriever that is a table of its lessons."""
    return cross_validate(
        world,
        world_lexicon,
        {"one": frozenset({"stranger", "mixed"}), "two": frozenset({"mail", "talk"})},
        fit=LessonTable,
        encoder=LetterEncoder(),
        seed=1,
        log=[].append,
    )


@pytest.fixture(scope="session")
def crossed(cross_validated: tuple[FoldScores, dict[str, bytes]]) -> FoldScores:
    """Its scores."""
    return cross_validated[0]
