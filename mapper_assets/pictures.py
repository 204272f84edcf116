"""Pictures in asset metadata: the UI shows Markdown, and Markdown shows a picture given as a data URI."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mapper_assets.training.train_lora import LossPoint


def inline(png: bytes, alternative: str) -> dg.MarkdownMetadataValue:
    """A PNG as Markdown metadata. Keep it small: it is stored in Dagster's database with every materialisation."""
    encoded = base64.b64encode(png).decode("ascii")
    return dg.MetadataValue.md(f"![{alternative}](data:image/png;base64,{encoded})")


def loss_curve(points: Sequence["LossPoint"]) -> bytes:
    """Training loss over steps as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([point.step for point in points], [point.loss for point in points], "o-", markersize=3)
    axes.set(xlabel="step", ylabel="loss, nats per answer token", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, metadata={"Software": None})
    return buffer.getvalue()
