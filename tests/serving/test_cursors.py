"""Cursors: as they came they lead back; changed, or under another tenant's key, they lead nowhere."""

import base64

import pytest

from mapper_serving import cursors
from mapper_serving.cursors import Place
from mapper_serving.identity.principal import Tenant
from mapper_serving.problems import Code, Refusal

PLACE = Place("2026-11-23", 42)


def tenant(name: str, key: bytes) -> Tenant:
    return Tenant(id=name, environment="prod", expected_detectors=(), conditions=frozenset(), hmac_key=key)


ACME = tenant("acme", b"a" * 32)


def test_a_cursor_leads_back_to_its_place() -> None:
    assert cursors.decode(cursors.encode(PLACE, ACME, "day"), ACME, "day") == PLACE


def test_a_cursor_does_not_show_its_place_to_a_reader_who_does_not_decode_it() -> None:
    assert "2026" not in cursors.encode(PLACE, ACME, "")


@pytest.mark.parametrize("position", range(0, 36, 5))
def test_a_cursor_with_one_changed_character_is_refused(position: int) -> None:
    cursor = cursors.encode(PLACE, ACME, "")
    other = "A" if cursor[position] != "A" else "B"
    with pytest.raises(Refusal) as refused:
        cursors.decode(cursor[:position] + other + cursor[position + 1 :], ACME, "")
    assert refused.value.code is Code.INVALID_CURSOR


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "2026-11-23:42", base64.urlsafe_b64encode(b"0" * 16 + b"2026-11-23:42").decode(), "A" * 4000],
)
def test_what_was_never_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Refusal):
        cursors.decode(cursor, ACME, "")


def test_a_cursor_belongs_to_one_tenant_and_one_list() -> None:
    cursor = cursors.encode(PLACE, ACME, "")
    with pytest.raises(Refusal):
        cursors.decode(cursor, tenant("globex", b"g" * 32), "")
    with pytest.raises(Refusal):
        cursors.decode(cursor, ACME, "2026-11-23")
