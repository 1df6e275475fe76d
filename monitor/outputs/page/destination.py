"""The page in the browser as a destination: a server in a thread of its own, that sessions hand things over to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections.abc import Mapping, Sequence
from typing import Final

from configs.errors import ConfigError
from configs.output_settings import WebSettings
from monitor.outputs.base import Stream
from monitor.outputs.page.application import Hub, application
from monitor.outputs.page.door import Door
from monitor.outputs.page.feed import PERIOD_S, Feed
from monitor.outputs.page.files import page_files
from monitor.outputs.page.handover import Handover, Shot
from monitor.outputs.page.wire import KEEPALIVE_S
from monitor.snapshot import OutputState, OutputStatus, Snapshot
from serving.address import Place, bound
from serving.server import EndpointClosed, Server
from serving.token import read_token

logger = logging.getLogger("emotion_monitor.page")

NAME: Final = "page"

_SECTION: Final = "outputs.web"

_PER_VIEWER: Final = 2
"""Connections that a viewer holds: events, and one that pictures come through."""

_MORE_CONNECTIONS: Final = 128
"""Connections beside those of viewers: for files, scripts, and who is turned away."""

_OTHER_FILES: Final = 256
"""Files that the sessions and their models may need open; the system allows a process so many and no more."""

_FEWEST: Final = 8
"""Viewers that are served however few files may be open."""

_SHUT_S: Final = 1.0
"""How long viewers that do not listen are waited for at the end (s)."""


class PageDestination:
    """See `Destination`."""

    def __init__(
        self,
        settings: WebSettings,
        environ: Mapping[str, str],
        *,
        period_s: float = PERIOD_S,
        beat_s: float = KEEPALIVE_S,
    ) -> None:
        """Read what is needed. `period_s` is the shortest time between two tellings, `beat_s` the longest (s).

        Raises:
            ConfigError: the token cannot be read.
            ImportError: uPlot's package is not installed.
        """
        self._settings = settings
        self._period_s = period_s
        self._beat_s = beat_s
        self._token = read_token(settings, environ)
        self._pages = page_files()
        self._outputs: dict[str, PageOutput] = {}
        self._server: Server | None = None
        self._hub: Hub | None = None
        self.place = Place(settings.host, settings.port, settings.certificate is not None)
        """Where it listens; once it is open with the port it really has."""
        self.link = ""
        """What a person opens: with the token where it was drawn for this run and is asked for."""

    async def open(self, streams: Sequence[Stream]) -> None:
        """See `Destination.open`."""
        settings = self._settings
        listener, self.place = bound(self.place, _SECTION)
        door = Door(self._token, self.place)
        pictures_s = 1.0 / settings.preview_rate_hz if settings.preview else None
        feeds = [
            Feed(
                one.name,
                one.session,
                one.journal,
                pictures_s=pictures_s,
                period_s=self._period_s,
                beat_s=self._beat_s,
            )
            for one in streams
        ]
        most_viewers = viewers_within(resource.getrlimit(resource.RLIMIT_NOFILE)[0], settings.most_viewers)
        self._hub = Hub(feeds, pictures_s=pictures_s, most_viewers=most_viewers)
        try:
            self._server = Server(
                application(self._hub, door, self._pages),
                listener,
                section=_SECTION,
                certificate=settings.certificate,
                key=settings.key,
                most_connections=_PER_VIEWER * most_viewers + _MORE_CONNECTIONS,
            )
        except ConfigError:
            listener.close()
            raise
        self.link = f"{self.place.url}#token={self._token.value}" if door.asks and self._token.drawn else self.place.url
        for stream, feed in zip(streams, feeds, strict=True):
            self._outputs[stream.name] = PageOutput(stream, feed, self._server, self.link)
        try:
            await asyncio.to_thread(self._server.start)
            await asyncio.to_thread(self._server.call, self._hub.open())
        except EndpointClosed as error:
            raise ConfigError(f"{_SECTION}: {error}; try another port") from None
        self._tell(asks=door.asks)

    def output(self, stream: Stream) -> PageOutput:
        """See `Destination.output`."""
        return self._outputs[stream.name]

    async def close(self) -> None:
        """See `Destination.close`."""
        if self._server is None:
            return
        if self._hub is not None and self._server.alive:
            with contextlib.suppress(EndpointClosed):  # a loop that does not answer is left to its daemon thread
                await asyncio.to_thread(self._server.call, self._hub.shut(_SHUT_S))
        await asyncio.to_thread(self._server.close)

    def _tell(self, *, asks: bool) -> None:
        # Without the token, which `OutputStatus.link` tells: what a service writes here others read.
        logger.warning("the page is at %s", self.place.url)
        if asks and self._token.drawn:
            logger.warning(
                "it asks for a token that was drawn for this run: the whole link is on the dashboard; for runs without "
                "one set a token in the variable %s",
                self._settings.token_env,
            )
        elif asks:
            logger.warning("it asks for the token that you set")
        if not self.place.loopback and not self.place.tls:
            logger.warning(
                "whoever is between here and the browser can read along: set outputs.web.certificate and "
                "outputs.web.key, or leave outputs.web.host alone and run where the browser is: ssh -L %d:127.0.0.1:%d "
                "HERE",
                self.place.port,
                self.place.port,
            )


def viewers_within(files: int, most: int) -> int:
    """How many of `most` viewers can be served where a process may have so many files open (-1: any number)."""
    room = most if files < 0 else max(_FEWEST, (files - _OTHER_FILES - _MORE_CONNECTIONS) // _PER_VIEWER)
    if room < most:
        needed = _PER_VIEWER * most + _MORE_CONNECTIONS + _OTHER_FILES
        logger.warning(
            "%s.most_viewers: %d at a time, for more allow more open files: ulimit -n %d", _SECTION, room, needed
        )
    return min(most, room)


class PageOutput:
    """See `Output`: hands over, and says whether the server is there."""

    def __init__(self, stream: Stream, feed: Feed, server: Server, link: str) -> None:
        """The output of one stream."""
        self._stream = stream
        self._feed = feed
        self._server = server
        self._link = link
        self._handover = Handover(server.tell, feed.hear)
        self._status: OutputStatus | None = None

    async def start(self) -> None:
        """See `Output.start`."""
        self._report()

    def record(self, line: str) -> None:  # noqa: ARG002 - the journal is read; that there is more in it is enough
        """See `Output.record`."""
        self._handover.written()

    def show(self, snapshot: Snapshot) -> None:
        """See `Output.show`."""
        frame = self._stream.picture()
        shot = None if frame is None else Shot(frame.jpeg, frame.t_s, frame.index)
        self._handover.shown(snapshot, shot)
        self._report()

    async def close(self, last: Snapshot | None) -> None:
        """See `Output.close`: what is shown stays until the process ends, but no picture does."""
        if last is not None:
            self._handover.shown(last, None)

    def _report(self) -> None:
        if not self._server.alive:
            status = OutputStatus(NAME, OutputState.STOPPED, "its server ended; start the monitor again")
        elif self._feed.trouble:
            state = OutputState.STOPPED if self._feed.stuck else OutputState.DOWN
            status = OutputStatus(NAME, state, self._feed.trouble, link=self._link)
        else:
            status = OutputStatus(NAME, OutputState.UP, link=self._link)
        if status != self._status:
            self._status = status
            self._stream.report(status)
