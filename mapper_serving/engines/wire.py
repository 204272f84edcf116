"""What workers and the engine host say to each other over a Unix socket: JSON lists behind their length.

    worker ▸ host   open HELD BASE ADAPTER RETRIEVER LABELS MANIFEST    close HELD
                    ask NUMBER HELD QUESTION SECONDS AMONG TRACE        drop NUMBER
    host ▸ worker   opened HELD          refused HELD MESSAGE           state [[HELD, PROBLEM], …]
                    said NUMBER VALUES   failed NUMBER SILENCE MESSAGE

HELD is an adapter one worker holds, NUMBER a question that is under way. Times of one process mean nothing in another,
so deadlines travel as what is left of them. Questions hold what callers sent: no message is logged, and no error
repeats one.
"""

import asyncio
import math
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.release import Manifest
from mapper_serving.engines.base import Parts

BEAT_SECONDS: Final = 0.5
"""How often the host says how its adapters are, and so that it is there."""

SILENT_SECONDS: Final = 5.0
"""A host that says nothing for so long is not asked any more."""

LONGEST: Final = 1 << 24
"""Most bytes of one message. The longest opens an adapter: it holds a manifest, some ten thousand bytes."""

_LENGTH = struct.Struct("!I")


class Ask(NamedTuple):
    """A question that is put to an adapter.

    Attributes:
        number: of the question, the connection's own.
        held: the adapter.
        question: an instruction.
        seconds: time left for it.
        among: labels that matter; None for all of them.
        trace: headers that continue the caller's trace.
    """

    number: int
    held: int
    question: str
    seconds: float
    among: Sequence[str] | None
    trace: Mapping[str, str]


def packed(*message: object) -> bytes:
    """A message as it is sent."""
    body = orjson.dumps(message)
    return _LENGTH.pack(len(body)) + body


async def received(reader: asyncio.StreamReader) -> AsyncIterator[list[Any]]:
    """Messages until the other end is gone, or sends what is none."""
    while True:
        try:
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            if length > LONGEST:
                return
            message = orjson.loads(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, orjson.JSONDecodeError):
            return
        yield message


def parts_sent(parts: Parts) -> tuple[object, ...]:
    """What an adapter is opened from, for a message."""
    folders = (parts.base, parts.adapter, parts.retriever)
    return (*(str(folder.absolute()) for folder in folders), list(parts.labels), parts.manifest.model_dump_json())


def parts_received(base: str, adapter: str, retriever: str, labels: Sequence[str], manifest: str) -> Parts:
    """The same at the other end."""
    return Parts(Path(base), Path(adapter), Path(retriever), labels, Manifest.model_validate_json(manifest))


def failure(silence: str, message: str) -> EngineError:
    """The error that kept a question from being answered, by its short name (`base.silence`)."""
    return _ERRORS.get(silence, EngineError)(message)


def numbers_only(values: Sequence[float | None]) -> Sequence[float]:
    """Log-probabilities as they were: JSON has no infinity, so what has no value was none at all.

    Raises:
        EngineError: when none has a value.
    """
    if all(value is None for value in values):
        raise EngineError("The adapter gives no probabilities.")
    return [-math.inf if value is None else value for value in values]


_ERRORS: Mapping[str, type[EngineError]] = {"overloaded": EngineOverloaded, "timeout": EngineTimeout}
