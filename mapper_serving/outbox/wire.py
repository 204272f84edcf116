"""What the outbox and its writer say to each other over a pair of sockets: JSON lists behind their length.

    outbox ▸ writer   [ROWS, REPLAY]   or, to have rows counted again, []
    writer ▸ outbox   [KEPT, SECONDS, PROBLEM, BACKLOG]

KEPT holds a truth for each submission of the commit, in the order they were sent, and is empty for a mere count;
PROBLEM is empty when the commit succeeded; BACKLOG is null where nothing was counted.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson

from mapper_serving.outbox.rows import Event, Rejection, Replay
from mapper_serving.outbox.store import Backlog, Submission

RECOUNT: Final[tuple[()]] = ()
_LENGTH = struct.Struct("!I")


class Outcome(NamedTuple):
    """What became of one commit.

    Attributes:
        kept: for each submission whether it was stored; all are false where there is a problem.
        seconds: how long it took.
        problem: why nothing was stored, or empty.
        backlog: what waits, where it was counted just after.
    """

    kept: Sequence[bool]
    seconds: float
    problem: str
    backlog: Backlog | None


def packed(message: Sequence[object]) -> bytes:
    """A message as it is sent.

    Raises:
        TypeError: when it holds what JSON cannot.
    """
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Makes messages of bytes as they come."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Every message that is complete now."""
        self._rest += data
        start = 0
        while len(self._rest) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest, start)
            end = start + _LENGTH.size + length
            if end > len(self._rest):
                break
            yield orjson.loads(memoryview(self._rest)[start + _LENGTH.size : end])
            start = end
        del self._rest[:start]


def submission_sent(submission: Submission) -> Sequence[object]:
    """A submission, for a message."""
    return [(isinstance(row, Event), *row) for row in submission.rows], _replay_sent(submission.replay)


def submission_received(rows: Sequence[Sequence[Any]], replay: Sequence[Any] | None) -> Submission:
    """The same at the other end."""
    made = [Event(*row) if is_event else Rejection(*row) for is_event, *row in rows]
    return Submission(made, _replay_received(replay))


def outcome_sent(outcome: Outcome) -> Sequence[object]:
    """An outcome, for a message."""
    backlog = None if outcome.backlog is None else tuple(outcome.backlog)
    return outcome.kept, outcome.seconds, outcome.problem, backlog


def outcome_received(kept: Sequence[bool], seconds: float, problem: str, backlog: Sequence[Any] | None) -> Outcome:
    """The same at the other end."""
    if backlog is None:
        return Outcome(kept, seconds, problem, None)
    rows, oldest, fill, deliveries, oldest_delivery = backlog
    return Outcome(kept, seconds, problem, Backlog(rows, _moment(oldest), fill, deliveries, _moment(oldest_delivery)))


def _replay_sent(replay: Replay | None) -> Sequence[object] | None:
    if replay is None:
        return None
    body = None if replay.body is None else replay.body.decode("latin-1")
    return *replay[:5], dict(replay.headers), body, replay.expires_at


def _replay_received(sent: Sequence[Any] | None) -> Replay | None:
    if sent is None:
        return None
    *same, body, expires_at = sent
    kept = None if body is None else body.encode("latin-1")
    return Replay._make((*same, kept, datetime.fromisoformat(expires_at)))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
