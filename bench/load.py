"""A bounded closed-loop HTTP/1.1 load client: N connections, each sends its next request when the last is answered."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple


class Load(NamedTuple):
    """What one run measured; times in milliseconds."""

    rate: float
    p50: float
    p95: float
    failures: int


def requests(path: str, bodies: Sequence[bytes], headers: dict[str, str]) -> list[bytes]:
    """Complete requests, written once so that the client costs little."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return [
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n".encode()
        + body
        for body in bodies
    ]


async def run(port: int, prepared: Sequence[bytes], *, total: int, concurrency: int) -> Load:
    """Send `total` requests over `concurrency` kept-alive connections."""
    times: list[float] = []
    failures = 0
    todo = iter(range(total))
    source = cycle(prepared)

    async def connection() -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in todo:
            started = time.perf_counter()
            writer.write(next(source))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - started)
            failures += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(concurrency)))
    seconds = time.perf_counter() - began
    cuts = statistics.quantiles(times, n=100)
    return Load(rate=total / seconds, p50=cuts[49] * 1000, p95=cuts[94] * 1000, failures=failures)
