"""The training file of the adapter: rows `{"instruction", "response"}` made of lessons, in many spellings.

Nothing held out gets in: no held-out detector, no unseen label in any spelling, no golden case, and no form of the
lexicon that is one of them. The same reviewed files, split, seed and number of rows give the same bytes.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from mapper_assets.training.balance import balanced
from mapper_assets.training.golden import GoldenCase, read
from mapper_assets.training.lessons import Lesson, lessons
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.splits import UNSEEN, SplitPlan, plan
from mapper_assets.training.wording import Wording
from mapper_domain import prompt
from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.lexicon import load as load_lexicon
from mapper_domain.value import Value


class Example(Value):
    """One training row, with the founding file's keys."""

    instruction: str
    response: str


class Made(Value):
    """How a training file was made; content of the `.json` beside it.

    Attributes:
        sha256: SHA-256 (hex) of the training file.
        profile: name of the budget its number of rows comes from.
        seconds: how long it took.
    """

    sha256: str
    profile: str
    seed: int
    rows: int
    seconds: float


class DatasetMissing(MapperError):
    """A training file, or the note of how it was made, is not there."""


def build(
    catalog: Catalog,
    lexicon: Lexicon,
    split: SplitPlan,
    golden: Iterable[GoldenCase],
    *,
    profile: str = "default",
    seed: int | None = None,
) -> tuple[Example, ...]:
    """The rows, sorted and without repeats.

    Args:
        catalog: the whole catalogue; `split` says what of it is held out.
        lexicon: forms and invented detectors.
        split: what is held out.
        golden: cases whose spellings must not appear.
        profile: name of the budget that says how many rows there are.
        seed: of every choice, the plan's own by default.
    """
    cases, chosen = tuple(golden), split.seed if seed is None else seed
    taught = lessons_of(catalog, lexicon, split, cases, seed=chosen)
    wording, most = Wording(catalog, taught, split, cases, seed=chosen), BUDGETS[profile].rows
    rows: dict[str, Example] = {}
    for pick in balanced(taught, lexicon, seed=chosen):
        if len(rows) == most:
            break
        if question := wording.question(pick):
            example = Example(instruction=question.instruction, response=prompt.answer(pick.lesson.answer))
            rows.setdefault(example.instruction, example)
    return tuple(rows[instruction] for instruction in sorted(rows))


def make(root: Path, golden: Path, layout: Layout, profile: str, seed: int) -> tuple[Made, tuple[Example, ...]]:
    """Build the rows of the reviewed files below `root`, store them and note how they were made.

    Args:
        root: the catalogue root.
        golden: folder of the golden set.
        layout: where artefacts lie.
        profile: name of a budget.
        seed: of every choice.

    Raises:
        CatalogError, GoldenError: when the reviewed files cannot be used.
    """
    started = time.monotonic()
    rows = rebuild(root, golden, profile, seed)
    sha256, _ = write(rows, layout)
    seconds = round(time.monotonic() - started, 1)
    made = Made(sha256=sha256, profile=profile, seed=seed, rows=len(rows), seconds=seconds)
    note(made, layout)
    return made, rows


def rebuild(root: Path, golden: Path, profile: str, seed: int) -> tuple[Example, ...]:
    """The rows of the reviewed files below `root`.

    Raises:
        CatalogError, GoldenError: when the reviewed files cannot be used.
    """
    catalog = load(root)
    lexicon = load_lexicon(root, catalog.taxonomy, catalog.detectors)
    return build(catalog, lexicon, plan(catalog), read(golden), profile=profile, seed=seed)


def lessons_of(
    catalog: Catalog, lexicon: Lexicon, split: SplitPlan, golden: Iterable[GoldenCase], *, seed: int
) -> tuple[Lesson, ...]:
    """What an adapter may learn from under a split: nothing held out, nor anything of the lexicon that equals it."""
    held_out = {case.label for case in golden if case.split in UNSEEN}
    held_out |= {
        mapping.label
        for detector in catalog.detectors
        for mapping in detector.maps
        if split.split_of(detector.name, mapping.label) in UNSEEN
    }
    known = catalog.without(split.held_out)
    return lessons(known, lexicon, seed, hidden=split.unseen_labels, strict=held_out)


def text(rows: Sequence[Example]) -> str:
    """The rows as JSON lines."""
    return "".join(json.dumps(row.model_dump(), ensure_ascii=False) + "\n" for row in rows)


def write(rows: Sequence[Example], layout: Layout) -> tuple[str, Path]:
    """Store the rows below their content hash; returns SHA-256 (hex) and path."""
    content = text(rows).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = layout.dataset(sha256)
    _replace(path, content)
    return sha256, path


def note(made: Made, layout: Layout) -> None:
    """Write how a stored training file was made beside it."""
    _replace(layout.dataset(made.sha256).with_suffix(".json"), (made.model_dump_json(indent=2) + "\n").encode())


def read_note(layout: Layout, sha256: str) -> Made:
    """How a stored training file was made.

    Raises:
        DatasetMissing: when that was not noted or cannot be read.
    """
    path = layout.dataset(sha256).with_suffix(".json")
    try:
        return Made.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DatasetMissing(f"{path} cannot be read; materialise training/dataset.") from error


def rows_by_label(rows: Iterable[Example]) -> dict[str, int]:
    """Rows per primary canonical label, most first."""
    return dict(Counter(json.loads(row.response)["taxonomy"][0] for row in rows).most_common())


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
