"""Pictures of an evaluation as PNG bytes: reliability, risk over coverage, confusion by category, systems by split.

Only drawing. Every number comes from `Scores`.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mapper_assets.evaluation.scores import SPLITS, SYSTEMS, TITLES, Scores
from mapper_domain.confidence import Bin, RiskPoint

_INK, _GRID = "#1f2933", "#d9dee4"
_COLOURS = {
    "mapper": "#0b5fa5",
    "model": "#4a90c9",
    "adapter": "#7db7e8",
    "retriever": "#3d8f7f",
    "lookup": "#c9c3b6",
    "nearest_neighbour": "#e0a458",
    "char_regression": "#d9824a",
    "minilm_regression": "#c96b3c",
    "minilm_char_regression": "#b5542c",
}


def draw(scores: Scores) -> dict[str, bytes]:
    """All figures by file name."""
    return {
        "reliability.png": _png(12.0, 3.6, lambda figure: _reliability(figure, scores.reliability)),
        "risk_coverage.png": _png(6.0, 4.2, lambda figure: _risk(figure.subplots(), scores.risk_coverage)),
        "confusion.png": _png(8.0, 7.0, lambda figure: _confusion(figure.subplots(), scores.confusion)),
        "systems.png": _png(11.0, 5.2, lambda figure: _systems(figure.subplots(), scores)),
    }


def draw_folds(reliability: Mapping[str, tuple[Bin, ...]], risk: tuple[RiskPoint, ...]) -> dict[str, bytes]:
    """Figures of a cross-validation by file name."""
    return {
        "reliability.png": _png(11.0, 3.8, lambda figure: _reliability(figure, reliability)),
        "risk_coverage.png": _png(6.0, 4.2, lambda figure: _risk(figure.subplots(), risk)),
    }


def _reliability(figure: Figure, reliability: Mapping[str, tuple[Bin, ...]]) -> None:
    shown = [(split, bins) for split, bins in reliability.items() if bins] or [("no answers", ())]
    for axes, (split, bins) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _reliability_panel(axes, split, bins)


def _reliability_panel(axes: Axes, split: str, bins: tuple[Bin, ...]) -> None:
    axes.plot([0, 1], [0, 1], color=_GRID, zorder=1)
    axes.bar([(b.low + b.high) / 2 for b in bins], [b.accuracy for b in bins], width=0.09, color="#7db7e8", zorder=2)
    axes.plot([b.confidence for b in bins], [b.accuracy for b in bins], "o", color=_INK, markersize=3, zorder=3)
    for b in bins:
        axes.text((b.low + b.high) / 2, min(b.accuracy, 0.93) + 0.02, f"{b.weight:.0f}", ha="center", fontsize=7)
    axes.set(title=split.replace("_", " "), xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(0, 1.02))


def _risk(axes: Axes, curve: tuple[RiskPoint, ...]) -> None:
    axes.step([p.coverage for p in curve], [p.risk for p in curve], where="post", color=_INK)
    axes.set(title="First choices on unseen detectors", xlabel="coverage", ylabel="wrong", xlim=(0, 1), ylim=(0, None))
    axes.grid(color=_GRID)


def _confusion(axes: Axes, table: Mapping[str, Mapping[str, float]]) -> None:
    names = sorted({*table, *(column for row in table.values() for column in row)}) or ["none"]
    counts = np.array([[table.get(row, {}).get(column, 0.0) for column in names] for row in names])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.6 else _INK
            axes.text(column, row, f"{count:.0f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(title="Mapper on unseen labels and detectors: category", xlabel="answered", ylabel="expected")


def _systems(axes: Axes, scores: Scores) -> None:
    width = 0.8 / len(SYSTEMS)
    for offset, system in enumerate(SYSTEMS):
        shown = [
            (x, scores.first[system][split]) for x, split in enumerate(SPLITS) if split in scores.first.get(system, {})
        ]
        places = [x + (offset - (len(SYSTEMS) - 1) / 2) * width for x, _ in shown]
        heights = [score.f1 for _, score in shown]
        below = [max(0.0, score.f1 - score.interval.low) for _, score in shown]
        above = [max(0.0, score.interval.high - score.f1) for _, score in shown]
        bars = axes.bar(places, heights, width, yerr=[below, above], color=_COLOURS[system], ecolor=_INK)
        bars.set_label(TITLES[system])
    axes.set_xticks(range(len(SPLITS)), [split.replace("_", " ") for split in SPLITS])
    axes.set(ylabel="first choice, macro over detectors", ylim=(0, 1.05))
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False, fontsize=8)


def _png(width: float, height: float, fill: Callable[[Figure], None]) -> bytes:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    fill(figure)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return buffer.getvalue()
