import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from small_world import EMAIL, INSULT, NAME, PHONE, THREAT, TableRetriever, TableScorer

from mapper_assets.evaluation.evaluate import Evaluate, Evaluation, EvaluationError, evaluate, run
from mapper_assets.evaluation.exam import Exam
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.rivals import Example, Lookup, Rival
from mapper_assets.evaluation.scores import (
    ANSWERS,
    GATED,
    PAGE,
    PREDICTIONS,
    RIVALS,
    SCORES,
    SPLITS,
    SUMMARY,
    SYSTEMS,
    Inputs,
    Scores,
)
from mapper_assets.evaluation.write import write
from mapper_assets.gates import Gates, judge
from mapper_assets.training.train_lora import read_record
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_domain.rules import Match

ROOT = Path(__file__).parents[3]
TABLE = {"person": INSULT, "mail": EMAIL, "fax": PHONE, "menace": THREAT, "threat": THREAT}


class Notes:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.metadata: Mapping[str, object] = {}

    def log(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(message)

    def result(self, metadata: Mapping[str, object]) -> None:
        """Keep the result."""
        self.metadata = metadata


@pytest.fixture(scope="module")
def rivals() -> dict[str, Rival]:
    """Tables: one that knows three words, one that knows one, and others that know nothing."""
    return {
        **{name: Lookup([]) for name in RIVALS},
        "lookup": Lookup([Example("email", EMAIL), Example("person", NAME), Example("insulting", INSULT)]),
        "nearest_neighbour": Lookup([Example("email", EMAIL)]),
    }


@pytest.fixture
def echo(world_labels: list[str]) -> TableRetriever:
    """Says what the adapter says."""
    return TableRetriever(world_labels, TABLE)


@pytest.fixture(scope="module")
def result(exam: Exam, rivals: dict[str, Rival], inputs: Inputs, world_labels: list[str]) -> Evaluation:
    adapter, retriever = TableScorer(world_labels, TABLE), TableRetriever(world_labels, TABLE)
    return evaluate(exam, adapter, retriever, rivals, inputs=inputs, calls=100, log=[].append)


def test_every_system_is_scored_on_every_split(result: Evaluation) -> None:
    assert set(result.scores.systems) == set(SYSTEMS)
    assert all(set(by_split) == {*SPLITS, GATED} for by_split in result.scores.systems.values())


def test_numbers_are_those_of_the_small_world(result: Evaluation) -> None:
    scores = result.scores
    assert scores.score("mapper", "seen").f1 == 1.0
    assert scores.score("mapper", "variant").by_detector == {"mail": 0.5, "talk": 1.0}
    assert scores.score("mapper", "unseen_label").f1 == 1.0
    assert scores.score("mapper", "unseen_detector").by_detector == {"stranger": 0.5}
    assert scores.score("lookup", "unseen_detector").by_detector == {"stranger": 0.25}
    assert scores.gains["unseen_detector"]["lookup"].f1 == pytest.approx(0.25)


def test_disputes_with_reviewed_mappings_are_counted(result: Evaluation) -> None:
    agreement = result.scores.agreement
    assert (agreement.asked, agreement.disagreed) == (7, 3)


def test_labels_without_a_meaning_are_refused(result: Evaluation) -> None:
    assert (result.scores.nonsense.asked, result.scores.nonsense.refused) == (60, 60)


def test_every_question_is_put_once(
    exam: Exam, scorer: TableScorer, echo: TableRetriever, rivals: dict[str, Rival], inputs: Inputs
) -> None:
    found = evaluate(exam, scorer, echo, rivals, inputs=inputs, calls=100, log=[].append)
    assert len(scorer.asked) == len(set(scorer.asked)) == found.scores.model_calls == found.timing.questions


def test_a_small_budget_is_kept_and_audited_cases_are_scored_all_the_same(
    exam: Exam, scorer: TableScorer, echo: TableRetriever, rivals: dict[str, Rival], inputs: Inputs
) -> None:
    found = evaluate(exam, scorer, echo, rivals, inputs=inputs, calls=4, log=[].append).scores
    assert len(scorer.asked) == 4
    assert found.score("mapper", "seen").cases == 5


def test_the_answers_for_serving_know_every_label_of_every_detector(result: Evaluation, exam: Exam) -> None:
    answers = [json.loads(line) for line in result.texts[ANSWERS].splitlines()]
    assert [(a["detector"], a["label"]) for a in answers] == [
        (d.name, m.label) for d in exam.catalog.detectors for m in d.maps
    ]
    assert all(a["answer"]["match"] == Match.EXACT and a["answer"]["confidence"] == 1.0 for a in answers)


def test_an_answer_says_whether_the_model_was_asked_and_agreed(result: Evaluation) -> None:
    answers = {(a["detector"], a["label"]): a["answer"] for a in map(json.loads, result.texts[ANSWERS].splitlines())}
    assert answers[("mail", "EMAIL")]["agreement"] is True
    assert answers[("mail", "PERSON")]["agreement"] is False
    assert answers[("mail", "FAX")]["agreement"] is True


def test_predictions_name_system_case_and_route(result: Evaluation) -> None:
    lines = [json.loads(line) for line in result.texts[PREDICTIONS].splitlines()]
    menace = {line["system"]: line for line in lines if line["label"] == "menace"}
    assert set(menace) == set(SYSTEMS)
    assert (menace["mapper"]["route"], menace["mapper"]["f1"]) == ("model", 1.0)


def test_equal_inputs_give_equal_bytes(
    exam: Exam, scorer: TableScorer, echo: TableRetriever, rivals: dict[str, Rival], inputs: Inputs, tmp_path: Path
) -> None:
    first, second = (evaluate(exam, scorer, echo, rivals, inputs=inputs, calls=6, log=[].append) for _ in range(2))
    found = [write(e.scores, e.texts, e.pictures, e.timing, Layout(tmp_path)) for e in (first, second)]
    assert found[0] == found[1]


def test_what_is_written_is_named_by_its_scores_and_can_be_read_back(result: Evaluation, tmp_path: Path) -> None:
    sha256, folder = write(result.scores, result.texts, result.pictures, result.timing, Layout(tmp_path))
    assert (folder.name, sha256_file(folder / SCORES)) == (sha256, sha256)
    read = Scores.model_validate_json((folder / SCORES).read_bytes())
    assert {name: sha256_file(folder / name) for name in (PREDICTIONS, ANSWERS)} == read.files
    assert read.score("mapper", "unseen_detector").f1 == result.scores.score("mapper", "unseen_detector").f1
    assert {path.suffix for path in folder.iterdir()} == {".json", ".jsonl", ".md", ".html", ".png"}


def test_figures_are_pictures(result: Evaluation) -> None:
    assert set(result.pictures) == {"reliability.png", "risk_coverage.png", "confusion.png", "systems.png"}
    assert all(png.startswith(b"\x89PNG") for png in result.pictures.values())


@pytest.mark.parametrize(
    "sentence",
    [
        "| mapper | 1.000 (1.000–1.000) |",
        "On unseen detectors, the mapper does NOT beat the strongest rival: the difference is within chance",
        "Of 7 reviewed mappings the model was asked about, it preferred another label for 3.",
        "| PII_PERSON | mail | variant | PII.Person.Name | HARM.SPEECH.Insult | 0.90 | model |",
        "Held out of adapter, retriever, rivals and rules: stranger.",
        "Reviewed mappings decide 7 of 8 seen and variant cases",
    ],
)
def test_the_page_says_what_was_found(sentence: str, result: Evaluation) -> None:
    assert sentence in result.texts[SUMMARY]
    assert all(cell in result.texts[PAGE] for cell in sentence.strip("| ").split(" | "))


def test_a_mapper_that_beats_its_rivals_is_said_to(exam: Exam, inputs: Inputs, world_labels: list[str]) -> None:
    knows = TableScorer(world_labels, {"person": NAME, "mail": EMAIL, "fax": PHONE, "menace": "HARM.SPEECH.Threat"})
    nothing: dict[str, Rival] = {name: Lookup([]) for name in RIVALS}
    retriever = TableRetriever(world_labels, {"person": NAME, "mail": EMAIL, "fax": PHONE, "menace": THREAT})
    page = evaluate(exam, knows, retriever, nothing, inputs=inputs, calls=100, log=[].append).texts[SUMMARY]
    assert "On unseen detectors, the mapper beats the strongest rival" in page


def test_the_ablation_tells_what_each_voice_adds(
    exam: Exam, scorer: TableScorer, retriever: TableRetriever, rivals: dict[str, Rival], inputs: Inputs
) -> None:
    scores = evaluate(exam, scorer, retriever, rivals, inputs=inputs, calls=100, log=[].append).scores
    right = {name: scores.first[name]["variant"].by_detector for name in ("adapter", "retriever", "model")}
    assert right["adapter"] == {"mail": 0.5, "talk": 1.0}
    assert right["model"] == right["retriever"] == {"mail": 1.0, "talk": 0.0}
    gains = scores.ablation["variant"]
    assert (gains["adapter"].f1, gains["retriever"].f1) == (pytest.approx(-0.25), 0.0)


def test_what_is_answered_and_what_would_be_named_are_scored_apart(
    exam: Exam, rivals: dict[str, Rival], inputs: Inputs, world_labels: list[str]
) -> None:
    unsure = TableScorer(world_labels, {"menace": THREAT}, sure=0.5)
    retriever = TableRetriever(world_labels, {"menace": THREAT}, sure=0.5)
    scores = evaluate(exam, unsure, retriever, rivals, inputs=inputs, calls=100, log=[].append).scores
    answered, first = scores.systems["mapper"]["unseen_label"], scores.first["mapper"]["unseen_detector"]
    assert answered.f1 == 0.0
    assert first.f1 > scores.systems["mapper"]["unseen_detector"].f1


def test_a_cross_validation_at_hand_sets_what_rests_on_all_detectors(
    exam: Exam, scorer: TableScorer, echo: TableRetriever, rivals: dict[str, Rival], inputs: Inputs, crossed: FoldScores
) -> None:
    found = evaluate(exam, scorer, echo, rivals, inputs=inputs, calls=100, log=[].append, crossed=crossed)
    assert found.scores.trust.weights.retriever == crossed.weights.retriever
    assert found.scores.trust.safe_threshold >= crossed.safe_threshold
    assert "Label alone, lexicon without the held-out strings" in found.texts[PAGE]


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="tiny, default, full"):
        run(Evaluate(artifacts=tmp_path, adapter="x", profile="huge"), Notes())


