"""A broker of few words, for what mosquitto cannot be made to do: refuse MQTT 5, say nothing to it, end it by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto


class Manner(Enum):
    REFUSES_5 = auto()
    """As MQTT 3.1.1 has it: an unacceptable protocol version is said."""
    IGNORES_5 = auto()
    """As some did: the connection stands, and nothing is said."""
    TAKES_OVER = auto()
    """Says, once all greetings are in, that another client has the id."""
    DROPS = auto()
    """Ends every connection once all greetings are in, without a word."""


_LAST_WORDS = {Manner.TAKES_OVER: b"\xe0\x02\x8e\x00", Manner.DROPS: b""}


@dataclass
class FewWords:
    """`connects` has the protocol level of every CONNECT, `topics` of everything that was published."""

    manner: Manner
    port: int = 0
    connects: list[int] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        v5 = False
        while True:
            kind, body = await _packet(reader)
            if kind >> 4 == 1:
                v5 = body[6] == 5
                self.connects.append(body[6])
                if v5 and self.manner is Manner.REFUSES_5:
                    writer.write(b"\x20\x02\x00\x01")
                    return
                if not (v5 and self.manner is Manner.IGNORES_5):
                    writer.write(b"\x20\x03\x00\x00\x00" if v5 else b"\x20\x02\x00\x00")
            elif kind >> 4 == 8:
                answer = body[:2] + (b"\x00" if v5 else b"") + b"\x01"  # one code, however many topics: nobody counts
                writer.write(bytes([0x90, len(answer)]) + answer)
            elif kind >> 4 == 3:
                length = int.from_bytes(body[:2])
                self.topics.append(body[2 : 2 + length].decode())
                if kind & 6:
                    writer.write(b"\x40\x02" + body[2 + length : 4 + length])
                if self.topics[-1] == "emotion-monitor/n/availability" and self.manner in _LAST_WORDS:
                    writer.write(_LAST_WORDS[self.manner])
                    return


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind, length, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return kind, await reader.readexactly(length)


@asynccontextmanager
async def few_words(manner: Manner) -> AsyncIterator[FewWords]:
    """Listens until the end of the block."""
    made = FewWords(manner)
    server = await asyncio.start_server(made.talk, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
