"""Reading events that wait: a tenant's own, in order, a day at a time."""

import asyncio

from outbox_rows import DAY, event, rejection

from mapper_serving.outbox.open import draining, open_outbox
from mapper_serving.settings import Settings


def test_a_tenant_s_waiting_events_are_read_in_order_after_a_sequence(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([event(n) for n in range(1, 6)] + [event(9, tenant="globex"), rejection(1)]))
    found = outbox.events("acme", DAY, 2, 2)
    assert [(stored.sequence, stored.event_id, stored.event) for stored in found] == [
        (3, "3", "x" * 10),
        (4, "4", "x" * 10),
    ]
    assert found[0].recorded_at.tzinfo is not None
    assert outbox.events("acme", "2026-01-01", 0, 10) == []
    assert outbox.events("nobody", DAY, 0, 10) == []
    outbox.close()


def test_days_with_events_stay_known_when_the_events_were_shipped(place: Settings) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([event(1, day="2026-11-24"), event(2), rejection(1, tenant="globex")]))
    with draining(place, "segments", wait=True) as drain:
        assert drain is not None
        with drain.claim(("acme", DAY), 10) as shipment:
            assert shipment is not None
            drain.finish(shipment, [], shipment.events[0].recorded_at)
    assert list(outbox.days("acme").items()) == [(DAY, 1), ("2026-11-24", 1)]
    assert outbox.events("acme", DAY, 0, 10) == []
    assert outbox.days("globex") == {}
    outbox.close()
