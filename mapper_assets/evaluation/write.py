"""Writes an evaluation into a folder named by the SHA-256 of its `scores.json`, in one step."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mapper_assets.evaluation.ask import Timing
from mapper_assets.evaluation.predict import Examined, MapperAnswer
from mapper_assets.evaluation.scores import MAPPER, SCORES, TIMING, Scores
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_text
from mapper_domain.scoring import Outcome
from mapper_domain.value import Value

DIGITS = 6


def lines(values: Iterable[Value]) -> str:
    """One JSON object a line, keys in the order of their fields."""
    return "".join(_json(value.model_dump(mode="json")) + "\n" for value in values)


def prediction_lines(
    outcomes: Mapping[str, Sequence[Outcome]], examined: Sequence[Examined], answers: Sequence[MapperAnswer]
) -> str:
    """Every outcome of every system as a JSON line, with the golden spelling; the mapper's with route and match."""
    labels = {e.case.id: {"label": e.case.label, "field": e.case.field} for e in examined}
    decided = {a.examined.case.id: {"route": a.answer.route, "match": a.answer.match} for a in answers}
    return "".join(
        _json(
            {"system": system, **outcome.model_dump(mode="json"), "f1": outcome.f1, **labels[outcome.case]}
            | (decided[outcome.case] if system == MAPPER else {})
        )
        + "\n"
        for system, found in outcomes.items()
        for outcome in found
    )


def write(
    scores: Scores, texts: Mapping[str, str], pictures: Mapping[str, bytes], timing: Timing, layout: Layout
) -> tuple[str, Path]:
    """Write everything and return the hash and the folder. An evaluation that is there already stays as it is.

    Args:
        texts: line files and pages by file name.
        pictures: PNG bytes by file name.
    """
    text = document(scores)
    sha256 = sha256_text(text)
    written = {**texts, SCORES: text, TIMING: timing.model_dump_json(indent=1) + "\n"}
    folder = layout.evaluation(sha256)
    place(folder, {**{name: content.encode() for name, content in written.items()}, **pictures})
    return sha256, folder


def document(value: Value) -> str:
    """A value as indented JSON with floats rounded."""
    return json.dumps(rounded(value.model_dump(mode="json")), indent=1, ensure_ascii=False) + "\n"


def place(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder in one step. One that is there already stays as it is."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        staging.chmod(0o755)
        os.replace(staging, folder)  # noqa: PTH105 - stated for its atomicity
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _json(value: object) -> str:
    return json.dumps(rounded(value), ensure_ascii=False, separators=(",", ":"))


def rounded(value: object) -> object:
    """The same with floats to six decimals: beyond them thread counts and processors differ."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value
