"""A browser as a source: waits at its endpoint for whoever publishes, one at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Final

from buffers.records import Track
from configs.errors import ConfigError
from configs.live_settings import WebrtcSettings
from serving.address import bound
from serving.token import Guard, read_token
from streams.media import TrackInfo
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.webrtc.ice import ice_servers
from streams.sources.webrtc.place import place_of

logger = logging.getLogger("emotion_monitor.webrtc")

_LOOK_S: Final = 0.1
"""How often a capture looks whether its publisher is gone (s)."""


class WebrtcCaptor:
    """The endpoint and its page. The port is taken at once, the page is served from the first capture to `close`."""

    def __init__(self, address: str, settings: WebrtcSettings, environ: Mapping[str, str] = os.environ) -> None:
        """Take the place that `address` means (see `place_of`), and log the link to it.

        Raises `ConfigError` for settings that cannot be used, a port that is taken, or missing packages.
        """
        try:
            from serving.server import EndpointClosed, Server
            from streams.sources.webrtc.endpoint import application
            from streams.sources.webrtc.room import Room
        except ImportError as error:
            raise ConfigError(
                f"webrtc: {error.name or error} is not installed: pip install 'emotion-monitor[webrtc]'"
            ) from None
        self._closed = EndpointClosed
        for library in ("aiortc", "aioice"):  # they warn of damaged packets: nothing the user can mend
            logging.getLogger(library).setLevel(logging.ERROR)
        token = read_token(settings, environ)
        servers = ice_servers(settings.ice_servers)
        listener, self._place = bound(place_of(address, settings), "webrtc")
        self._room = Room(servers, self._waiting)
        app = application(self._room, Guard(token), servers, most_bytes=settings.max_sdp_kbytes * 1024)
        try:
            self._server = Server(app, listener, section="webrtc", certificate=settings.certificate, key=settings.key)
        except ConfigError:
            listener.close()
            raise
        self._starting = threading.Lock()
        self._started = False
        # The one place where the token is told, and only where nobody could know it otherwise.
        self._link = f"{self._place.url}#token={token.value}" if token.drawn else self._place.url
        self._tell()

    @property
    def name(self) -> str:
        """The place it listens on."""
        return f"webrtc:{self._place.at}"

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """A picture and sound; of what kind depends on who publishes."""
        return tuple(TrackInfo(track, "unknown", 0.0, None) for track in Track)

    @property
    def invitation(self) -> str:
        """The page's address, with the token where it was drawn for this session."""
        return self._link

    @property
    def one_clock(self) -> bool:
        """False: aiortc counts the timestamps of each track from that track's own first packet."""
        return False

    def capture(self, post: Post) -> None:
        """See `Captor.capture`: one publisher, from its coming to its leaving."""
        try:
            over = self._published(post)
        except self._closed as error:
            raise CaptureFailed(str(error)) from None
        if over.done() and post.wanted:
            raise CaptureFailed(over.result())

    def close(self) -> None:
        """See `Captor.close`."""
        if self._server.alive:
            with contextlib.suppress(self._closed):  # a loop that does not answer is left to its daemon thread
                self._server.call(self._room.shut())
        self._server.close()

    def _published(self, post: Post) -> Future[str]:
        """Let somebody publish until that is over, or nobody wants it any more."""
        with self._starting:
            if not self._started:
                self._server.start()
                self._started = True
        over: Future[str] = self._server.call(self._room.open(post))
        try:
            while not over.done() and not post.wait(_LOOK_S):
                if not self._server.alive:
                    raise self._closed("the endpoint stopped")
        finally:
            if self._server.alive:
                self._server.call(self._room.shut(post))
        return over

    def _waiting(self, post: Post, reason: str) -> None:
        where = f"waiting for a browser at {self._place.url}"
        post.waiting(f"{reason}; {where}" if reason else where)

    def _tell(self) -> None:
        logger.warning("share a camera and a microphone from a browser at %s", self._link)
        if not self._place.loopback and not self._place.tls:
            logger.warning(
                "browsers give a page camera and microphone only over https or on 127.0.0.1: set webrtc.certificate "
                "and webrtc.key, or leave webrtc.host alone and run where the browser is: ssh -L %d:127.0.0.1:%d HERE",
                self._place.port,
                self._place.port,
            )
