"""Other sides of any protocol for the tests of outputs: one that takes all and keeps it, one that never reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

import httpx

_CONNECT: Final = 1
_PUBLISH: Final = 3
_SUBSCRIBE: Final = 8
_PING: Final = 12

_OVER: Final = (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError)
"""How a conversation ends."""

Take = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Heard:
    """What came in, as it came."""

    def __init__(self) -> None:
        self.bytes = b""

    @property
    def text(self) -> str:
        return self.bytes.decode("utf-8", "backslashreplace")


@asynccontextmanager
async def mute_peer() -> AsyncIterator[int]:
    """Takes connections and never reads from them; its port."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cast("asyncio.ReadTransport", writer.transport).pause_reading()
        await asyncio.Event().wait()

    async with _serving(ignore) as port:
        yield port


@asynccontextmanager
async def any_broker(heard: Heard) -> AsyncIterator[int]:
    """As much of an MQTT 5 broker as a publisher needs: it acknowledges everything and hands nothing on."""

    async def acknowledge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, body = await _packet(reader)
            heard.bytes += body
            kind, qos = first >> 4, (first >> 1) & 3
            if kind == _CONNECT:
                writer.write(b"\x20\x03\x00\x00\x00")
            elif kind == _PUBLISH and qos:
                at = 2 + int.from_bytes(body[:2])
                writer.write(b"\x40\x02" + body[at : at + 2])
            elif kind == _SUBSCRIBE:
                writer.write(b"\x90\x04" + body[:2] + b"\x00\x01")
            elif kind == _PING:
                writer.write(b"\xd0\x00")

    async with _serving(acknowledge) as port:
        yield port


@asynccontextmanager
async def any_receiver(heard: Heard) -> AsyncIterator[int]:
    """Takes every HTTP request with 204."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length")
            )
            heard.bytes += head + await reader.readexactly(length)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with _serving(take) as port:
        yield port


async def asked(heard: Heard, url: str, *paths: str, seconds: float = 1.0) -> None:
    """Ask an endpoint for some paths; an answer without end is read for so long."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for path in paths:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds), client.stream("GET", path) as answer:
                    heard.bytes += str(answer.headers).encode()
                    async for part in answer.aiter_bytes():
                        heard.bytes += part


@asynccontextmanager
async def _serving(take: Take) -> AsyncIterator[int]:
    """Listens on loopback until the end of the block; its port."""
    tasks = set[asyncio.Task[None]]()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.closing(writer), contextlib.suppress(*_OVER):
            await take(reader, writer)

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    (first,) = await reader.readexactly(1)
    length, shift = 0, 0
    while True:
        (digit,) = await reader.readexactly(1)
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return first, await reader.readexactly(length)
