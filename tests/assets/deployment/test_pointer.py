"""The pointer names what serves, the log says who made it so, and the two agree."""

from datetime import UTC, datetime

import pytest

from mapper_assets.deployment.pointer import agrees_with_log, locked, move, previous_release, promotions
from mapper_domain.errors import ReleaseCorrupt, ReleaseMissing
from mapper_domain.release import POINTER, PROMOTIONS, Promotion, read_pointer

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def promotion(release, previous=None, **values):
    return Promotion(at=AT, by="ada", reason="test", previous=previous, release=release, **values)


@pytest.fixture
def releases(tmp_path):
    with locked(tmp_path / "releases"):
        return tmp_path / "releases"


def test_before_the_first_promotion_there_is_no_pointer_and_an_empty_log(releases):
    assert read_pointer(releases) is None
    assert promotions(releases) == ()
    assert agrees_with_log(releases)


def test_a_move_points_to_the_release_and_logs_who_did_it(releases):
    move(releases, promotion("aaaa"))
    assert read_pointer(releases).release == "aaaa"
    assert promotions(releases) == (promotion("aaaa"),)
    assert agrees_with_log(releases)


def test_the_log_only_ever_grows(releases):
    move(releases, promotion("aaaa"))
    first = (releases / PROMOTIONS).read_text()
    move(releases, promotion("bbbb", "aaaa"))
    assert (releases / PROMOTIONS).read_text().startswith(first)
    assert len(promotions(releases)) == 2


def test_a_crash_after_the_log_line_is_seen_as_disagreement(releases):
    move(releases, promotion("aaaa"))
    with (releases / PROMOTIONS).open("a") as log:
        log.write(promotion("bbbb", "aaaa").model_dump_json() + "\n")
    assert read_pointer(releases).release == "aaaa"
    assert not agrees_with_log(releases)


def test_moving_leaves_no_partial_pointer_behind(releases):
    move(releases, promotion("aaaa"))
    assert sorted(path.name for path in releases.iterdir()) == [".lock", POINTER, PROMOTIONS]


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        pytest.param([("aaaa", None), ("bbbb", "aaaa")], "aaaa", id="one step back"),
        pytest.param([("aaaa", None), ("bbbb", "aaaa"), ("aaaa", "bbbb")], "bbbb", id="back and forth"),
        pytest.param([("aaaa", None), ("bbbb", "aaaa"), ("bbbb", "bbbb")], "aaaa", id="a repeated one does not count"),
    ],
)
def test_previous_release_is_the_one_that_served_before(releases, moves, expected):
    for release, previous in moves:
        move(releases, promotion(release, previous))
    assert previous_release(releases) == expected


def test_there_is_nothing_to_roll_back_to_after_the_first_promotion(releases):
    move(releases, promotion("aaaa"))
    with pytest.raises(ReleaseMissing, match="nothing to roll back to"):
        previous_release(releases)


def test_a_damaged_log_names_the_line(releases):
    move(releases, promotion("aaaa"))
    with (releases / PROMOTIONS).open("a") as log:
        log.write("{\n")
    with pytest.raises(ReleaseCorrupt, match=r"promotions\.jsonl:2 "):
        promotions(releases)
