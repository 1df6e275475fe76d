"""Decodes one stream of a file, surviving damage and counting it. Knows nothing of media time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from configs.errors import SourceUnreadable
from streams.sources.pictures import LARGEST_SIDE_PX
from streams.sources.probe import open_container, shown_name

MediaFrame = VideoFrame | AudioFrame

_PATIENCE: Final = 2000
"""Packets without a single frame after which a stream counts as undecodable: a minute of video, 40 s of AAC."""

HIGHEST_RATE_HZ: Final = 768_000
"""Sample rates above this are broken headers: the fastest converters sold. 900 MHz kept the resampler busy for 10 s."""


class Undecodable(Exception):
    """A stream of which nothing can be shown; `remedy` says what to do about it.

    The message says why, in words that follow the track's name.
    """

    def __init__(self, why: str, remedy: str) -> None:
        """Keep both halves of the line."""
        super().__init__(why)
        self.remedy = remedy


class TrackDecoder:
    """One stream of a file, in a container of its own, so that bad interleaving cannot starve the other track.

    `codec` is the decoder's name and `first_s` the first frame's timestamp (0 without one). While reading,
    `damaged` counts packets that could not be decoded and `broken` tells that the file could not be read on.
    """

    def __init__(self, path: Path, index: int) -> None:
        """Open stream `index` of a checked file and decode its first frame.

        Raises:
            Undecodable: no frame can be had: encrypted, an unknown codec, or no keyframe.
            SourceUnreadable: libav cannot open the file, or its pictures are too large.
        """
        self.damaged = 0
        self.broken = False
        self._path = path
        self._container = open_container(path)
        self._open = True
        self.stream: Stream = self._container.streams[index]
        for stream in self._container.streams:
            if stream.index != index:
                stream.discard = Discard.all
        try:
            self.codec = self._prepare()
            self._frames = self._decoded()
            self.first_s = seconds(self.peek()) or 0.0
        except BaseException:
            self.close()
            raise

    def frames(self) -> Iterator[MediaFrame]:
        """Decoded frames in display order, to the end or to where the file breaks off. Read once."""
        return self._frames

    def peek(self) -> MediaFrame:
        """The first frame, which `frames` still gives afterwards; only before that is read."""
        first = next(self._frames, None)
        if first is None:
            raise Undecodable(f"({self.codec}) has no frame that can be decoded", "copy or record it again")
        self._frames = itertools.chain((first,), self._frames)
        return first

    def close(self) -> None:
        """Close the container; safe to call twice."""
        if self._open:
            self._open = False
            self._container.close()

    def _prepare(self) -> str:
        """Check what is known before decoding and set the decoder up; returns the codec's name."""
        stream = self.stream
        # An unknown codec has no context at all, whatever PyAV's types say.
        context = getattr(stream, "codec_context", None)
        if context is None:
            raise Undecodable("has a codec that is not supported", "convert it to H.264 and AAC in MP4")
        if isinstance(stream, VideoStream) and max(stream.width, stream.height) > LARGEST_SIDE_PX:
            size = f"{stream.width}x{stream.height}"
            limit = f"{LARGEST_SIDE_PX}x{LARGEST_SIDE_PX}"
            raise SourceUnreadable(
                f"{shown_name(self._path)}: {size} is above the limit of {limit}; scale it down first"
            )
        if isinstance(stream, AudioStream) and stream.codec_context.sample_rate > HIGHEST_RATE_HZ:
            why = f"has a sample rate of {stream.codec_context.sample_rate} Hz, above {HIGHEST_RATE_HZ}"
            raise Undecodable(why, "copy or record it again")
        # Two cores are shared with detection; frame threads would also hold more raw frames in flight.
        context.thread_type = ThreadType.NONE
        context.thread_count = 1
        return str(context.name)

    def _decoded(self) -> Iterator[MediaFrame]:
        any_frame = False
        for number, packet in enumerate(self._packets()):
            if packet.has_sidedata("encryption_info"):
                if not any_frame:
                    raise Undecodable("is encrypted", "use an unprotected copy")
                # Protected films often begin in the clear.
                self.broken = True
                return
            for frame in self._decode(packet):
                any_frame = True
                yield frame
            if not any_frame and number >= _PATIENCE:
                return

    def _packets(self) -> Iterator[Packet[Stream]]:
        packets = self._container.demux(self.stream)
        while self._open:
            try:
                packet = next(packets, None)
            except FFmpegError:
                self.broken = True
                return
            except IndexError:
                # A damaged transport stream grew streams; PyAV trips over them at the very end, behind this one.
                return
            if packet is None:
                return
            yield packet

    def _decode(self, packet: Packet[Stream]) -> list[MediaFrame]:
        try:
            decoded = packet.decode()
        except FFmpegError:
            # Most often InvalidDataError, but decoders report damage in a dozen ways; none may end the session.
            self.damaged += 1
            return []
        return [frame for frame in decoded if isinstance(frame, MediaFrame)]


def seconds(frame: MediaFrame) -> float | None:
    """A frame's timestamp in seconds on the file's own clock, None where it has none."""
    return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)
