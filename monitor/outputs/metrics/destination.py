"""Figures for Prometheus: an endpoint beside the sessions, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from configs.errors import ConfigError
from configs.output_settings import MetricsSettings
from monitor.outputs.base import Output, Stream
from monitor.outputs.metrics.app import PATH, application
from monitor.outputs.metrics.collector import Seen, StreamCollector
from monitor.snapshot import OutputState, OutputStatus, Snapshot
from serving.address import Place, bound
from serving.server import EndpointClosed, Server
from serving.token import Guard, read_token

NAME: Final = "metrics"

_SECTION: Final = "outputs.metrics"


class MetricsDestination:
    """Shows the newest snapshot of every stream to whoever scrapes. A scrape costs the sessions nothing."""

    def __init__(self, settings: MetricsSettings, environ: Mapping[str, str]) -> None:
        """Read the token; the port is taken by `open`.

        Raises:
            ConfigError: No token is set although others can reach it, or it cannot be one.
        """
        self._settings = settings
        token = read_token(settings, environ)
        place = Place(settings.host, settings.port, tls=settings.certificate is not None)
        if token.drawn and not place.loopback:
            raise ConfigError(
                f"{_SECTION}.host: {settings.host} can be reached by others, so a token must be set: put one of 16 or "
                f"more letters and digits into the variable {settings.token_env}, or name {_SECTION}.token_file"
            )
        self._wanted = place
        self._guard = None if token.drawn else Guard(token)
        self._seen: dict[str, Seen] = {}
        self._place = place
        self._server: Server | None = None

    async def open(self, streams: Sequence[Stream]) -> None:
        """Take the port and serve.

        Raises:
            ConfigError: The port is taken, or the certificate cannot be used.
        """
        self._seen = {stream.name: Seen(stream.name) for stream in streams}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(StreamCollector(tuple(self._seen.values())))
        listener, self._place = bound(self._wanted, _SECTION)
        try:
            self._server = Server(
                application(registry, self._place, self._guard),
                listener,
                section=_SECTION,
                certificate=self._settings.certificate,
                key=self._settings.key,
            )
            await asyncio.to_thread(self._server.start)
        except ConfigError:
            listener.close()
            raise
        except EndpointClosed as error:
            raise ConfigError(f"{_SECTION}: {error}; set {_SECTION}.enabled=false to go on without it") from None
        for stream in streams:
            stream.report(OutputStatus(NAME, OutputState.UP, link=self.link))

    @property
    def link(self) -> str:
        """What is scraped; it holds no token."""
        return f"{self._place.url}{PATH.removeprefix('/')}"

    @property
    def serving(self) -> bool:
        """Whether it can be scraped."""
        return self._server is not None and self._server.alive

    def output(self, stream: Stream) -> Output:
        """The output of one of the streams."""
        return _Figures(self, stream, self._seen[stream.name])

    async def close(self) -> None:
        """End the endpoint and its thread."""
        if self._server is not None:
            await asyncio.to_thread(self._server.close)
            self._server = None


class _Figures:
    """Remembers how one stream is."""

    def __init__(self, destination: MetricsDestination, stream: Stream, seen: Seen) -> None:
        self._destination = destination
        self._stream = stream
        self._seen = seen
        self._told = False

    async def start(self) -> None:
        """Nothing to start: the endpoint serves already."""

    def record(self, line: str) -> None:
        """Figures are made of snapshots alone."""

    def show(self, snapshot: Snapshot) -> None:
        """The session as it is now."""
        self._seen.take(snapshot)
        if not self._told and not self._destination.serving:
            self._told = True
            reason = "the endpoint stopped by itself; the next session serves again"
            self._stream.report(OutputStatus(NAME, OutputState.STOPPED, reason))

    async def close(self, last: Snapshot | None) -> None:
        """Keep the last picture: it can be scraped until the process ends."""
        if last is not None:
            self._seen.take(last)

    def settled(self, last: Snapshot) -> None:
        """Keep what is still owed by others, too."""
        self._seen.take(last)
