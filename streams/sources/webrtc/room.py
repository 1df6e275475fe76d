"""Who may publish now: nobody, or one at a time. Everything here runs in the endpoint's event loop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from buffers.records import Track
from serving.requests import Refused
from streams.sources.live.captor import Post
from streams.sources.webrtc.ice import IceServer
from streams.sources.webrtc.offer import BadOffer
from streams.sources.webrtc.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Seen:
    """What a publisher's page may know: `monitor` is away, waiting, connecting or live."""

    monitor: str
    session: str | None
    ice: str
    silent_s: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class _Session:
    """A publisher that was answered, and the task that runs it."""

    name: str
    publisher: Publisher
    task: asyncio.Task[None]


class Room:
    """Opened for each attempt to capture; closed, it refuses everybody."""

    def __init__(self, servers: Sequence[IceServer], waiting: Callable[[Post, str], None]) -> None:
        """`waiting` is told when an open room has nobody in it, and why: "" at first."""
        self._servers = servers
        self._waiting = waiting
        self._post: Post | None = None
        self._over: Future[str] = Future()
        self._session: _Session | None = None
        self._last: str | None = None
        self._answering = asyncio.Lock()

    async def open(self, post: Post) -> Future[str]:
        """Let a publisher in, for `post`. The result tells why it is over, once one was there and left."""
        self._post, self._over = post, Future()
        self._waiting(post, "")
        return self._over

    async def shut(self, post: Post | None = None) -> None:
        """Let nobody in, and end what is published; returns once its connection is gone.

        With `post` only where it was opened for that one last: an attempt that was left behind ends no later one.
        """
        if post is not None and self._post is not post:
            return
        self._post = None
        async with self._answering:
            session = self._session
        if session is not None:
            session.publisher.leave("the monitor stopped listening")
            await asyncio.wait([session.task])

    async def join(self, offer: str, consent: str) -> tuple[str, str]:
        """Answer an offer: the session's name and the answer. Raises `Refused`."""
        post = self._post
        if post is None or self._over.done() or not post.wanted:
            raise Refused(
                503, "the monitor takes nothing in at the moment: paused, or about to listen again", retry_s=1
            )
        if self._session is not None or self._answering.locked():
            raise Refused(409, "somebody is sharing already", retry_s=5)
        async with self._answering:
            publisher = Publisher(post, self._servers, consent=consent)
            try:
                answer = await publisher.answer(offer)
            except BadOffer as error:
                await publisher.close()
                raise Refused(400, str(error)) from None
            except BaseException:
                await publisher.close()
                raise
            if self._post is not post:
                await publisher.close()
                raise Refused(503, "the monitor stopped listening", retry_s=1)
            name = self._last = secrets.token_urlsafe(12)
            task = asyncio.create_task(self._run(publisher, post, self._over))
            self._session = _Session(name, publisher, task)
            return name, answer

    def leave(self, name: str) -> bool:
        """The publisher of this name ends; whether there is one, or it was the last that there was."""
        if name != self._last:
            return False
        if self._session is not None:
            self._session.publisher.leave("the publisher stopped sharing")
        return True

    def seen(self) -> Seen:
        """What the page may know now."""
        session = self._session
        if session is None:
            away = self._post is None or self._over.done()
            return Seen("away" if away else "waiting", None, "none", {})
        publisher = session.publisher
        silent_s = {track.value: publisher.silent_s(track) for track in Track}
        return Seen("live" if publisher.opened else "connecting", session.name, publisher.ice, silent_s)

    async def _run(self, publisher: Publisher, post: Post, over: Future[str]) -> None:
        reason = "the connection broke off"
        try:
            reason = await publisher.run()
        finally:
            self._session = None
            if publisher.opened:
                over.set_result(reason)
            elif self._post is post:
                self._waiting(post, reason)
