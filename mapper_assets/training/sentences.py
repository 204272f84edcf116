"""Tunes the sentence classifier of a retriever on lessons, once for the same lessons.

The recipe in short: AdamW on the upper layers of MiniLM and on a linear layer above them, cross-entropy with a little
label smoothing, batches of texts of like length, a learning rate that rises for fifty steps and then falls to nearly
nothing. What one was tuned on must not hold what it is examined on; that is the caller's business.
"""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from mapper_assets.training.lessons import Lesson
from mapper_domain.catalog import content_hash
from mapper_domain.layout import Layout
from mapper_domain.question import Question
from mapper_domain.value import Value

if TYPE_CHECKING:
    from mapper_model.sentences import SentenceClassifier

RECIPE = "2"
"""To be raised whenever the same lessons would give other weights."""

BATCH, RATE, HEAD_RATE, DECAY, SMOOTHING = 64, 4e-4, 1e-2, 0.01, 0.03
"""Texts a step, highest learning rates of the encoder's layers and of the linear layer, weight decay (Loshchilov and
Hutter 2019), and the share of probability that labels other than the right one keep (Szegedy et al. 2016)."""

WARMUP, LEAST_RATE = 50, 0.02
"""Steps in which the learning rates rise, and the share of them that is left at the end."""

WINDOW = 40
"""Batches are made of so many batches' texts, sorted by length: little padding, and still by chance."""

PROGRESS = 100
WEIGHTS = "sentences.safetensors"
LIBRARIES = ("torch", "transformers", "tokenizers")


class Tuning(Value):
    """Everything that decides what a tuned classifier is.

    Attributes:
        lessons_sha256: content hash of the lessons.
        labels: in the order of the linear layer.
        steps: optimiser steps.
    """

    recipe: str = RECIPE
    lessons_sha256: str
    labels: tuple[str, ...]
    steps: int
    seed: int
    libraries: tuple[tuple[str, str], ...]


def tuned(
    lessons: Sequence[Lesson],
    labels: Sequence[str],
    layout: Layout,
    *,
    steps: int,
    seed: int,
    threads: int,
    log: Callable[[str], None],
) -> "SentenceClassifier":
    """The classifier tuned on these lessons, now or in an earlier run.

    Args:
        lessons: what to learn from.
        labels: all labels.
        layout: where classifiers are kept.
        steps: optimiser steps.
        seed: decides which texts are repeated in a wrapper, and in which order they are seen.
        threads: compute threads of this whole process.
    """
    from safetensors.numpy import load_file, save_file

    from mapper_assets.training.train_retriever import examples
    from mapper_model.sentences import SentenceClassifier

    tuning = Tuning(
        lessons_sha256=content_hash(lessons),
        labels=tuple(labels),
        steps=steps,
        seed=seed,
        libraries=tuple((name, metadata.version(name)) for name in LIBRARIES),
    )
    folder = layout.sentences(content_hash(tuning))
    if (folder / WEIGHTS).is_file():
        log(f"A sentence classifier was tuned on these {len(lessons)} lessons before.")
        return SentenceClassifier(load_file(folder / WEIGHTS), len(labels))
    classifier = tune(examples(lessons, seed), labels, steps=steps, seed=seed, threads=threads, log=log)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".sentences-", dir=folder.parent))
    try:
        save_file(dict(classifier.tensors()), partial / WEIGHTS)
        (partial / "tuning.json").write_text(tuning.model_dump_json(indent=2) + "\n")
        partial.chmod(0o755)
        if not folder.exists():
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return classifier


def tune(
    rows: Sequence[tuple[Question, str]],
    labels: Sequence[str],
    *,
    steps: int,
    seed: int,
    threads: int,
    log: Callable[[str], None],
) -> "SentenceClassifier":
    """A classifier of all labels, tuned on questions with the label to give."""
    import torch
    from torch import nn

    from mapper_assets.training.tunable import TunableClassifier
    from mapper_model.sentences import SentenceClassifier, sentence

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    index = {label: place for place, label in enumerate(labels)}
    texts = sorted({(sentence(question), index[answer]) for question, answer in rows})
    classifier = TunableClassifier(len(labels))
    head = classifier.head()
    upper = [p for p in classifier.parameters() if p.requires_grad and all(p is not other for other in head)]
    optimiser = torch.optim.AdamW(
        [{"params": upper, "lr": RATE}, {"params": head, "lr": HEAD_RATE}], weight_decay=DECAY
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARMUP, 1.0) * max(LEAST_RATE, 1.0 - step / steps)
    )
    log(f"Tuning the sentence classifier on {len(texts)} texts: {steps} steps of {BATCH}.")
    classifier.train()
    started, losses = time.monotonic(), []
    for step, batch in zip(range(1, steps + 1), _batches(texts, seed), strict=False):
        scores = classifier([text for text, _ in batch])
        wanted = torch.tensor([place for _, place in batch])
        loss = nn.functional.cross_entropy(scores, wanted, label_smoothing=SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % PROGRESS == 0:
            left = (time.monotonic() - started) / step * (steps - step)
            recent = sum(losses[-PROGRESS:]) / PROGRESS
            log(f"step {step}/{steps}  loss {recent:.4f}  about {left:.0f} s left")
    return SentenceClassifier(classifier.tensors(), len(labels))


def _batches(texts: Sequence[tuple[str, int]], seed: int) -> Iterator[list[tuple[str, int]]]:
    """Pass after pass, without end."""
    chance = random.Random(seed)  # noqa: S311  (an order, no secret)
    while True:
        order = chance.sample(texts, len(texts))
        for start in range(0, len(order), WINDOW * BATCH):
            near = sorted(order[start : start + WINDOW * BATCH], key=lambda row: len(row[0]))
            window = [near[at : at + BATCH] for at in range(0, len(near), BATCH)]
            yield from chance.sample(window, len(window))


def cores(threads: int) -> int:
    """So many compute threads, or as many as there are cores where 0 are asked for."""
    return threads or os.cpu_count() or 1
