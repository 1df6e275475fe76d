"""Captures a stream from the network: RTSP, RTMP, HTTP (MPEG-TS, HLS, MJPEG, radio), TCP and UDP."""

from __future__ import annotations

from typing import Final

from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags

from buffers.records import Track
from configs.errors import SourceUnreadable
from configs.live_settings import LiveSettings, NetworkSettings
from streams.media import TrackInfo
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.live.decoding import Decoding
from streams.sources.network.address import parse
from streams.sources.network.failures import phrase
from streams.sources.network.opening import open_stream
from streams.sources.network.pace import Pace

_IN_PIECES: Final = frozenset({"hls", "dash"})
"""Formats that come in files of several seconds, each at once: they are played at their own pace, as by a player."""

_PIECES_S: Final = 30.0
"""Age of what such a format begins with: libav opens HLS three pieces back, and pieces last up to ten seconds."""


class NetworkCaptor:
    """One attempt at a time to read a network stream; see `Captor`."""

    one_clock = True

    def __init__(self, address: str, network: NetworkSettings, live: LiveSettings) -> None:
        """Check the address, open nothing. `ConfigError` where it cannot be meant."""
        self._address = parse(address)
        self._network = network
        self._live = live
        self._tracks = tuple(TrackInfo(track, "unknown", 0.0, None) for track in (Track.VIDEO, Track.AUDIO))

    @property
    def name(self) -> str:
        """Scheme, host and path; neither user, password nor query."""
        return self._address.shown

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """Both before it was open, then those that were there last."""
        return self._tracks

    def capture(self, post: Post) -> None:
        """See `Captor.capture`; besides `SourceUnreadable` where the address is that of a recording."""
        container = open_stream(self._address, post, self._network, self._live)
        if container is None:
            return
        try:
            self._play(container, post)
        finally:
            container.close()

    def _play(self, container: InputContainer, post: Post) -> None:
        self._refuse_recording(container)
        # Such formats know no times: libav counts pictures at 25 a second, whatever the camera's rate.
        decoding = Decoding(container, post, stamped=Flags.no_timestamps not in Flags(container.format.flags))
        self._tracks = decoding.tracks
        in_pieces = container.format.name in _IN_PIECES
        post.opened(decoding.tracks, *decoding.notices, kept_s=_PIECES_S if in_pieces else 0.0)
        pace = Pace(post) if in_pieces else None
        try:
            decoding.run(pace)
        except (FFmpegError, OSError) as error:
            raise CaptureFailed(phrase(error, waited_s=0.0, limit_s=self._live.dead_after_s)) from None
        except IndexError:
            # PyAV trips over streams that appeared while reading, when the stream ends.
            raise CaptureFailed("the stream ended after its tracks had changed") from None
        if post.wanted:
            # Also what is seen of a server that was killed: libav knows no difference.
            raise CaptureFailed("the stream ended")

    def _refuse_recording(self, container: InputContainer) -> None:
        """What a web server keeps whole is over at its end, and comes faster than it is to be played.

        Servers of recordings over RTSP and RTMP keep to real time themselves.
        """
        if self._address.scheme not in {"http", "https"}:
            return
        whole = f"{self.name}: is a recording%s, no live stream; download it and use replay"
        if container.duration is not None and container.duration > 0:
            raise SourceUnreadable(whole % f" of {container.duration / 1e6:.0f} s")
        if container.format.name not in _IN_PIECES and container.size > 0:
            raise SourceUnreadable(whole % f" of {container.size / 1e6:.1f} MB")

    def close(self) -> None:
        """Nothing outlives an attempt."""
