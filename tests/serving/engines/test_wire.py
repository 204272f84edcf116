"""Messages arrive whole and as they were, and what is none ends the connection."""

import asyncio
import math
import struct
from pathlib import Path

import pytest
from engine_hosts import parts

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_serving.engines.base import silence
from mapper_serving.engines.wire import LONGEST, failure, numbers_only, packed, parts_received, parts_sent, received


def read(*pieces: bytes) -> list[object]:
    """Messages in bytes that arrive in pieces, until the stream is over."""

    async def messages() -> list[object]:
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        return [message async for message in received(reader)]

    return asyncio.run(messages())


def test_messages_arrive_whole_however_they_are_cut() -> None:
    sent = packed("said", 1, [-0.1, -2.5]) + packed("state", [(1, "é\n")])
    whole = [["said", 1, [-0.1, -2.5]], ["state", [[1, "é\n"]]]]
    assert read(sent) == whole
    assert read(*(sent[at : at + 1] for at in range(len(sent)))) == whole


@pytest.mark.parametrize(
    "rest",
    [b"\0\0", packed("said")[:-1], struct.pack("!I", 3) + b"{]}", struct.pack("!I", LONGEST + 1) + b"[]"],
    ids=["no length", "too short", "no JSON", "too long"],
)
def test_what_is_no_message_ends_the_connection(rest: bytes) -> None:
    assert read(packed("drop", 1), rest) == [["drop", 1]]


def test_what_an_adapter_is_opened_from_arrives_as_it_was() -> None:
    (message,) = read(packed("open", 7, *parts_sent(parts(seed=3))))
    assert isinstance(message, list)
    found = parts_received(*message[2:])
    assert found.manifest == parts(seed=3).manifest
    assert tuple(found.labels) == parts().labels
    assert (found.base, found.retriever) == (Path("base").absolute(), Path("retriever").absolute())


@pytest.mark.parametrize("kind", [EngineOverloaded, EngineTimeout, EngineError])
def test_errors_keep_their_kind_and_message(kind: type[EngineError]) -> None:
    error = failure(silence(kind("so it is")), "so it is")
    assert (type(error), str(error)) == (kind, "so it is")


def test_a_probability_of_nothing_survives_and_no_probabilities_are_an_error() -> None:
    (message,) = read(packed("said", 1, [-math.inf, 0.0]))
    assert isinstance(message, list)
    assert numbers_only(message[2]) == [-math.inf, 0.0]
    with pytest.raises(EngineError, match="no probabilities"):
        numbers_only([None, None])
