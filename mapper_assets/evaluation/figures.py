"""Pictures of an evaluation as PNG bytes: reliability diagram, confusion by category, systems by split.

Only drawing. Every number comes from `Scores`.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mapper_assets.evaluation.scores import SPLITS, SYSTEMS, Scores
from mapper_domain.confidence import Bin

_INK, _GRID = "#1f2933", "#d9dee4"
_COLOURS = {
    "mapper": "#0b5fa5",
    "adapter": "#7db7e8",
    "lookup": "#c9c3b6",
    "nearest_neighbour": "#e0a458",
    "logistic_regression": "#b5542c",
}


def draw(scores: Scores) -> dict[str, bytes]:
    """All figures by file name."""
    return {
        "reliability.png": _png(9.0, 4.2, lambda figure: _reliability(figure, scores)),
        "confusion.png": _png(8.0, 7.0, lambda figure: _confusion(figure.subplots(), scores.confusion)),
        "systems.png": _png(10.0, 4.5, lambda figure: _systems(figure.subplots(), scores)),
    }


def _reliability(figure: Figure, scores: Scores) -> None:
    shown = [(split, bins) for split, bins in scores.reliability.items() if bins] or [("no answers", ())]
    for axes, (split, bins) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _reliability_panel(axes, split, bins)


def _reliability_panel(axes: Axes, split: str, bins: tuple[Bin, ...]) -> None:
    axes.plot([0, 1], [0, 1], color=_GRID, zorder=1)
    axes.bar([(b.low + b.high) / 2 for b in bins], [b.accuracy for b in bins], width=0.09, color="#7db7e8", zorder=2)
    axes.plot([b.confidence for b in bins], [b.accuracy for b in bins], "o", color=_INK, markersize=3, zorder=3)
    for b in bins:
        axes.text((b.low + b.high) / 2, min(b.accuracy, 0.93) + 0.02, f"{b.weight:.0f}", ha="center", fontsize=7)
    axes.set(title=split.replace("_", " "), xlabel="confidence", ylabel="right", xlim=(0, 1), ylim=(0, 1.02))


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
            (x, scores.systems[system][split]) for x, split in enumerate(SPLITS) if split in scores.systems[system]
        ]
        places = [x + (offset - (len(SYSTEMS) - 1) / 2) * width for x, _ in shown]
        heights = [score.f1 for _, score in shown]
        below = [max(0.0, score.f1 - score.interval.low) for _, score in shown]
        above = [max(0.0, score.interval.high - score.f1) for _, score in shown]
        label = system.replace("_", " ")
        axes.bar(places, heights, width, yerr=[below, above], label=label, color=_COLOURS[system], ecolor=_INK)
    axes.set_xticks(range(len(SPLITS)), [split.replace("_", " ") for split in SPLITS])
    axes.set(ylabel="F1, macro over detectors", ylim=(0, 1.05))
    axes.legend(ncols=len(SYSTEMS), loc="upper center", bbox_to_anchor=(0.5, -0.1), frameon=False, fontsize=8)


def _png(width: float, height: float, fill: Callable[[Figure], None]) -> bytes:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    fill(figure)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return buffer.getvalue()