@pytest.fixture
def artifacts(base_model: Path, tiny_adapter: Path, tmp_path: Path) -> Path:
    """An artefact root of its own, with the real base model and adapter in their places."""
    layout = Layout(tmp_path)
    for place, real in (
        (layout.base_model(base_model.name), base_model),
        (layout.adapter(tiny_adapter.name), tiny_adapter),
    ):
        place.parent.mkdir(parents=True)
        place.symlink_to(real)
    return tmp_path


@pytest.mark.slow
def test_a_real_adapter_is_evaluated_from_files_to_gates(artifacts: Path, tiny_adapter: Path) -> None:
    notes = Notes()
    parameters = Evaluate(
        root=ROOT, artifacts=artifacts, adapter=tiny_adapter.name, profile="tiny", calls=24, lessons=500, threads=1
    )
    sha256 = run(parameters, notes)
    scores = Scores.model_validate_json((Layout(artifacts).evaluation(sha256) / SCORES).read_bytes())
    assert notes.metadata["sha256"] == sha256
    assert scores.inputs.dataset_sha256 == read_record(tiny_adapter).dataset_sha256
    assert scores.model_calls == 24
    assert 500 < scores.inputs.retriever_lessons < 5000
    assert scores.score("retriever", "unseen_detector").f1 > 0.7
    assert scores.score("mapper", "seen").f1 == 1.0
    assert scores.score("minilm_char_regression", "unseen_detector").f1 > 0.7
    passed = {v.name for v in judge(scores, Gates()) if v.passed}
    assert passed >= {"schema_valid_rate", "golden_cases_per_detector", "category_coverage"}


@pytest.mark.slow
def test_an_adapter_trained_on_other_rows_is_refused(artifacts: Path, tiny_adapter: Path) -> None:
    parameters = Evaluate(root=ROOT, artifacts=artifacts, adapter=tiny_adapter.name, profile="tiny", seed=7)
    with pytest.raises(EvaluationError, match="trained on dataset"):
        run(parameters, Notes())
