"""The golden set: labelled cases every release is measured on, kept in git as one JSONL file per detector.

`python -m mapper_assets.training.golden --write` regenerates `tests/golden/` from the catalogue,
`--check` says whether it is up to date. Training rows never hold a case: see `dataset`.
"""

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from mapper_assets.training.augmentation import spellings
from mapper_assets.training.splits import Split, SplitPlan, plan, share
from mapper_domain import prompt
from mapper_domain.catalog import Catalog, load
from mapper_domain.detectors import Detector, LabelMapping, Relation
from mapper_domain.errors import MapperError
from mapper_domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.value import Value

FOLDER = Path("tests/golden")
CASES_PER_DETECTOR = 100
EXACT_PER_DETECTOR = 50
PLAIN = frozenset({SAFE, UNKNOWN, MODEL_ERROR})
"""Meanings an affix could change: `unsafe` is not a spelling of `safe`."""


class GoldenCase(Value):
    """One question with its accepted answers.

    Attributes:
        id: depends on detector, field and label only.
        label: the spelling to map.
        kind: what the detector looks for; empty for held-out detectors, whose YAML is taken to be absent.
        expected: canonical labels, primary first.
        relation: `any`, each of them is right; `all`, all of them together are.
        gated: False where experts differ or the label means nothing without the detector's own key.
    """

    id: str
    detector: str
    label: str
    field: str | None
    kind: str
    expected: tuple[str, ...]
    relation: Relation
    split: Split
    gated: bool

    @property
    def question(self) -> str:
        """What the model is asked."""
        return prompt.instruction(self.detector, self.label, kind=self.kind, field=self.field)

    @property
    def key(self) -> tuple[str, str | None, str]:
        """What no training row may share: detector, field and spelling."""
        return (self.detector, self.field, self.label)


class GoldenError(MapperError):
    """The golden set is missing or cannot be read."""


def generate(catalog: Catalog, split: SplitPlan) -> tuple[GoldenCase, ...]:
    """The golden set of a catalogue, sorted by detector, label and field.

    A detector gets its own exact spellings first, then variants, up to 100 cases; fewer where its
    vocabulary and honest variants give no more.
    """
    cases = [case for detector in catalog.detectors for case in _cases(detector, split)]
    return tuple(sorted(cases, key=lambda case: (case.detector, case.label, case.field or "")))


def variants(detector: Detector) -> Mapping[tuple[str | None, str], tuple[str, ...]]:
    """Other spellings of each (field, label) that no other label of the detector could claim, in a fixed order."""
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for mapping in detector.maps:
        meanings.setdefault(normalise(mapping.label), set()).add(mapping.canonical)
    return {
        (mapping.field, mapping.label): tuple(
            spelling.text
            for spelling in spellings(mapping.label, detector.name, affixes=_takes_affixes(mapping))
            if (mapping.field, spelling.text) not in detector.by_label
            and meanings.get(normalise(spelling.text), {mapping.canonical}) == {mapping.canonical}
        )
        for mapping in detector.maps
    }


def _takes_affixes(mapping: LabelMapping) -> bool:
    return not mapping.opaque and not PLAIN & set(mapping.taxonomy)


def for_evaluation(split: SplitPlan, detector: str, label: str, spelling: str) -> bool:
    """Whether a variant belongs to the golden pool; about half do, and all of labels that are never trained on."""
    return split.split_of(detector, label) != "seen" or share(split.seed, "pool", detector, label, spelling) < 0.5


def reviewed(catalog: Catalog, cases: Iterable[GoldenCase]) -> Catalog:
    """The catalogue as a golden set knows it: without labels that joined a small vocabulary since it was written.

    Whoever asks whether a set is large enough asks about this catalogue, so that one added mapping is trained,
    evaluated and released before anybody has reviewed cases of it. A detector the set does not know stays whole.
    """
    keys = {case.key for case in cases}
    counts = Counter(detector for detector, _, _ in keys)
    return catalog.model_copy(
        update={
            "detectors": tuple(
                detector.model_copy(
                    update={"maps": tuple(m for m in detector.maps if (detector.name, m.field, m.label) in keys)}
                )
                if 0 < counts[detector.name] < CASES_PER_DETECTOR
                else detector
                for detector in catalog.detectors
            )
        }
    )


