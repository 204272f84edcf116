"""Which detectors and which labels an adapter never sees while training. Decides nothing about spellings.

Membership of a label depends on its own name and the seed only, so editing one detector moves no
other label between training and evaluation.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from typing import Literal

import yaml

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import LabelMapping
from mapper_domain.errors import MapperError
from mapper_domain.text import normalise
from mapper_domain.value import Value

Split = Literal["seen", "variant", "unseen_label", "unseen_detector"]
"""`seen`: exact spelling of a trained label; `variant`: another spelling of one; the others speak for themselves."""

UNSEEN: tuple[Split, ...] = ("unseen_label", "unseen_detector")
"""Splits of which nothing is trained on."""

UNSEEN_LABEL_SHARE = 0.08
DEFAULT_SEED = 2026


class Folds(Value):
    """Content of `folds.yaml`.

    Attributes:
        shipped: the fold held out of released adapters.
        folds: by name, groups of kin detectors.
    """

    shipped: str
    folds: Mapping[str, tuple[tuple[str, ...], ...]]

    def detectors(self, fold: str) -> frozenset[str]:
        """All detectors of a fold.

        Raises:
            UnknownFold: naming the folds there are.
        """
        if fold not in self.folds:
            raise UnknownFold(f"{fold!r} is no fold. Known: {', '.join(self.folds)}.")
        return frozenset(name for kin in self.folds[fold] for name in kin)


class UnknownFold(MapperError):
    """There is no fold of that name."""


class SplitPlan(Value):
    """What is held out.

    Attributes:
        fold: name of the fold whose detectors are held out.
        held_out: its detectors, as far as the catalogue has them, sorted.
        unseen_labels: (detector, label) of held-out labels of all other detectors, sorted.
    """

    fold: str
    seed: int
    held_out: tuple[str, ...]
    unseen_labels: tuple[tuple[str, str], ...]

    @cached_property
    def _unseen(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.unseen_labels)

    def split_of(self, detector: str, label: str) -> Split:
        """Where the exact spelling of a known label belongs."""
        if detector in self.held_out:
            return "unseen_detector"
        return "unseen_label" if (detector, label) in self._unseen else "seen"


def folds() -> Folds:
    """The folds as shipped with this package."""
    text = resources.files(__package__).joinpath("folds.yaml").read_text()
    return Folds.model_validate(yaml.safe_load(text))


def plan(catalog: Catalog, seed: int = DEFAULT_SEED, *, fold: str | None = None) -> SplitPlan:
    """The split of a catalogue.

    Args:
        seed: decides which 8 % of the labels of trained detectors are held out.
        fold: name of the held-out fold, the shipped one by default.
    """
    all_folds = folds()
    name = fold or all_folds.shipped
    held = all_folds.detectors(name)
    unseen = [
        (detector.name, mapping.label)
        for detector in catalog.detectors
        if detector.name not in held
        for mapping in detector.maps
        if _guessable(mapping) and share(seed, detector.name, normalise(mapping.label)) < UNSEEN_LABEL_SHARE
    ]
    present = tuple(sorted(held & set(catalog.by_name)))
    return SplitPlan(fold=name, seed=seed, held_out=present, unseen_labels=tuple(sorted(set(unseen))))


def share(*parts: object) -> float:
    """A number in 0..1 that depends on nothing but these parts, uniform over them (SHA-256)."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _guessable(mapping: LabelMapping) -> bool:
    return bool(normalise(mapping.label)) and not mapping.opaque and not mapping.ambiguous
