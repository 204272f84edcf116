"""What adapters say about folds they never saw: asked once, kept, and found again for the same reviewed files."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from mapper_assets.evaluation.ask import PROGRESS_SECONDS, Scorer, rounded
from mapper_assets.evaluation.folds.held import Way, held_labels
from mapper_assets.evaluation.folds.learn import ASKED
from mapper_assets.evaluation.folds.scores import OPINIONS
from mapper_assets.evaluation.folds.store import lexicon_sha256, packed, unpacked
from mapper_assets.evaluation.nonsense import Nonsense
from mapper_assets.evaluation.write import place
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.question import Question
from mapper_domain.value import Value
from mapper_domain.voices import LogProbs

RECORD = "record.json"
NONSENSE = "nonsense"


class FoldAdapter(Value):
    """Which adapter was asked about which fold.

    Attributes:
        seconds: its training time.
    """

    fold: str
    adapter_sha256: str
    catalog_sha256: str
    lexicon_sha256: str
    seconds: float


class AdapterOpinions(NamedTuple):
    """What an adapter said about a fold it never saw.

    Attributes:
        opinions: by way, one for each of the fold's labels.
        nonsense: about labels without a meaning.
    """

    record: FoldAdapter
    opinions: Mapping[Way, Sequence[LogProbs]]
    nonsense: Sequence[LogProbs]


def question_fold(
    scorer: Scorer,
    catalog: Catalog,
    detectors: Collection[str],
    invented: Sequence[Nonsense],
    log: Callable[[str], None],
) -> dict[str, list[LogProbs]]:
    """Ask an adapter about every label of a fold in every way, equal questions once."""
    labels = held_labels(catalog, detectors)
    asked: dict[str, list[Question]] = {way: [label.question(way) for label in labels] for way in ASKED}
    asked[NONSENSE] = [nonsense.question for nonsense in invented]
    distinct = list(dict.fromkeys(q.instruction for questions in asked.values() for q in questions))
    log(f"{len(distinct)} questions about {len(labels)} labels; a line every {PROGRESS_SECONDS * 6:.0f} questions.")
    said: dict[str, LogProbs] = {}
    for number, instruction in enumerate(distinct, start=1):
        said[instruction] = rounded(scorer.score([instruction])[0])
        if number % (PROGRESS_SECONDS * 6) == 0:
            log(f"Asked {number} of {len(distinct)}.")
    return {name: [said[q.instruction] for q in questions] for name, questions in asked.items()}


def keep(record: FoldAdapter, said: Mapping[str, Sequence[LogProbs]], labels: Sequence[str], layout: Layout) -> Path:
    """Store what an adapter said."""
    folder = layout.fold_adapters / f"{record.fold}-{record.adapter_sha256[:16]}-{record.lexicon_sha256[:8]}"
    place(folder, {OPINIONS: packed(said, labels), RECORD: record.model_dump_json(indent=1).encode()})
    return folder


def kept(layout: Layout, catalog: Catalog, lexicon: Lexicon) -> dict[str, AdapterOpinions]:
    """What was said by adapters made from exactly this catalogue and lexicon, by fold; the longest trained wins."""
    wanted = (catalog.sha256, lexicon_sha256(lexicon))
    found: dict[str, tuple[FoldAdapter, Path]] = {}
    for path in sorted(layout.fold_adapters.glob(f"[!.]*/{RECORD}")):
        try:
            record = FoldAdapter.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        best = found.get(record.fold)
        if (record.catalog_sha256, record.lexicon_sha256) == wanted and (
            best is None or record.seconds > best[0].seconds
        ):
            found[record.fold] = (record, path.parent)
    return {fold: _read(record, folder) for fold, (record, folder) in found.items()}


def _read(record: FoldAdapter, folder: Path) -> AdapterOpinions:
    said = unpacked(folder / OPINIONS)
    return AdapterOpinions(record, {way: said[way] for way in ASKED}, said[NONSENSE])
