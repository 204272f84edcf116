"""What outbox and writer say to each other arrives as it was sent, however it is cut on its way."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_rows import event, rejection, reply, reservation

from mapper_serving.outbox.rows import Replay
from mapper_serving.outbox.store import Backlog, Submission
from mapper_serving.outbox.wire import (
    Outcome,
    Unpacker,
    outcome_received,
    outcome_sent,
    packed,
    submission_received,
    submission_sent,
)

NOW = datetime.now(UTC)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs",))), max_size=4), max_size=6), st.integers(1, 9)
)
def test_messages_come_whole_and_in_order_whatever_pieces_they_come_in(sent: list[list[str]], size: int) -> None:
    stream, unpacker = b"".join(map(packed, sent)), Unpacker()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [message for piece in pieces for message in unpacker.feed(piece)] == sent


@pytest.mark.parametrize("replay", [None, reservation(), reply(body=bytes(range(256)))], ids=["none", "place", "reply"])
def test_a_submission_arrives_as_it_was_sent(replay: Replay | None) -> None:
    sent = Submission([event(1), rejection(2), event(3)], replay)
    (message,) = Unpacker().feed(packed(submission_sent(sent)))
    assert submission_received(*message) == sent


@pytest.mark.parametrize("backlog", [None, Backlog(0), Backlog(3, NOW, 0.5, 1, NOW)], ids=["none", "empty", "full"])
def test_an_outcome_arrives_as_it_was_sent(backlog: Backlog | None) -> None:
    sent = Outcome([True, False], 0.25, "The outbox cannot be written: disk full.", backlog)
    (message,) = Unpacker().feed(packed(outcome_sent(sent)))
    assert outcome_received(*message) == sent
