"""The page's server as an ASGI application: its files, its streams, and who may see them. It takes no commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from monitor.outputs.page.door import Door
from monitor.outputs.page.feed import Feed
from monitor.outputs.page.files import INDEX, File
from monitor.outputs.page.viewer import Events
from monitor.outputs.page.wire import SCHEMA, numbered
from serving.requests import Headed, Refused, answering

_HEADERS: Final = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), display-capture=()",
    b"x-frame-options": b"DENY",
}

_PICTURES_PER_S: Final = 40.0
"""Pictures a second to all viewers together, as the page asks for them: a tenth of what one core can serve."""


class Hub:
    """The streams and their viewers. Lives in the server's loop, but for its making."""

    def __init__(self, feeds: Sequence[Feed], *, pictures_s: float | None, most_viewers: int) -> None:
        """`pictures_s` is the shortest time between two pictures to one viewer (s), None for no pictures."""
        self.feeds = {feed.stream: feed for feed in feeds}
        self.viewers = 0
        self._pictures_s = pictures_s
        self._most = most_viewers
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        """Begin to tell."""
        for feed in self.feeds.values():
            task = asyncio.create_task(feed.run())
            task.add_done_callback(feed.over)
            self._tasks.append(task)

    async def shut(self, within_s: float) -> None:
        """Tell what is left, and have every viewer go; who does not listen is waited for so long (s)."""
        for feed in self.feeds.values():
            feed.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._over.set()
        for feed in self.feeds.values():
            feed.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()

    @property
    def pictures_s(self) -> float | None:
        """How long a viewer waits between two pictures now (s)."""
        return None if self._pictures_s is None else max(self._pictures_s, self.viewers / _PICTURES_PER_S)

    def events(self, feed: Feed, last: str | None) -> Response:
        """One more viewer, who has read up to the event `last`. Raises `Refused` where there are too many."""
        if self._over.is_set():
            raise Refused(503, "the monitor is ending", retry_s=2)
        if self.viewers >= self._most:
            raise Refused(503, f"{self._most} viewers are here already (outputs.web.most_viewers)", retry_s=10)
        self.viewers += 1
        self._idle.clear()
        hello = {
            "schema": SCHEMA,
            "version": version("emotion-monitor"),
            "session": feed.session,
            "stream": feed.stream,
            "beat_s": feed.beat_s,
            "preview": {"enabled": self._pictures_s is not None, "every_s": self.pictures_s},
        }
        return Events(feed, hello, numbered(last, feed.session), over=self._over, left=self._left)

    def _left(self) -> None:
        self.viewers -= 1
        if not self.viewers:
            self._idle.set()


def application(hub: Hub, door: Door, pages: Mapping[str, File]) -> ASGIApp:
    """Serve `hub` to who passes `door`, and `pages` to everybody: there are no data in them."""

    async def index(request: Request) -> Response:
        door.check_name(request)
        return _file(pages, INDEX)

    async def static(request: Request) -> Response:
        door.check_name(request)
        return _file(pages, request.path_params["name"])

    async def session(request: Request) -> Response:
        return door.enter(request)

    async def streams(request: Request) -> Response:
        door.check(request)
        told = [{"name": name, "state": feed.told.value} for name, feed in hub.feeds.items()]
        return JSONResponse({"schema": SCHEMA, "version": version("emotion-monitor"), "streams": told})

    async def events(request: Request) -> Response:
        door.check(request)
        return hub.events(_feed(hub, request), request.headers.get("last-event-id"))

    async def preview(request: Request) -> Response:
        door.check(request)
        feed = _feed(hub, request)
        shot = feed.shot()
        headers = {} if hub.pictures_s is None else {"x-every-s": f"{hub.pictures_s:.2f}"}
        if shot is None:
            return Response(status_code=204, headers=headers)
        headers |= {"etag": f'"{feed.session}-{shot.number}"', "x-media-s": f"{shot.t_s:.3f}"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(shot.jpeg, headers=headers, media_type="image/jpeg")

    routes = [
        Route(path, answering(handler), methods=[method])
        for path, method, handler in (
            ("/", "GET", index),
            ("/static/{name}", "GET", static),
            ("/session", "POST", session),
            ("/streams", "GET", streams),
            ("/streams/{name}/events", "GET", events),
            ("/streams/{name}/preview.jpg", "GET", preview),
        )
    ]
    inner = Starlette(routes=routes)
    inner.router.redirect_slashes = False  # a redirect repeats the name that it was asked by
    return Headed(inner, _HEADERS)


def _file(pages: Mapping[str, File], name: str) -> Response:
    file = pages.get(name)
    if file is None:
        raise Refused(404, "there is no such file")
    return Response(file.content, headers={"content-type": file.kind})


def _feed(hub: Hub, request: Request) -> Feed:
    feed = hub.feeds.get(request.path_params["name"])
    if feed is None:
        raise Refused(404, "there is no such stream")
    return feed
