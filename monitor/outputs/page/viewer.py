"""One viewer's events: a response that goes on until the viewer leaves or the monitor ends.

A viewer holds its place in what the feed keeps and nothing else, so one that does not read costs no memory: it is told
that it is behind, and gets the newest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from monitor.outputs.page.feed import Feed
from monitor.outputs.page.wire import HERE, RETRY, encoded, event
from monitor.outputs.public import Payload

_PIECE: Final = 32 * 1024
"""Bytes handed to a connection at a time; it takes 64 KiB before it makes us wait."""


class Events(Response):
    """The events of a feed, for one viewer."""

    def __init__(
        self, feed: Feed, hello: Payload, after: int | None, *, over: asyncio.Event, left: Callable[[], None]
    ) -> None:
        """`after` is the line up to which the viewer knows all, None for nothing.

        `over` is set when the monitor ends; `left` is called once the viewer is gone.
        """
        super().__init__()
        self._feed = feed
        self._hello = hello
        self._after = after
        self._over = over
        self._left = left
        self._gone = False
        self._wake = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        leaving = asyncio.create_task(self._leave(receive))
        self._feed.join(self._wake)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            if scope["method"] != "HEAD":
                await self._all(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._feed.leave(self._wake)
            self._left()
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving

    async def _leave(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake.set()

    async def _all(self, send: Send) -> None:
        feed = self._feed
        records = None if self._after is None else feed.after(self._after)
        seq = 0 if records is None or self._after is None else self._after
        hello = event("hello", encoded({**self._hello, "resumed": records is not None}))
        await _say(send, RETRY + hello)
        if records is None:
            seq = await self._begin(send)
        beats, state, trouble = feed.beats, b"", ""
        while not self._gone:
            # Before anything is looked at: what comes while it is sent is looked at the next time.
            self._wake.clear()
            over = self._over.is_set()
            records = feed.after(seq)
            said = b"".join(data for _, data in records or ())
            if records is None:
                await _say(send, event("behind", b"{}"))
                seq = await self._begin(send)
            elif records:
                seq = records[-1][0]
            if feed.state != state:
                state = feed.state
                said += state
            if feed.trouble != trouble:
                trouble = feed.trouble
                said += event("trouble", encoded({"says": trouble}))
            if not said and feed.beats != beats:
                said = HERE
            beats = feed.beats
            await _say(send, said + (event("bye", b"{}") if over else b""))
            if over:
                return
            await self._wake.wait()

    async def _begin(self, send: Send) -> int:
        """Send the history; the line that it goes up to."""
        history, seq = self._feed.history(), self._feed.seq
        await _say(send, history)
        return seq


async def _say(send: Send, said: bytes) -> None:
    """Send it in pieces, each once the connection has taken those before it."""
    for start in range(0, len(said), _PIECE):
        await send({"type": "http.response.body", "body": said[start : start + _PIECE], "more_body": True})