def read(folder: Path) -> tuple[GoldenCase, ...]:
    """All cases below a folder, by file name.

    Raises:
        GoldenError: naming every file and line that is not a case, or that there are none.
    """
    cases, wrong = [], []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text().splitlines(), start=1):
            try:
                cases.append(GoldenCase.model_validate_json(line))
            except ValidationError as error:
                wrong.append(f"{file.name}:{number}: {error.errors()[0]['msg']}")
    if wrong or not cases:
        remedy = "Regenerate it: python -m mapper_assets.training.golden --write"
        raise GoldenError("\n".join([*(wrong or [f"There is no golden set in {folder}."]), remedy]))
    return tuple(cases)


def files(cases: Iterable[GoldenCase]) -> Mapping[str, str]:
    """The text of each file by name, one case a line."""
    texts: dict[str, str] = {}
    for case in cases:
        name = f"{case.detector}.jsonl"
        texts[name] = texts.get(name, "") + case.model_dump_json() + "\n"
    return texts


def _cases(detector: Detector, split: SplitPlan) -> list[GoldenCase]:
    by_chance = sorted(detector.maps, key=lambda m: share(split.seed, "golden", detector.name, m.field, m.label))
    never_trained = [m for m in by_chance if split.split_of(detector.name, m.label) != "seen"]
    trained = [m for m in by_chance if split.split_of(detector.name, m.label) == "seen"]
    exact = [*never_trained, *trained[: max(0, EXACT_PER_DETECTOR - len(never_trained))]]
    found = {(m.field, m.label): _case(detector, m, m.label, split) for m in exact}
    for mapping, spelling in _rounds(detector, by_chance, split):
        if len(found) >= CASES_PER_DETECTOR:
            break
        found.setdefault((mapping.field, spelling), _case(detector, mapping, spelling, split))
    return list(found.values())


def _rounds(
    detector: Detector, mappings: Sequence[LabelMapping], split: SplitPlan
) -> Iterable[tuple[LabelMapping, str]]:
    """One variant of every label, then a second of every label, and so on."""
    pools, others = [], variants(detector)
    for mapping in mappings:
        pool = [
            v for v in others[mapping.field, mapping.label] if for_evaluation(split, detector.name, mapping.label, v)
        ]
        pools.append(sorted(pool, key=lambda v: share(split.seed, "round", detector.name, v)))
    for turn in range(max(map(len, pools), default=0)):
        for mapping, pool in zip(mappings, pools, strict=True):
            if turn < len(pool):
                yield mapping, pool[turn]


def _case(detector: Detector, mapping: LabelMapping, spelling: str, split: SplitPlan) -> GoldenCase:
    where = split.split_of(detector.name, mapping.label)
    key = "\x1f".join((detector.name, mapping.field or "", spelling))
    return GoldenCase(
        id=hashlib.sha256(key.encode()).hexdigest()[:12],
        detector=detector.name,
        label=spelling,
        field=mapping.field,
        kind="" if where == "unseen_detector" else detector.kind,
        expected=mapping.taxonomy,
        relation=mapping.relation,
        split="variant" if where == "seen" and spelling != mapping.label else where,
        gated=not mapping.ambiguous and not mapping.opaque,
    )


def main(argv: list[str] | None = None) -> int:
    """Write or check the files of the golden set; returns 1 when a check finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="regenerate the files")
    action.add_argument("--check", action="store_true", help="compare them with the catalogue")
    parser.add_argument("--root", type=Path, default=Path(), help="catalogue root")
    options = parser.parse_args(argv)
    catalog = load(options.root)
    wanted, folder = files(generate(catalog, plan(catalog))), options.root / FOLDER
    present = {file.name: file.read_text() for file in folder.glob("*.jsonl")}
    if options.write:
        folder.mkdir(parents=True, exist_ok=True)
        for name in present.keys() - wanted.keys():
            (folder / name).unlink()
        for name, text in wanted.items():
            (folder / name).write_text(text)
        return 0
    stale = sorted(name for name in present.keys() | wanted.keys() if present.get(name) != wanted.get(name))
    if stale:
        sys.stderr.write(f"{', '.join(stale)} differ from the catalogue; run with --write.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
