"""Writes clean records to a file: every frame at its own time, sound in step with it, and nothing of the source."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from buffers.picture import Picture, Plane
from buffers.records import AUDIO_RATE_HZ, CleanAudio, CleanFrame
from configs.errors import RecordingError
from streams.recording.encoders import VideoShape, add_audio, add_video
from streams.recording.formats import FileFormat
from streams.recording.target import Target, told
from streams.sources.probe import shown_name

__all__ = ["CleanWriter", "VideoShape"]

_ANONYMOUS: Final = {"fflags": "+bitexact"}
"""Keeps the muxer from writing its version, the date and random numbers: equal media give equal files."""

_KEEPS_OFFSETS: Final = frozenset({"mp4", "mov", "ipod", "matroska", "webm", "mpegts"})
"""Containers in which sound may begin later than zero; in others what comes before it becomes silence."""

_SILENCE_STEP: Final = 10 * AUDIO_RATE_HZ
"""Samples of silence encoded at once: a hole may be hours long."""


class CleanWriter:
    """One file of clean video, clean sound or both, written beside its name and renamed onto it by `finish`.

    Each frame is shown at its own time until the next one's. Pictures whose size differs from the shape's (a source
    may change it) are fitted into it on black. H.264 takes even sizes only: an odd last row or column is doubled.
    Holes in the sound become silence. Nothing but what is handed in gets into the file: no metadata, no chapters,
    no dates. One thread at a time may use a writer.
    """

    def __init__(
        self,
        path: Path,
        file_format: FileFormat,
        *,
        video: VideoShape | None,
        audio: bool,
        quality: int = 20,
        threads: int = 1,
    ) -> None:
        """Create the hidden file and write its header.

        Args:
            path: The name that the file gets in the end; an older file of that name is replaced then.
            file_format: Container and encoders, from `format_of`.
            video: Size, nominal rate and colour of the frames to come, None for a file without video.
            audio: Whether sound is to come.
            quality: Constant rate factor as x264 counts it (18 fine, 28 coarse), for lossy video.
            threads: Threads that encode video; one, because detection wants the others.

        Raises:
            RecordingError: the file cannot be made there, or not hold what is asked for.
        """
        name = shown_name(path)
        if (video and not file_format.video_codec) or (audio and not file_format.audio_codec) or not (video or audio):
            raise RecordingError(f"{name}: cannot hold what is to be written; name an .mp4 or .mkv file")
        self._path = path
        self._target = Target(path)
        self._container = av.open(
            self._target.file, "w", format=file_format.container, container_options=dict(_ANONYMOUS)
        )
        self._video: _Video | None = None
        self._audio: _Audio | None = None
        self._done = False
        try:
            with told(path):
                if video and file_format.video_codec:
                    stream = add_video(
                        self._container, file_format.video_codec, video, quality=quality, threads=threads
                    )
                    self._video = _Video(stream, video)
                if audio and file_format.audio_codec:
                    sound = add_audio(self._container, file_format.audio_codec)
                    self._audio = _Audio(sound, late=file_format.container in _KEEPS_OFFSETS)
                self._container.start_encoding()
        except ValueError as error:
            self.abandon()
            raise RecordingError(f"{name}: cannot be written ({error}); name an .mp4 or .mkv file") from None
        except BaseException:
            self.abandon()
            raise

    def frame(self, frame: CleanFrame) -> None:
        """Write a frame, in order of time.

        Raises:
            RecordingError: the disk is full or the encoder failed; call `abandon`.
        """
        assert self._video is not None
        with told(self._path):
            self._container.mux(self._video.add(frame))

    def audio(self, audio: CleanAudio) -> None:
        """Write a block of sound, in order of time; what overlaps the sound before it is left out.

        Raises:
            RecordingError: the disk is full or the encoder failed; call `abandon`.
        """
        assert self._audio is not None
        with told(self._path):
            for packets in self._audio.add(audio):
                self._container.mux(packets)

    def finish(self, *, end_s: float | None = None) -> None:
        """Write what is left and give the file its name; the last frame lasts until `end_s` or as long as usual.

        Raises:
            RecordingError: the disk is full or the name cannot be given; nothing is left behind.
        """
        try:
            with told(self._path):
                if self._video is not None:
                    self._container.mux(self._video.finish(end_s))
                if self._audio is not None:
                    self._container.mux(self._audio.finish())
                self._container.close()
            self._target.finish()
        except BaseException:
            self.abandon()
            raise
        self._done = True

    def abandon(self) -> None:
        """Close and delete the unfinished file; safe to call twice, and after `finish`."""
        if self._done:
            return
        self._done = True
        # In this order: libav must not write a trailer, and does not to a closed file.
        self._target.abandon()
        self._container.close()


class _Video:
    """Frames to packets. One frame is held back, because how long it lasts is known when the next one comes."""

    def __init__(self, stream: VideoStream, shape: VideoShape) -> None:
        self._stream = stream
        base = stream.codec_context.time_base
        assert base is not None
        self._base = base
        self._size = (shape.width_px, shape.height_px)
        self._usual = max(1, round(1 / (shape.rate_hz * base)))
        self._waiting: tuple[int, Picture] | None = None
        self._lasting: dict[int, int] = {}

    def add(self, frame: CleanFrame) -> list[Packet[VideoStream]]:
        """Packets that are complete now that the next frame is known."""
        pts = round(frame.t_s / self._base)
        packets: list[Packet[VideoStream]] = []
        if self._waiting is not None:
            pts = max(pts, self._waiting[0] + 1)
            self._usual = pts - self._waiting[0]
            packets = self._encoded(*self._waiting, self._usual)
        self._waiting = pts, frame.picture
        return packets

    def finish(self, end_s: float | None) -> list[Packet[VideoStream]]:
        """The last packets."""
        if self._waiting is None:
            return []
        pts, picture = self._waiting
        lasting = self._usual if end_s is None else max(1, round(end_s / self._base) - pts)
        return self._encoded(pts, picture, lasting) + self._timed(self._stream.encode(None))

    def _encoded(self, pts: int, picture: Picture, lasting: int) -> list[Packet[VideoStream]]:
        if (picture.width_px, picture.height_px) != self._size:
            picture = _fitted(picture, *self._size)
        frame = VideoFrame(self._stream.width, self._stream.height, "yuv420p")
        for plane, pixels in zip(frame.planes, (picture.y, picture.u, picture.v), strict=True):
            _fill(np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width], pixels)
        frame.time_base, frame.pts, frame.duration = self._base, pts, lasting
        self._lasting[pts] = lasting
        return self._timed(self._stream.encode(frame))

    def _timed(self, packets: Iterable[Packet[VideoStream]]) -> list[Packet[VideoStream]]:
        """Tell each packet how long its frame lasts: encoders know the nominal rate only."""
        timed = []
        for packet in packets:
            assert packet.pts is not None
            packet.duration = self._lasting.pop(packet.pts)
            timed.append(packet)
        return timed


class _Audio:
    """Blocks to packets, without holes: time is the number of samples since the first."""

    def __init__(self, stream: AudioStream, *, late: bool) -> None:
        self._stream = stream
        self._next: int | None = None if late else 0

    def add(self, audio: CleanAudio) -> Iterable[list[Packet[AudioStream]]]:
        """Packets of silence up to the block, then of the block."""
        start = round(audio.t_s * AUDIO_RATE_HZ)
        if self._next is None:
            self._next = max(0, start)
        while self._next < start:
            yield self._encoded(np.zeros(min(_SILENCE_STEP, start - self._next), np.float32))
        yield self._encoded(audio.samples[self._next - start :])

    def finish(self) -> list[Packet[AudioStream]]:
        """The last packets."""
        return self._stream.encode(None)

    def _encoded(self, samples: NDArray[np.float32]) -> list[Packet[AudioStream]]:
        assert self._next is not None
        if not len(samples):
            return []
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE_HZ, self._next, Fraction(1, AUDIO_RATE_HZ)
        self._next += len(samples)
        return self._stream.encode(frame)


def _fill(plane: Plane, pixels: Plane) -> None:
    """Copy pixels into an encoder's plane, which may be one row and one column larger: those are repeated."""
    height, width = pixels.shape
    plane[:height, :width] = pixels
    plane[:height, width:] = pixels[:, -1:]
    plane[height:] = plane[height - 1]


def _fitted(picture: Picture, width_px: int, height_px: int) -> Picture:
    """The picture scaled into another size, on black where the shapes differ."""
    scale = min(width_px / picture.width_px, height_px / picture.height_px)
    inner = max(1, round(picture.width_px * scale)), max(1, round(picture.height_px * scale))
    scaled = picture.resized(*inner)
    fitted = Picture.blank(width_px, height_px)
    # Even offsets, so that luma and chroma stay together.
    left, top = (width_px - inner[0]) // 4 * 2, (height_px - inner[1]) // 4 * 2
    fitted.y[top : top + inner[1], left : left + inner[0]] = scaled.y
    rows, cols = scaled.u.shape
    for plane, pixels in ((fitted.u, scaled.u), (fitted.v, scaled.v)):
        plane[top // 2 : top // 2 + rows, left // 2 : left // 2 + cols] = pixels
    return fitted
