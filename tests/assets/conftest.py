"""An evaluated adapter on disk beside the real catalogue: what a release is assembled from."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_lexicon import write_lexicon

from mapper_assets.evaluation.scores import (
    ANSWERS,
    GATED,
    SCORES,
    Agreement,
    GoldenSet,
    Inputs,
    Refusals,
    Scores,
    Validity,
    WeightsFit,
)
from mapper_assets.training.profiles import BASES, BUDGETS
from mapper_assets.training.train_lora import RECORD, LossPoint, Training
from mapper_assets.training.train_retriever import Fitted
from mapper_domain.catalog import load
from mapper_domain.ladder import Trust
from mapper_domain.layout import Layout
from mapper_domain.release import BaseModelRef, sha256_file, sha256_text
from mapper_domain.resampling import Interval
from mapper_domain.scoring import Difference, Score
from mapper_domain.voices import Weights

REPOSITORY = Path(__file__).parents[2]
BASE = "smollm2-135m-instruct"


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout(tmp_path / "artifacts")


@pytest.fixture
def sources(tmp_path) -> Path:
    """A copy of the real taxonomy, frameworks and one detector, with its golden set, that a test may edit."""
    root = tmp_path / "sources"
    for folder in ("taxonomy", "frameworks"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("lexicon"))
    write_lexicon(root)
    (root / "detectors").mkdir()
    (root / "tests" / "golden").mkdir(parents=True)
    shutil.copy2(REPOSITORY / "detectors" / "deberta-toxicity.yaml", root / "detectors")
    shutil.copy2(REPOSITORY / "tests" / "golden" / "deberta-toxicity.jsonl", root / "tests" / "golden")
    return root


@pytest.fixture
def evaluated(layout, sources) -> Callable[..., str]:
    """Writes an adapter and an evaluation of it, and returns the evaluation's hash."""

    def write(*, weights: bytes = b"weights", f1: float = 0.95, answers: str = "{}\n") -> str:
        adapter_sha256 = write_adapter(layout, weights)
        scores = scores_of(adapter_sha256, load(sources).sha256, f1=f1, answers=answers)
        sha256 = sha256_text(scores.model_dump_json())
        folder = layout.evaluation(sha256)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCORES).write_text(scores.model_dump_json())
        (folder / ANSWERS).write_text(answers)
        return sha256

    return write


@pytest.fixture
def retrieved(layout, sources) -> Callable[..., str]:
    """Writes a retriever fitted on the sources, and returns the hash of its weights."""

    def write(*, weights: bytes = b"retriever weights", catalog_sha256: str = "") -> str:
        return write_retriever(layout, weights, catalog_sha256 or load(sources).sha256)

    return write


def write_retriever(layout: Layout, weights: bytes, catalog_sha256: str) -> str:
    sha256 = hashlib.sha256(weights).hexdigest()
    folder = layout.retriever(sha256)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "retriever.safetensors").write_bytes(weights)
    fitted = Fitted(
        retriever_sha256=sha256,
        recipe="1",
        lessons=2,
        lessons_sha256="e" * 64,
        tuned_on=(2, "e" * 64),
        by_source={"form": 2},
        by_label={"PII.Contact.Email": 2},
        catalog_sha256=catalog_sha256,
        lexicon_sha256="f" * 64,
        seed=7,
        threads=1,
        seconds=2.5,
        libraries={"scikit-learn": "1.9.0"},
    )
    (folder / "retriever.json").write_text(fitted.model_dump_json())
    return sha256


def write_adapter(layout: Layout, weights: bytes) -> str:
    staging = layout.root / "adapter"
    staging.mkdir(parents=True)
    (staging / "adapter_model.safetensors").write_bytes(weights)
    (staging / "adapter_config.json").write_text('{"r": 16}')
    sha256 = sha256_file(staging / "adapter_model.safetensors")
    (staging / RECORD).write_text(training_of(sha256).model_dump_json())
    layout.adapter(sha256).parent.mkdir(exist_ok=True)
    if layout.adapter(sha256).exists():
        shutil.rmtree(staging)
    else:
        staging.rename(layout.adapter(sha256))
    return sha256


def training_of(adapter_sha256: str) -> Training:
    return Training(
        adapter_sha256=adapter_sha256,
        dataset_sha256="d" * 64,
        base_model=BaseModelRef(name=BASE, sha256="b" * 64),
        base=BASES[BASE],
        budget=BUDGETS["tiny"],
        prompt_version="1",
        seed=7,
        threads=1,
        device="cpu",
        rows=100,
        steps=2,
        seconds=1.0,
        loss_curve=(
            LossPoint(step=1, loss=2.0, learning_rate=1e-3, seconds=0.5),
            LossPoint(step=2, loss=1.0, learning_rate=1e-3, seconds=1.0),
        ),
        resumed_from=None,
        libraries={"torch": "2.13.0"},
    )


def scores_of(adapter_sha256: str, catalog_sha256: str, *, f1: float, answers: str) -> Scores:
    score = Score(
        cases=50,
        weight=50.0,
        f1=f1,
        interval=Interval(low=f1, high=f1),
        micro=f1,
        label_f1=f1,
        coverage=1.0,
        precision=f1,
        ece=0.01,
        harmful_called_safe=0,
        by_detector={"a": f1},
    )
    return Scores(
        inputs=Inputs(
            adapter_sha256=adapter_sha256,
            base_model=BASE,
            dataset_sha256="d" * 64,
            catalog_sha256=catalog_sha256,
            taxonomy_version="2026.11",
            prompt_version="1",
            profile="tiny",
            seed=7,
            held_out=(),
        ),
        golden=GoldenSet(sha256="e" * 64, by_detector={"a": 120}, gated=50, categories=1.0),
        systems={
            "mapper": {GATED: score, "unseen_label": score, "unseen_detector": score},
            "adapter": {GATED: score},
        },
        gains={"unseen_detector": {"lookup": Difference(f1=0.1, interval=Interval(low=0.0, high=0.2), cases=50)}},
        trust=Trust(),
        weights=WeightsFit(cases=0, shipped=Weights(), halves=(Weights(), Weights()), before={}, after={}),
        rules={},
        validity=Validity(checked=100, valid=100),
        agreement=Agreement(asked=0, disagreed=0),
        nonsense=Refusals(asked=60, refused=60),
        reliability={},
        risk_coverage=(),
        confusion={},
        model_calls=0,
        files={ANSWERS: sha256_text(answers)},
    )
