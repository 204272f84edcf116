"""The training file: rows `{"instruction", "response"}` from mappings, the taxonomy and synthetic detectors.

Nothing held out gets in: no held-out detector, no unseen label in any spelling, no golden case. The same
catalogue, plan and seed give the same bytes.
"""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mapper_assets.training import synthetic
from mapper_assets.training.augmentation import spellings
from mapper_assets.training.golden import GoldenCase, for_evaluation, variants
from mapper_assets.training.splits import SplitPlan, share
from mapper_domain import prompt
from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping
from mapper_domain.layout import Layout
from mapper_domain.taxonomy import UNKNOWN, Label
from mapper_domain.text import normalise
from mapper_domain.value import Value

ROWS_PER_LABEL = 20
"""At most so many rows from mappings for one canonical label: two hundred API keys must not drown the rest."""
SPELLINGS_PER_MAPPING = 2
ALIASES_PER_LABEL = 3
KIND_SHARE = 0.6
MEANING_SHARE = 0.12


class Example(Value):
    """One training row, with the founding file's keys."""

    instruction: str
    response: str


def build(
    catalog: Catalog, split: SplitPlan, golden: Iterable[GoldenCase], *, seed: int | None = None
) -> tuple[Example, ...]:
    """The rows, sorted and without repeats.

    Args:
        split: what is held out.
        golden: cases whose spellings must not appear.
        seed: of every choice, the plan's own by default.
    """
    chosen = split.seed if seed is None else seed
    reserved = {case.key for case in golden}
    rows = {
        *_from_mappings(catalog, split, reserved, chosen),
        *_from_taxonomy(catalog.taxonomy.labels, chosen),
        *_from_synthetic(catalog, chosen),
        *_from_nothing(catalog, split, chosen),
    }
    return tuple(sorted(rows, key=lambda row: (row.instruction, row.response)))


def text(rows: Sequence[Example]) -> str:
    """The rows as JSON lines."""
    return "".join(json.dumps(row.model_dump(), ensure_ascii=False) + "\n" for row in rows)


def write(rows: Sequence[Example], layout: Layout) -> tuple[str, Path]:
    """Store the rows below their content hash; returns SHA-256 (hex) and path."""
    content = text(rows).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    path = layout.dataset(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(path)
    return sha256, path


def rows_by_label(rows: Iterable[Example]) -> dict[str, int]:
    """Rows per primary canonical label, most first."""
    return dict(Counter(json.loads(row.response)["taxonomy"][0] for row in rows).most_common())


def _row(question: str, labels: Sequence[str]) -> Example:
    return Example(instruction=question, response=prompt.answer(labels))


def _from_mappings(
    catalog: Catalog, split: SplitPlan, reserved: set[tuple[str, str | None, str]], seed: int
) -> Iterator[Example]:
    by_label: dict[str, list[tuple[Detector, LabelMapping]]] = defaultdict(list)
    others = {detector.name: variants(detector) for detector in catalog.detectors}
    for detector in catalog.detectors:
        hidden = {normalise(label) for name, label in split.unseen_labels if name == detector.name}
        for mapping in detector.maps:
            if detector.name not in split.held_out and normalise(mapping.label) not in hidden:
                by_label[mapping.canonical[0]].append((detector, mapping))
    for pairs in by_label.values():
        pairs.sort(key=lambda pair: share(seed, "cap", pair[0].name, pair[1].label))
        left = ROWS_PER_LABEL
        pools = [
            _trainable(d.name, mapping, others[d.name][mapping.field, mapping.label], split, reserved)
            for d, mapping in pairs
        ]
        for turn in range(SPELLINGS_PER_MAPPING):
            for (detector, mapping), pool in zip(pairs, pools, strict=True):
                if turn < len(pool) and left:
                    left -= 1
                    yield _mapping_row(detector, mapping, pool[turn], seed)


def _trainable(
    detector: str,
    mapping: LabelMapping,
    others: Sequence[str],
    split: SplitPlan,
    reserved: set[tuple[str, str | None, str]],
) -> list[str]:
    """Spellings of a label to train on: its own where no golden case has it, then variants of the training pool."""
    pool = [other for other in others if not for_evaluation(split, detector, mapping.label, other)]
    pool.sort(key=lambda other: share(split.seed, "train", detector, other))
    return [s for s in (mapping.label, *pool) if (detector, mapping.field, s) not in reserved]


def _mapping_row(detector: Detector, mapping: LabelMapping, spelling: str, seed: int) -> Example:
    meaning = mapping.opaque or share(seed, "meaning", detector.name, spelling) < MEANING_SHARE
    kind = share(seed, "kind", detector.name, spelling) < KIND_SHARE
    question = prompt.instruction(
        detector.name,
        spelling,
        kind=detector.kind if kind else "",
        field=mapping.field,
        description=mapping.description if meaning else "",
    )
    return _row(question, mapping.canonical)


def _from_taxonomy(labels: Sequence[Label], seed: int) -> Iterator[Example]:
    """A label's description and its aliases, as an invented detector might say them."""
    claimed = Counter(normalise(alias) for label in labels for alias in set(label.aliases))
    for label in labels:
        if label.name == UNKNOWN:
            continue
        chance = random.Random(f"{seed}:{label.name}")  # noqa: S311  (reproducible choice, no secret)
        if label.description:
            code = f"R{chance.randint(1, 99)}"
            question = prompt.instruction(synthetic.detector_name(chance), code, description=label.description)
            yield _row(question, [label.name])
        for alias in [alias for alias in label.aliases if claimed[normalise(alias)] == 1][:ALIASES_PER_LABEL]:
            spelling = chance.choice([alias, *(s.text for s in spellings(alias, "x", affixes=False))])
            yield _row(prompt.instruction(synthetic.detector_name(chance), spelling), [label.name])


def _from_synthetic(catalog: Catalog, seed: int) -> Iterator[Example]:
    for number, concept in enumerate(synthetic.concepts(seed)):
        if concept.canonical in catalog.taxonomy.names:
            meaning = concept.meaning if number % 3 == 0 else ""
            yield _row(prompt.instruction(concept.detector, concept.label, description=meaning), [concept.canonical])


def _from_nothing(catalog: Catalog, split: SplitPlan, seed: int) -> Iterator[Example]:
    """Meaningless labels, half from invented detectors and half from real ones, so that only the label decides."""
    chance = random.Random(f"{seed}:nothing")  # noqa: S311
    real = [d for d in catalog.detectors if d.name not in split.held_out]
    for number, label in enumerate(synthetic.unmappable(seed)):
        if number % 2 and real:
            detector = chance.choice(real)
            yield _row(prompt.instruction(detector.name, label, kind=detector.kind), [UNKNOWN])
        else:
            yield _row(prompt.instruction(synthetic.detector_name(chance), label), [UNKNOWN])
