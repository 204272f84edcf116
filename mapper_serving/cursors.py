"""Cursors of event lists: where a tenant's reading has got to, signed with its key so that nobody can make one up."""

import base64
import binascii
import hmac
import re
from typing import Final, NamedTuple

from mapper_serving.identity.principal import Tenant
from mapper_serving.problems import Code, Refusal

_MAC_BYTES: Final = 16
_PLACE = re.compile(r"(\d{4}-\d{2}-\d{2}):(\d{1,18})")


class Place(NamedTuple):
    """The last event that was read: its UTC day, and its sequence within it; 0 before the first one."""

    day: str
    sequence: int


def encode(place: Place, tenant: Tenant, filters: str) -> str:
    """The cursor of a place in a tenant's list of events that these filters let through."""
    text = f"{place.day}:{place.sequence}"
    signed = _mac(text, tenant, filters) + text.encode()
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def decode(cursor: str, tenant: Tenant, filters: str) -> Place:
    """The place a cursor stands for.

    Raises:
        Refusal: `invalid-cursor`, whatever is wrong with it.
    """
    refusal = Refusal(Code.INVALID_CURSOR, "Send a cursor as it came, with the same `day` and the same tenant's key.")
    try:
        signed = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = signed[_MAC_BYTES:].decode("ascii")
    except (UnicodeError, binascii.Error):
        raise refusal from None
    match = _PLACE.fullmatch(text)
    if match is None or not hmac.compare_digest(signed[:_MAC_BYTES], _mac(text, tenant, filters)):
        raise refusal
    return Place(match[1], int(match[2]))


def _mac(text: str, tenant: Tenant, filters: str) -> bytes:
    return bytes.fromhex(tenant.hash(f"cursor\0{filters}\0{text}"))[:_MAC_BYTES]
