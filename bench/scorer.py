"""An unseen label with the local engine, both voices, beside a plain prefill of the same prompt in the same thread."""

import asyncio
import statistics
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from bench.table import Row
from mapper_domain.catalog import load as load_catalog
from mapper_domain.layout import Layout
from mapper_domain.question import Question
from mapper_domain.release import ADAPTER, RETRIEVER, read_pointer
from mapper_model.retriever import Retriever
from mapper_model.scorer import LabelScorer
from mapper_serving.engines.local import LocalEngine

PATIENCE = 60.0


class Voices(NamedTuple):
    """Where the voices lie: those of the release in service, else the newest retriever and the bare base model."""

    adapter: Path | None
    retriever: Path


def voices(layout: Layout) -> Voices | None:
    """What there is to measure; None without a retriever."""
    pointer = read_pointer(layout.releases)
    if pointer is not None:
        folder = layout.releases / pointer.release
        return Voices(folder / ADAPTER, folder / RETRIEVER)
    fitted = sorted(layout.retriever("x").parent.glob("*"), key=lambda path: path.stat().st_mtime)
    return Voices(None, fitted[-1]) if fitted else None


def measure(root: Path, base: Path, chosen: Voices, *, runs: int) -> list[Row]:
    """Rows of the table: over interleaved calls about labels of the catalogue as another vendor might write them."""
    catalog = load_catalog(root)
    labels = [label.name for label in catalog.taxonomy.labels]
    scorer = LabelScorer.load(base, chosen.adapter, labels, threads=1)
    engine = LocalEngine(scorer, Retriever.load(chosen.retriever), queue=1)
    mappings = [(d, d.maps[n % len(d.maps)]) for n, d in enumerate(islice(cycle(catalog.detectors), runs))]
    questions = [Question(detector=d.name, kind=d.kind, label=f"x-{m.label}") for d, m in mappings]
    asked, scored, prefilled = [], [], []
    for detector in {question.detector: question for question in questions}.values():
        asyncio.run(_ask(engine, detector))
    scorer.prefill(questions[0].instruction)
    for question in questions:
        asked.append(asyncio.run(_ask(engine, question)))
        prefilled.append(_timed(scorer, question.instruction, prefill=True))
        scored.append(_timed(scorer, question.instruction, prefill=False))
    rows = []
    for title, pick, wanted in (("median", statistics.median, ""), ("p95", _p95, "<= 1.3")):
        ours, whole, plain = (pick(times) * 1000 for times in (asked, scored, prefilled))
        rows.append(Row(f"unseen label, both voices: {title}, ms, beside a plain prefill", ours, plain, wanted))
        rows.append(Row(f"adapter about all {len(labels)} labels: {title}, ms, beside the same", whole, plain))
    return rows


async def _ask(engine: LocalEngine, question: Question) -> float:
    started = time.perf_counter()
    await engine.score(question, asyncio.get_running_loop().time() + PATIENCE)
    return time.perf_counter() - started


def _timed(scorer: LabelScorer, instruction: str, *, prefill: bool) -> float:
    started = time.perf_counter()
    scorer.prefill(instruction) if prefill else scorer.score([instruction])
    return time.perf_counter() - started


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[18]
