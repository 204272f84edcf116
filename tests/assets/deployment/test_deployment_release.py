"""A release is its content; it serves only behind the gates; going back is going forward to an older one."""

import pytest

from mapper_assets.deployment.pointer import promotions
from mapper_assets.deployment.release import assemble, named, promote
from mapper_assets.gates import Gates
from mapper_assets.training.train_retriever import RetrieverError
from mapper_domain.catalog import load
from mapper_domain.errors import GatesFailed, ReleaseCorrupt, ReleaseMismatch, ReleaseMissing
from mapper_domain.layout import Layout
from mapper_domain.release import read_pointer, verify


@pytest.fixture
def made(layout, sources, evaluated, retrieved):
    """Assembles a release of an adapter with these weights."""
    return lambda **values: assemble(layout, sources, evaluated(**values), retrieved(), Gates())


def serve(layout, release, **values):
    return promote(layout, release, **{"by": "ada", "reason": "test", "gates": Gates(), **values})


def serving(layout: Layout) -> str | None:
    pointer = read_pointer(layout.releases)
    return pointer.release if pointer else None


def test_a_release_holds_both_voices_catalogue_answers_and_scores_and_verifies(layout, sources, made):
    folder = layout.releases / made()
    manifest = verify(folder)
    tops = {"adapter", "retriever", "catalog", "answers.jsonl", "scores.json"}
    assert {name.split("/")[0] for name in manifest.files} == tops
    assert manifest.files["retriever/retriever.safetensors"] == manifest.retriever_sha256
    assert manifest.libraries["scikit-learn"] == "1.9.0"
    assert load(folder / "catalog").sha256 == load(sources).sha256 == manifest.catalog_sha256
    assert manifest.adapter_rank == 16
    assert manifest.gates == dict.fromkeys(Gates.model_fields, True)


def test_the_same_content_is_the_same_release_and_leaves_nothing_behind(layout, made):
    first = made()
    before = {path: path.stat().st_mtime_ns for path in layout.releases.rglob("*") if path.is_file()}
    assert made() == first
    assert {path: path.stat().st_mtime_ns for path in layout.releases.rglob("*") if path.is_file()} == before


def test_files_of_a_release_are_read_only(layout, made):
    folder = layout.releases / made()
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o444}


def test_a_catalogue_that_was_edited_after_the_evaluation_is_not_released(layout, sources, evaluated, retrieved):
    evaluation, retriever = evaluated(), retrieved()
    with (sources / "detectors" / "deberta-toxicity.yaml").open("a") as file:
        file.write("  very_rude: HARM.SPEECH.Toxicity\n")
    assert load(sources).detector("deberta-toxicity").find("very_rude")
    with pytest.raises(ReleaseMismatch, match="no longer the one that was evaluated"):
        assemble(layout, sources, evaluation, retriever, Gates())
    assert list(layout.releases.iterdir()) == []


def test_a_comment_added_after_the_evaluation_does_not_matter(layout, sources, evaluated, retrieved):
    evaluation, retriever = evaluated(), retrieved()
    with (sources / "taxonomy" / "taxonomy.yaml").open("a") as file:
        file.write("# reviewed\n")
    verify(layout.releases / assemble(layout, sources, evaluation, retriever, Gates()))


def test_altered_weights_are_not_released(layout, sources, evaluated, retrieved):
    evaluation, retriever = evaluated(), retrieved()
    (weights,) = layout.root.glob("adapters/*/adapter_model.safetensors")
    weights.write_bytes(b"other")
    with pytest.raises(ReleaseCorrupt, match="not what was evaluated"):
        assemble(layout, sources, evaluation, retriever, Gates())


def test_a_release_carries_no_lexicon_because_nothing_reads_it_at_run_time(layout, sources, made):
    assert (sources / "taxonomy" / "lexicon").is_dir()
    assert not list((layout.releases / made()).rglob("*lexicon*"))


def test_a_retriever_of_another_catalogue_is_not_released(layout, sources, evaluated, retrieved):
    with pytest.raises(ReleaseMismatch, match="materialise training/retriever"):
        assemble(layout, sources, evaluated(), retrieved(catalog_sha256="0" * 64), Gates())
    assert list(layout.releases.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda folder: (folder / "retriever.safetensors").write_bytes(b"other"), ReleaseCorrupt),
        (lambda folder: (folder / "retriever.safetensors").unlink(), ReleaseMissing),
        (lambda folder: (folder / "retriever.json").unlink(), RetrieverError),
    ],
    ids=["altered weights", "no weights", "no record"],
)
def test_a_damaged_retriever_is_not_released(layout, sources, evaluated, retrieved, damage, error):
    evaluation, retriever = evaluated(), retrieved()
    damage(layout.retriever(retriever))
    with pytest.raises(error, match="materialise"):
        assemble(layout, sources, evaluation, retriever, Gates())


