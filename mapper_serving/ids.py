"""UUIDv7 (RFC 9562 §5.7), which Python 3.11 does not have."""

import uuid_utils


def uuid7() -> str:
    """A time-ordered id: 48 bits of Unix milliseconds, then a counter and random bits."""
    return str(uuid_utils.uuid7())
