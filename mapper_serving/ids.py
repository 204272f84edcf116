"""UUIDv7 (RFC 9562 §5.7), which Python 3.11 does not have."""

import random
import time

_random = random.Random()  # noqa: S311  (seeded from the system; ids must be unique, they are no secret)


def uuid7() -> str:
    """A time-ordered id: 48 bits of Unix milliseconds, 12 bits of the fraction below (method 3), 62 random bits."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | _random.getrandbits(62)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