def test_another_retriever_makes_another_release(layout, sources, evaluated, retrieved):
    evaluation = evaluated()
    first = assemble(layout, sources, evaluation, retrieved(), Gates())
    assert assemble(layout, sources, evaluation, retrieved(weights=b"other"), Gates()) != first


def test_an_evaluation_that_is_gone_is_named_with_its_remedy(layout, sources, retrieved):
    with pytest.raises(ReleaseMissing, match="materialise evaluation/golden_set_evaluation"):
        assemble(layout, sources, "f" * 64, retrieved(), Gates())


def test_promoting_makes_it_serve_and_says_who_and_why(layout, made):
    release = made()
    outcome = serve(layout, release, by="ada", reason="first one")
    assert (outcome.changed, serving(layout)) == (True, release)
    (entry,) = promotions(layout.releases)
    assert (entry.by, entry.reason, entry.previous, entry.release) == ("ada", "first one", None, release)


def test_promoting_what_serves_already_changes_and_logs_nothing(layout, made):
    release = made()
    serve(layout, release)
    pointer = (layout.releases / "current.json").read_bytes()
    assert not serve(layout, release).changed
    assert (layout.releases / "current.json").read_bytes() == pointer
    assert len(promotions(layout.releases)) == 1


def test_a_release_below_a_gate_is_refused_with_value_and_threshold_and_the_pointer_stays(layout, made):
    good, bad = made(), made(weights=b"worse", f1=0.5)
    serve(layout, good)
    with pytest.raises(GatesFailed, match=r"f1 is 0\.5, the gate is 0\.9"):
        serve(layout, bad)
    assert serving(layout) == good
    assert len(promotions(layout.releases)) == 1


def test_gates_that_were_raised_since_are_the_ones_that_count(layout, made):
    with pytest.raises(GatesFailed):
        serve(layout, made(f1=0.95), gates=Gates(f1=0.99))


@pytest.mark.parametrize("file", ["answers.jsonl", "adapter/adapter_model.safetensors", "scores.json"])
def test_an_altered_release_is_never_promoted(layout, made, file):
    release = made()
    path = layout.releases / release / file
    path.chmod(0o644)
    path.write_bytes(b"altered")
    with pytest.raises(ReleaseCorrupt, match=file):
        serve(layout, release)
    assert serving(layout) is None


def test_rolling_back_promotes_the_release_before_and_can_pin_it(layout, made):
    first, second = made(), made(weights=b"second")
    serve(layout, first)
    serve(layout, second)
    serve(layout, named(layout, "previous"), hold=True, reason="second misbehaves")
    assert serving(layout) == first
    assert [(p.previous, p.release, p.hold) for p in promotions(layout.releases)] == [
        (None, first, False),
        (first, second, False),
        (second, first, True),
    ]


def test_a_pinned_release_stays_against_automation_but_not_against_a_person(layout, made):
    first, second = made(), made(weights=b"second")
    serve(layout, first, hold=True)
    waiting = serve(layout, second, automatic=True)
    assert (waiting.held, waiting.changed, serving(layout)) == (True, False, first)
    assert "pinned" in waiting.sentence
    assert serve(layout, second).changed
    assert serving(layout) == second


def test_automation_does_not_let_go_of_a_pin_by_promoting_the_same_release(layout, made):
    first, second = made(), made(weights=b"second")
    serve(layout, first, hold=True)
    assert not serve(layout, first, automatic=True).held
    assert serve(layout, second, automatic=True).held


def test_letting_go_of_a_pin_is_logged_although_the_release_stays(layout, made):
    release = made()
    serve(layout, release, hold=True)
    outcome = serve(layout, release)
    assert not outcome.changed
    assert [p.hold for p in promotions(layout.releases)] == [True, False]


def test_the_very_first_release_is_not_kept_from_serving_by_anything(layout, made):
    assert serve(layout, made(), automatic=True).changed


@pytest.mark.parametrize("name", ["0123456789abcdef", "../..", ".staging-x", ""])
def test_an_unknown_release_is_refused_naming_those_there_are(layout, made, name):
    release = made()
    with pytest.raises(ReleaseMissing, match=release):
        named(layout, name)
