"""Decodes what an open live container gives and posts it: used for cameras, network streams and looped files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from buffers.picture import fit_within
from buffers.records import Track
from streams.media import TrackInfo
from streams.sources.decode import HIGHEST_RATE_HZ, seconds
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.pictures import LARGEST_SIDE_PX, LONG_SIDE_PX, PictureMaker, colour, pixel_aspect
from streams.sources.probe import choose
from streams.sources.sound import MonoResampler, shape_of
from streams.sources.tracks import rate_hz_of

Captured = Callable[[float | None], float | None]
"""From a timestamp of the container (s) to the media time of capture, None where it tells nothing of that."""


class Holding(Protocol):
    """Something that passes on at its own pace."""

    def hold(self, pts_s: float | None) -> bool:
        """Wait until what has this timestamp (s) is due; whether nobody wants anything any more."""


class Decoding:
    """The first video and the first audio stream of an open container, decoded and posted.

    `damaged` counts packets that could not be decoded: they are passed over, the stream goes on.
    """

    def __init__(
        self, container: InputContainer, post: Post, *, captured: Captured | None = None, stamped: bool = True
    ) -> None:
        """Choose the streams and set their decoders up; nothing is read yet.

        With `captured` timestamps tell when something was captured, else they are the stream's own. Those of pictures
        are left out where they are not `stamped`: made up by libav.
        Raises `CaptureFailed` where nothing in it can be decoded.
        """
        self._container = container
        self._post = post
        self._captured = captured
        self._stamped = stamped
        self._mono: MonoResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self.damaged = 0
        choice = choose(container)
        streams = {track: container.streams[index] for track, index in choice.streams.items()}
        self._streams = {track: stream for track, stream in streams.items() if _decodable(stream)}
        if not self._streams:
            raise CaptureFailed("holds neither video nor sound that can be decoded")
        self.notices = choice.notices
        video = self._streams.get(Track.VIDEO)
        if isinstance(video, VideoStream) and max(video.width, video.height) > LARGEST_SIDE_PX:
            raise CaptureFailed(f"has pictures of {video.width}x{video.height}, larger than {LARGEST_SIDE_PX}")
        self._pictures = PictureMaker(
            pixel_aspect(video.sample_aspect_ratio) if isinstance(video, VideoStream) else 1.0
        )

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """What will come; the rate of pictures without times is not known."""
        return tuple(_info(track, stream, stamped=self._stamped) for track, stream in self._streams.items())

    def run(self, pace: Holding | None = None) -> None:
        """Post until the container ends or `post.wanted` is false. Raises whatever libav raises while reading."""
        for packet in self._container.demux(*self._streams.values()):
            if not self._post.wanted or (pace is not None and pace.hold(_due_s(packet))):
                return
            self.deliver(packet)

    def deliver(self, packet: Packet[Stream]) -> None:
        """Decode one packet and post what comes of it."""
        try:
            frames = packet.decode()
        except FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            if isinstance(frame, VideoFrame):
                self._picture(frame)
            elif isinstance(frame, AudioFrame):
                self._sound(frame)

    def _picture(self, frame: VideoFrame) -> None:
        if max(frame.width, frame.height) > LARGEST_SIDE_PX:
            self.damaged += 1
            return
        pts_s = seconds(frame)
        try:
            picture = self._pictures.picture(frame)
        except FFmpegError:
            self.damaged += 1
            return
        if self._captured is None:
            self._post.frame(picture, pts_s=pts_s if self._stamped else None)
        else:
            self._post.frame(picture, captured_s=self._captured(pts_s))

    def _sound(self, frame: AudioFrame) -> None:
        if frame.samples == 0 or not 0 < frame.sample_rate <= HIGHEST_RATE_HZ:
            return
        pts_s = seconds(frame)
        if self._mono is None or shape_of(frame) != self._shape:
            self._mono, self._shape = MonoResampler(), shape_of(frame)
        try:
            samples = self._mono.push(frame)
        except FFmpegError:
            self.damaged += 1
            self._mono = None
            return
        if self._captured is None:
            self._post.sound(samples, pts_s=pts_s)
        else:
            self._post.sound(samples, captured_s=self._captured(pts_s))


def _due_s(packet: Packet[Stream]) -> float | None:
    """When a packet is to be decoded, on the stream's clock (s)."""
    return None if packet.dts is None or packet.time_base is None else float(packet.dts * packet.time_base)


def _decodable(stream: Stream) -> bool:
    # An unknown codec has no context at all, whatever PyAV's types say.
    context = getattr(stream, "codec_context", None)
    if context is None:
        return False
    # Two cores are shared with detection; frame threads would also hold frames back.
    context.thread_type = ThreadType.NONE
    context.thread_count = 1
    return True


def _info(track: Track, stream: Stream, *, stamped: bool) -> TrackInfo:
    name = str(stream.codec_context.name)
    if isinstance(stream, VideoStream):
        rate_hz = rate_hz_of(stream.average_rate, stream.guessed_rate) if stamped else None
        square_px = max(1, round(stream.width * pixel_aspect(stream.sample_aspect_ratio))), stream.height
        # Neither is known of a stream that begins without a keyframe.
        width_px, height_px = fit_within(*square_px, LONG_SIDE_PX) if stream.width else (None, None)
        return TrackInfo(track, name, 0.0, rate_hz, width_px, height_px, colour=colour(stream.codec_context))
    assert isinstance(stream, AudioStream)
    context = stream.codec_context
    return TrackInfo(track, name, 0.0, float(context.sample_rate), channels=context.channels)
