"""The one-pass scorer beside a plain prefill of the same prompt, on the real small base model in one thread."""

import statistics
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

from mapper_domain import prompt
from mapper_domain.catalog import load as load_catalog
from mapper_model.scorer import LabelScorer


def measure(root: Path, base: Path, *, runs: int) -> list[str]:
    """A row of the table: medians over interleaved calls with prompts of unseen labels."""
    catalog = load_catalog(root)
    scorer = LabelScorer.load(base, None, [label.name for label in catalog.taxonomy.labels], threads=1)
    detectors = islice(cycle(catalog.detectors), runs)
    questions = [prompt.instruction(d.name, f"unseen label {n}", kind=d.kind) for n, d in enumerate(detectors)]
    scored, prefilled = [], []
    scorer.score(questions[:1])
    scorer.prefill(questions[0])
    for question in questions:
        scored.append(_seconds(lambda question=question: scorer.score([question])))
        prefilled.append(_seconds(lambda question=question: scorer.prefill(question)))
    rows = []
    for title, pick in (("median", statistics.median), ("p95", lambda times: statistics.quantiles(times, n=20)[18])):
        ours, plain = pick(scored) * 1000, pick(prefilled) * 1000
        labels = len(scorer.labels)
        rows.append(
            f"| all {labels} labels in one pass: {title} | {ours:,.0f} ms | {plain:,.0f} ms | {ours / plain:.2f} |"
        )
    return rows


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
