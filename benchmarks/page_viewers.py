"""Viewers of a page, in a process of their own: `python -m benchmarks.page_viewers URL READERS SECONDS`.

READERS read a stream's events, one more asks for them and reads nothing, and one asks for pictures as the page does.
What they saw is printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

STREAM = "recording"

GIVEN_UP_S = 20.0
"""Silence after which a reader says that it was forgotten (s); the server says something every 15."""


@dataclass
class Seen:
    """What the viewers saw together; `apart_s` is the longest time between two events of any reader."""

    readers: int = 0
    events: int = 0
    mbytes: float = 0.0
    apart_s: float = 0.0
    pictures: int = 0
    lost: int = 0
    cpu_s: float = 0.0
    refused: list[str] = field(default_factory=list)


async def main(url: str, readers: int, seconds: float) -> Seen:
    """Look for so long (s)."""
    place = urlsplit(url)
    assert place.hostname is not None
    assert place.port is not None
    seen = Seen()
    deaf = await _deaf(place.hostname, place.port)
    looking = [_read(place.hostname, place.port, seen) for _ in range(readers)]
    tasks = [asyncio.create_task(one) for one in (*looking, _look(place.hostname, place.port, seen))]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    seen.refused = [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)][:5]
    deaf.close()
    used = resource.getrusage(resource.RUSAGE_SELF)
    seen.cpu_s = used.ru_utime + used.ru_stime
    return seen


def _asked(host: str, port: int, what: str) -> bytes:
    return f"GET /streams/{STREAM}/{what} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()


async def _deaf(host: str, port: int) -> socket.socket:
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.connect((host, port))
    asking.sendall(_asked(host, port, "events"))
    return asking


async def _read(host: str, port: int, seen: Seen) -> None:
    """Read events until cancelled."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(_asked(host, port, "events"))
    loop = asyncio.get_running_loop()
    told_s = loop.time()
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in answer.splitlines()[0]:
        raise ConnectionError(answer.splitlines()[0].decode())
    seen.readers += 1
    while piece := await _soon(reader):
        seen.events += piece.count(b"event: ")
        seen.mbytes += len(piece) / 1e6
        seen.apart_s, told_s = max(seen.apart_s, loop.time() - told_s), loop.time()
    seen.lost += 1
    raise ConnectionError("the events ended")


async def _soon(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(GIVEN_UP_S):
        return await reader.read(65536)


async def _look(host: str, port: int, seen: Seen) -> None:
    """Ask for pictures as the page does."""
    while True:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(_asked(host, port, "preview.jpg").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = await reader.read(-1)
        writer.close()
        head, _, _ = answer.partition(b"\r\n\r\n")
        seen.pictures += b" 200 " in head.splitlines()[0]
        every = [line.partition(b":")[2] for line in head.splitlines() if line.lower().startswith(b"x-every-s")]
        await asyncio.sleep(float(every[0]))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))))
