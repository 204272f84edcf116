"""Sending, against answers a transport gives by hand; the real service is in `test_service`."""

from pathlib import Path

import httpx
import pytest

from demo.failure import DemoFailed
from demo.plan import Request
from demo.traffic import BATCH, Sent, read_sent, send

KEYS = {"acme": "lm_key"}


def request(number: int, *, alone: bool = True) -> Request:
    return Request(f"2026-11-20/acme/{number:03}", "acme", "2026-11-20", b'{"n": %d}' % number, alone)


def client(handler: "httpx.MockTransport") -> httpx.Client:
    return httpx.Client(transport=handler, base_url="http://service")


def accepting(seen: list[httpx.Request]) -> httpx.MockTransport:
    """Accepts everything, one event id for each request."""

    def answer(sent: httpx.Request) -> httpx.Response:
        seen.append(sent)
        if sent.url.path == "/map":
            return httpx.Response(200, json={}, headers={"X-Event-Id": f"event-{len(seen)}"})
        count = sent.content.count(b'"n"')
        items = [{"index": n, "status": 200, "event_id": f"event-{len(seen)}-{n}"} for n in range(count)]
        return httpx.Response(200, json={"items": items})

    return httpx.MockTransport(answer)


def test_requests_carry_the_tenants_key_and_their_exact_body(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []
    send(client(accepting(seen)), KEYS, [request(1)], tmp_path / "sent.jsonl", print)
    assert [(sent.headers["authorization"], sent.content) for sent in seen] == [("Bearer lm_key", b'{"n": 1}')]


def test_others_travel_in_batches(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []
    many = [request(number, alone=False) for number in range(BATCH + 3)]
    sent = send(client(accepting(seen)), KEYS, many, tmp_path / "sent.jsonl", print)
    assert [item.url.path for item in seen] == ["/map/batch", "/map/batch"]
    assert [item.key for item in sent] == [item.key for item in many]


def test_only_what_was_not_sent_is_sent(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []
    note = tmp_path / "sent.jsonl"
    send(client(accepting(seen)), KEYS, [request(1)], note, print)
    sent = send(client(accepting(seen)), KEYS, [request(1), request(2)], note, print)
    assert [item.key for item in sent] == [request(2).key]
    assert [item.key for item in read_sent(note)] == [request(1).key, request(2).key]


def test_a_note_cut_by_a_kill_is_repaired(tmp_path: Path) -> None:
    note = tmp_path / "sent.jsonl"
    send(client(accepting([])), KEYS, [request(1)], note, print)
    with note.open("a") as stream:
        stream.write('{"key": "2026-11-20/ac')
    assert len(read_sent(note)) == 1
    send(client(accepting([])), KEYS, [request(1), request(2)], note, print)
    assert [item.key for item in read_sent(note)] == [request(1).key, request(2).key]


def test_a_refusal_is_noted_with_its_code(tmp_path: Path) -> None:
    problem = {"type": "urn:llama-mapper:problem:unknown-detector", "status": 404}
    transport = httpx.MockTransport(lambda _: httpx.Response(404, json=problem))
    sent = send(client(transport), KEYS, [request(1)], tmp_path / "sent.jsonl", print)
    assert sent == (Sent(request(1).key, "acme", "2026-11-20", 404, problem="unknown-detector"),)


def test_a_service_that_is_not_ready_yet_is_asked_again(tmp_path: Path) -> None:
    answers = iter([httpx.Response(503), httpx.Response(200, json={}, headers={"X-Event-Id": "event-1"})])
    transport = httpx.MockTransport(lambda _: next(answers))
    sent = send(client(transport), KEYS, [request(1)], tmp_path / "sent.jsonl", print)
    assert [item.event_id for item in sent] == ["event-1"]


def test_an_answer_without_event_and_problem_fails(tmp_path: Path) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    with pytest.raises(DemoFailed, match="neither an event nor a problem"):
        send(client(transport), KEYS, [request(1)], tmp_path / "sent.jsonl", print)


def test_a_service_that_vanishes_fails(tmp_path: Path) -> None:
    def vanish(sent: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone", request=sent)

    with pytest.raises(DemoFailed, match="stopped answering"):
        send(client(httpx.MockTransport(vanish)), KEYS, [request(1)], tmp_path / "sent.jsonl", print)


def test_a_service_that_breaks_is_no_refusal(tmp_path: Path) -> None:
    problem = {"type": "urn:llama-mapper:problem:internal-error"}
    transport = httpx.MockTransport(lambda _: httpx.Response(500, json=problem))
    with pytest.raises(DemoFailed, match="500 \\(internal-error\\)"):
        send(client(transport), KEYS, [request(1)], tmp_path / "sent.jsonl", print)
    assert read_sent(tmp_path / "sent.jsonl") == ()
