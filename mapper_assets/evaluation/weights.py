"""Fits how much each voice of a mapper counts, by what both said about labels neither had seen.

Numbers only: which cases are held out, and into which halves they fall, is `trust`'s business.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from mapper_domain.voices import Opinion, Voice, Weights, joint

LEAST, MOST = 0.001, 10.0
"""Limits of a fitted exponent. At the lower one a voice is as good as silent, which an untrained one should be."""

LEAST_CASES = 20
"""Fewer cases than this say nothing about an exponent."""

VOICES: tuple[Voice, ...] = ("adapter", "retriever")
_IMPOSSIBLE = 30.0


class Judged(NamedTuple):
    """What was said about one question, and the labels that would be right; at least one of them can be said."""

    opinion: Opinion
    accepted: Collection[str]


def fit(cases: Sequence[Judged]) -> Weights:
    """The exponents with the least mean negative log-likelihood, for either voice alone and for both together.

    Whoever was heard on fewer than `LEAST_CASES` questions keeps the default.
    """
    alone: dict[str, float] = {}
    for voice in VOICES:
        heard = _heard(cases, (voice,))
        if len(heard) >= LEAST_CASES:
            alone[voice] = round(float(_fitted(heard, (voice,))[0]), 6)
    both = _heard(cases, VOICES)
    if len(both) < LEAST_CASES:
        return Weights(**alone)
    exponents = _fitted(both, VOICES)
    together: dict[Voice, float] = {
        voice: round(float(value), 6) for voice, value in zip(VOICES, exponents, strict=True)
    }
    return Weights(**alone, together=together)


def loss(cases: Sequence[Judged], weights: Weights, heard: Sequence[Voice]) -> float:
    """Mean of -ln of the probability on accepted labels (nats), as if only these voices were heard.

    0.0 when none of the cases has all of them.
    """
    chosen = _heard(cases, heard)
    if not chosen:
        return 0.0
    exponents = weights.of({voice: chosen[0].opinion[voice] for voice in heard})
    said, right = _arrays(chosen, heard)
    return _loss(np.array([exponents[voice] for voice in heard]), said, right)[0]


def _heard(cases: Sequence[Judged], voices: Sequence[Voice]) -> list[Judged]:
    return [case for case in cases if all(voice in case.opinion for voice in voices)]


def _fitted(cases: Sequence[Judged], voices: Sequence[Voice]) -> NDArray[np.float64]:
    """From several starts, because accepting any of several labels makes the loss bend both ways."""
    said, right = _arrays(cases, voices)
    bounds = [(LEAST, MOST)] * len(voices)
    starts = [np.full(len(voices), 0.5), *np.eye(len(voices)).clip(LEAST)]
    found = [
        minimize(_loss, start, args=(said, right), jac=True, method="L-BFGS-B", bounds=bounds, tol=1e-9)
        for start in starts
    ]
    best: NDArray[np.float64] = min(found, key=lambda result: float(result.fun)).x
    return best


def _arrays(cases: Sequence[Judged], voices: Sequence[Voice]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What each voice said, shape (voices, cases, labels), and which labels were right."""
    labels = sorted(cases[0].opinion[voices[0]])
    opinions = [joint({voice: case.opinion[voice] for voice in voices}) for case in cases]
    said = np.array([[[opinion[voice][label] for label in labels] for opinion in opinions] for voice in voices])
    right = np.array([[label in case.accepted for label in labels] for case in cases])
    return said, right


def _loss(
    exponents: NDArray[np.float64], said: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Loss and its gradient in the exponents; a case without a right label costs the same whatever they are."""
    scores: NDArray[np.float64] = np.einsum("v,vcl->cl", exponents, said)
    everything, shares = _log_sum(scores, np.ones_like(right))
    wanted, right_shares = _log_sum(scores, right)
    possible: NDArray[np.bool_] = np.any(right, axis=1)
    losses = np.where(possible, everything - wanted, _IMPOSSIBLE)
    slopes = np.where(possible[:, None], shares - right_shares, 0.0)
    return float(losses.mean()), np.einsum("vcl,cl->v", said, slopes) / len(right)


def _log_sum(scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ln of the sum of exponentials of the chosen labels of each row, and each label's share in that sum."""
    kept = np.where(chosen, scores, -1e9)
    peak = kept.max(axis=1, keepdims=True)
    masses = np.exp(kept - peak)
    total = masses.sum(axis=1, keepdims=True)
    return (peak + np.log(total))[:, 0], masses / total
