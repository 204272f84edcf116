"""A canary and a shadow are asked for like a promotion: verified, logged, and ended by one."""

import pytest

from mapper_assets.deployment import __main__ as command
from mapper_assets.deployment.pointer import agrees_with_log, previous_release, promotions
from mapper_assets.deployment.release import assemble, promote
from mapper_assets.deployment.trials import end, start_canary, start_shadow
from mapper_assets.gates import Gates
from mapper_domain.errors import GatesFailed, ReleaseCorrupt, ReleaseMismatch, ReleaseMissing
from mapper_domain.release import POINTER, read_pointer

WHO = {"by": "ada", "reason": "test"}


@pytest.fixture
def two(layout, sources, evaluated, retrieved):
    """A release that serves, and another one."""
    first, second = (
        assemble(layout, sources, evaluated(weights=weights), retrieved(), Gates()) for weights in (b"one", b"two")
    )
    promote(layout, first, gates=Gates(), **WHO)
    return first, second


def test_a_canary_is_in_pointer_and_log_and_the_same_release_serves(layout, two):
    first, second = two
    start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    pointer = read_pointer(layout.releases)
    assert (pointer.release, pointer.canary.release, pointer.canary.share) == (first, second, 0.1)
    line = promotions(layout.releases)[-1]
    assert (line.release, line.previous, line.canary, line.by) == (first, first, pointer.canary, "ada")
    assert agrees_with_log(layout.releases)


def test_a_shadow_and_a_canary_stand_beside_each_other_and_end_apart(layout, two):
    first, second = two
    start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    start_shadow(layout, second, 0.5, **WHO)
    assert read_pointer(layout.releases).canary.release == read_pointer(layout.releases).shadow.release == second
    end(layout, ("canary",), **WHO)
    pointer = read_pointer(layout.releases)
    assert (pointer.release, pointer.canary, pointer.shadow.share) == (first, None, 0.5)


def test_a_promotion_ends_the_trials_and_going_back_skips_them(layout, two):
    first, second = two
    start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    promote(layout, second, gates=Gates(), **WHO)
    pointer = read_pointer(layout.releases)
    assert (pointer.release, pointer.canary, pointer.shadow) == (second, None, None)
    assert previous_release(layout.releases) == first


def test_pinning_the_release_that_serves_leaves_its_canary(layout, two):
    first, second = two
    start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    promote(layout, first, gates=Gates(), hold=True, **WHO)
    assert read_pointer(layout.releases).canary.release == second
    end(layout, ("canary",), **WHO)
    assert promotions(layout.releases)[-1].hold


def test_automation_waits_while_a_canary_is_tried(layout, two):
    first, second = two
    start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    outcome = promote(layout, second, gates=Gates(), automatic=True, **WHO)
    assert (outcome.held, outcome.release, read_pointer(layout.releases).release) == (True, first, first)
    assert "canary" in outcome.sentence


def test_without_trials_the_pointer_is_what_older_services_read(layout, two):
    _, second = two
    start_shadow(layout, second, 1.0, **WHO)
    end(layout, ("canary", "shadow"), **WHO)
    text = (layout.releases / POINTER).read_text()
    assert "canary" not in text
    assert "shadow" not in text


def test_a_canary_has_to_pass_the_gates_and_a_shadow_need_not(layout, two):
    _, second = two
    with pytest.raises(GatesFailed):
        start_canary(layout, second, 0.1, gates=Gates(golden_cases_per_detector=10**6, f1=1.0, ece=0.0), **WHO)
    assert read_pointer(layout.releases).canary is None
    start_shadow(layout, second, 1.0, **WHO)


def test_an_altered_release_is_not_tried(layout, two):
    _, second = two
    path = layout.releases / second / "answers.jsonl"
    path.chmod(0o644)
    path.write_text("other")
    with pytest.raises(ReleaseCorrupt):
        start_canary(layout, second, 0.1, gates=Gates(), **WHO)
    with pytest.raises(ReleaseCorrupt):
        start_shadow(layout, second, 1.0, **WHO)


def test_the_release_that_serves_cannot_be_tried_beside_itself(layout, two):
    first, _ = two
    with pytest.raises(ReleaseMismatch, match="serves already"):
        start_shadow(layout, first, 1.0, **WHO)


def test_nothing_is_tried_before_something_serves(layout, sources, evaluated, retrieved):
    release = assemble(layout, sources, evaluated(), retrieved(), Gates())
    with pytest.raises(ReleaseMissing, match="No release serves yet"):
        start_shadow(layout, release, 1.0, **WHO)


def test_the_command_says_what_the_pointer_says(layout, two, monkeypatch):
    first, second = two
    monkeypatch.setenv("MAPPER_ARTIFACTS", str(layout.root))
    assert f"{second} answers 25.0% as a canary." in command.main(["canary", second, "--share", "0.25", "--by", "ada"])
    assert f"{second} is asked about 100.0% as a shadow." in command.main(["shadow", second])
    assert command.main(["end"]) == command.main(["status"])
    assert command.main(["promote", second]).startswith(f"{second} serves;")
    assert command.main(["promote", "previous"]).startswith(f"{first} serves;")


@pytest.mark.parametrize("share", ["0", "1.5", "much"])
def test_a_share_that_is_none_is_refused_before_anything_happens(share, capsys):
    with pytest.raises(SystemExit):
        command.main(["canary", "0123456789abcdef", "--share", share])
    assert "share" in capsys.readouterr().err
