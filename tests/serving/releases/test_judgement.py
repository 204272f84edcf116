"""When a canary has to go: one bound after the other, each over the last minutes only, and none too early."""

from pathlib import Path

import pytest

from mapper_domain.release import Canary
from mapper_serving.releases.canary import Bounds, Stops, judge
from mapper_serving.releases.tally import Kind, Tally

BOUNDS = Bounds(least=20, error=0.1, invalid=0.0, fallback=0.2)


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def tally(clock: Clock | None = None, **counts: int) -> Tally:
    """A tally with so many of each kind."""
    found = Tally(300, clock or Clock())
    for kind, times in counts.items():
        for _ in range(times):
            found.note(kind)  # type: ignore[arg-type]
    return found


def bound(canary: Tally, stable: Tally | None = None) -> str | None:
    passed = judge(canary, stable or tally(), BOUNDS)
    return passed.bound if passed else None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"answered": 100}, None),
        ({"answered": 90, "error": 10}, None),
        ({"answered": 89, "error": 11}, "error"),
        ({"error": 19}, None),
        ({"error": 20}, "error"),
        ({"answered": 100, "invalid": 1}, "invalid"),
        ({"answered": 18, "invalid": 1}, None),
        ({"answered": 100, "asked": 100, "silent": 20}, None),
        ({"answered": 100, "asked": 100, "silent": 21}, "fallback"),
        ({"answered": 1000, "asked": 20, "silent": 5}, "fallback"),
        ({"answered": 1000, "asked": 19, "silent": 19}, None),
        ({"asked": 100, "unsure": 100}, None),
    ],
)
def test_a_canary_goes_when_a_rate_is_above_its_bound_and_rests_on_enough(
    counts: dict[str, int], expected: str | None
) -> None:
    assert bound(tally(**counts)) == expected


@pytest.mark.parametrize(("unsure", "expected"), [(50, None), (51, "fallback")])
def test_a_canary_may_be_as_unsure_as_the_stable_release_and_a_little_more(unsure: int, expected: str | None) -> None:
    stable = tally(asked=100, unsure=25, silent=5)
    assert bound(tally(asked=100, unsure=unsure), stable) == expected


def test_what_happened_before_the_window_is_forgotten() -> None:
    clock = Clock()
    canary = tally(clock, error=50)
    assert bound(canary) == "error"
    clock.now += 280
    for _ in range(30):
        canary.note("answered")
    assert bound(canary) == "error"
    clock.now += 40
    assert canary.counts() == {"answered": 30}
    assert bound(canary) is None


def test_counting_takes_no_more_memory_as_time_passes() -> None:
    clock = Clock()
    canary = Tally(300, clock)
    kinds: list[Kind] = ["answered", "asked"]
    for second in range(3_000):
        clock.now = second
        canary.note(kinds[second % 2])
    assert sum(canary.counts().values()) <= 300


def test_a_stopped_canary_is_remembered_by_the_next_process_until_it_is_asked_for_otherwise(tmp_path: Path) -> None:
    canary = Canary(release="aaaa", share=0.1)
    Stops(tmp_path / "cache" / "stopped.json").remember(canary, "It failed.")
    other = Stops(tmp_path / "cache" / "stopped.json")
    other.read()
    assert other.reason(canary) == "It failed."
    assert other.reason(canary.model_copy(update={"share": 0.2})) == ""
    assert other.reason(canary.model_copy(update={"release": "bbbb"})) == ""


def test_what_cannot_be_kept_or_read_is_remembered_by_this_process(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    canary = Canary(release="aaaa", share=0.1)
    stops = Stops(tmp_path / "cache" / "stopped.json")
    stops.remember(canary, "It failed.")
    stops.read()
    assert stops.reason(canary) == "It failed."


def test_what_went_here_is_not_forgotten_for_an_older_word_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "stopped.json"
    older, newer = Canary(release="aaaa", share=0.1), Canary(release="bbbb", share=0.1)
    Stops(path).remember(older, "It failed long ago.")
    content = path.read_bytes()
    stops = Stops(path)
    stops.remember(newer, "It failed now.")
    path.write_bytes(content)
    stops.read()
    assert stops.reason(newer) == "It failed now."
