"""Replies kept under the caller's key: stored with their events or not at all, and given to one request only."""

import asyncio

import pytest
from outbox_rows import event, held, ids, reply, reservation

from mapper_serving.outbox.open import draining, open_outbox
from mapper_serving.outbox.outbox import Outbox
from mapper_serving.outbox.rows import Replay, ReplayTaken
from mapper_serving.settings import Settings


def find(outbox: Outbox, key: str = "k", tenant: str = "acme") -> Replay | None:
    return asyncio.run(outbox.find_replay(tenant, "/map", key))


def test_a_reply_is_found_as_it_was_kept_by_its_tenant_only(place: Settings) -> None:
    outbox = open_outbox(place)
    kept = reply()
    asyncio.run(outbox.append([event(1)], kept))
    assert find(outbox) == kept
    assert find(outbox, "other") is None
    assert find(outbox, tenant="globex") is None
    outbox.close()


def test_a_key_can_be_reserved_once_and_filled_once(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([], reservation()))
    found = find(outbox)
    assert found is not None
    assert found.body is None
    with pytest.raises(ReplayTaken):
        asyncio.run(outbox.append([], reservation()))
    asyncio.run(outbox.append([event(1)], reply()))
    with pytest.raises(ReplayTaken):
        asyncio.run(outbox.append([event(2)], reply(body=b"other")))
    found = find(outbox)
    assert found is not None
    assert found.body == b"answer"
    outbox.close()
    assert ids(held(place).values()) == ["1"]


def test_of_many_workers_at_once_one_gets_the_key_and_the_others_store_nothing(place: Settings) -> None:
    boxes = [open_outbox(place) for _ in range(3)]

    async def race() -> list[BaseException | None]:
        return await asyncio.gather(
            *(box.append([event(n)], reply(body=str(n).encode())) for n, box in enumerate(boxes * 5)),
            return_exceptions=True,
        )

    outcomes = asyncio.run(race())
    (winner,) = [n for n, outcome in enumerate(outcomes) if outcome is None]
    assert all(isinstance(outcome, ReplayTaken) for n, outcome in enumerate(outcomes) if n != winner)
    found = find(boxes[0])
    assert found is not None
    assert found.body == str(winner).encode()
    assert boxes[0].pending <= 1
    for box in boxes:
        box.close()
    assert ids(held(place).values()) == [str(winner)]


def test_the_same_key_of_another_tenant_or_route_is_another_key(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([], reservation()))
    asyncio.run(outbox.append([], reservation(tenant="globex")))
    asyncio.run(outbox.append([], reservation()._replace(route="/map/batch")))
    outbox.close()


def test_a_refused_key_costs_its_neighbours_nothing(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([], reply()))

    async def append_all() -> list[BaseException | None]:
        submissions = [([event(1)], None), ([event(2)], reply()), ([event(3)], reply("other"))]
        return await asyncio.gather(*(outbox.append(rows, kept) for rows, kept in submissions), return_exceptions=True)

    first, second, third = asyncio.run(append_all())
    assert (first, type(second), third) == (None, ReplayTaken, None)
    outbox.close()
    (shipment,) = held(place).values()
    assert [(stored.sequence, stored.event_id) for stored in shipment.events] == [(1, "1"), (2, "3")]


def test_an_expired_place_is_free_and_a_released_one_too(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([], reservation(seconds=-1)))
    assert find(outbox) is None
    mine = reservation()
    asyncio.run(outbox.append([], mine))
    asyncio.run(outbox.release_replay(mine))
    assert find(outbox) is None
    asyncio.run(outbox.append([], mine))
    asyncio.run(outbox.append([], reply()))
    asyncio.run(outbox.release_replay(mine))
    found = find(outbox)
    assert found is not None
    assert found.body == b"answer"
    outbox.close()


def test_expired_replies_are_removed_when_events_are_shipped(place: Settings) -> None:
    outbox = open_outbox(place)
    old, kept = reply("old"), reply("kept")
    asyncio.run(outbox.append([event(1)], old))
    asyncio.run(outbox.append([], kept._replace(expires_at=kept.expires_at.replace(year=2100))))
    with draining(place, "segments", wait=True) as drain:
        assert drain is not None
        drain.forget_expired(old.expires_at)
    assert find(outbox, "old") is None
    assert find(outbox, "kept") is not None
    outbox.close()
