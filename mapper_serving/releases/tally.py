"""What became of one release's answers in the last minutes, as counts. Who judges them is `canary`'s business."""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

Outcome = Literal["answered", "error", "invalid"]
"""What became of an output: answered, failed at, or answered against the schema."""

Kind = Outcome | Literal["asked", "silent", "unsure"]
"""Besides outputs: questions to the model, those a voice was silent about, those it was below the threshold for."""

SLICES = 30


class Tally:
    """Counts over a sliding window, in slices of a thirtieth of it. Used from one thread."""

    def __init__(self, seconds: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._width = seconds / SLICES
        self._clock = clock
        self._slices: deque[tuple[int, Counter[Kind]]] = deque(maxlen=SLICES)

    def note(self, kind: Kind) -> None:
        """Count one."""
        now = int(self._clock() / self._width)
        if not self._slices or self._slices[-1][0] != now:
            self._slices.append((now, Counter()))
        self._slices[-1][1][kind] += 1

    def counts(self) -> Counter[Kind]:
        """How many of each kind there were in the window."""
        oldest = int(self._clock() / self._width) - SLICES
        found: Counter[Kind] = Counter()
        for number, counts in self._slices:
            if number > oldest:
                found.update(counts)
        return found
