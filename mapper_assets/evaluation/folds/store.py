"""Where cross-validations lie, and how one is found again that speaks of the same reviewed files."""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.scores import SCORES
from mapper_assets.evaluation.write import document, place
from mapper_assets.training.train_retriever import recipe
from mapper_domain.catalog import Catalog, content_hash
from mapper_domain.ladder import Trust
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.release import sha256_text
from mapper_domain.voices import LogProbs


def lexicon_sha256(lexicon: Lexicon) -> str:
    """Content hash of a lexicon: comments and key order in YAML do not count."""
    return content_hash((*lexicon.concepts, *lexicon.detectors))


def write(scores: FoldScores, files: Mapping[str, bytes], layout: Layout) -> tuple[str, Path]:
    """Store a cross-validation in one step; returns the SHA-256 (hex) of its scores and the folder.

    One that is there already stays as it is.
    """
    text = document(scores)
    sha256 = sha256_text(text)
    folder = layout.cross_validation(sha256)
    place(folder, {**files, SCORES: text.encode()})
    return sha256, folder


def read(layout: Layout, sha256: str) -> FoldScores:
    """The scores of a stored cross-validation."""
    return FoldScores.model_validate_json((layout.cross_validation(sha256) / SCORES).read_bytes())


def stored(layout: Layout) -> Iterator[tuple[str, FoldScores]]:
    """Every readable cross-validation by its hash, the newest first."""
    places = layout.cross_validation("x").parent.glob(f"[!.]*/{SCORES}")
    for path in sorted(places, key=lambda path: (-path.stat().st_mtime_ns, path)):
        try:
            yield path.parent.name, FoldScores.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue


def find(layout: Layout, catalog: Catalog, lexicon: Lexicon) -> tuple[str, FoldScores] | None:
    """The newest cross-validation of exactly this catalogue, lexicon and kind of retriever, or None."""
    wanted = (catalog.sha256, lexicon_sha256(lexicon), recipe())
    same = (
        (sha256, scores)
        for sha256, scores in stored(layout)
        if (scores.inputs.catalog_sha256, scores.inputs.lexicon_sha256, scores.inputs.recipe) == wanted
    )
    return next(same, None)


def elsewhere(crossed: FoldScores | None, held_out: Collection[str]) -> tuple[Trust | None, Trust | None]:
    """What a cross-validation fitted without the held-out detectors, for reporting, and on all of them, to ship."""
    if crossed is None:
        return None, None
    strict = crossed.settings["strict"].trusts
    fold = next((name for name, names in crossed.inputs.folds.items() if set(held_out) <= set(names)), None)
    return strict.get(fold or ""), Trust(
        weights=crossed.weights, threshold=crossed.threshold, safe_threshold=crossed.safe_threshold
    )


def packed(said: Mapping[str, Sequence[LogProbs]], labels: Sequence[str]) -> bytes:
    """Opinions as a NumPy archive: for each name a matrix (questions, labels) of ln p."""
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        name: np.array([[opinion[x] for x in labels] for opinion in found], dtype=np.float32)
        for name, found in said.items()
    }
    np.savez_compressed(buffer, labels=np.array(labels), **arrays)
    return buffer.getvalue()


def unpacked(path: Path) -> dict[str, list[dict[str, float]]]:
    """The opinions of an archive by name."""
    with np.load(path) as archive:
        labels = [str(label) for label in archive["labels"]]
        return {
            name: [dict(zip(labels, map(float, row), strict=True)) for row in archive[name]]
            for name in archive.files
            if name != "labels"
        }
