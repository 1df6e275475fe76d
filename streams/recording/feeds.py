"""Clean records to packets: frames at their own times and for as long as they last, sound without holes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from buffers.picture import Picture, Plane
from buffers.records import AUDIO_RATE_HZ, CleanAudio
from streams.recording.encoders import VideoShape

_SILENCE_STEP: Final = 10 * AUDIO_RATE_HZ
"""Samples of silence encoded at once: a hole may be hours long."""

_LONGEST_SILENCE: Final = 10 * AUDIO_RATE_HZ
"""Samples of silence that are written where time may also leap: an hour of it takes 5 s to encode, and 1.6 MB."""


class VideoFeed:
    """Frames to packets. One frame is held back, because how long it lasts is known when the next one comes."""

    def __init__(self, stream: VideoStream, shape: VideoShape, *, late: bool) -> None:
        """Feed an open stream; unless `late`, the first frame is shown from zero on."""
        self._stream = stream
        base = stream.codec_context.time_base
        assert base is not None
        self._base = base
        self._late = late
        self._size = (shape.width_px, shape.height_px)
        self._usual = max(1, round(1 / (shape.rate_hz * base)))
        self._waiting: tuple[int, Picture] | None = None
        self._least: int | None = None
        self._lasting: dict[int, int] = {}

    def add(self, t_s: float, picture: Picture) -> list[Packet[VideoStream]]:
        """Packets that are complete now that the next frame is known, which is shown from `t_s` on."""
        pts = round(t_s / self._base) if self._late or self._least is not None else 0
        if self._least is not None:
            # Two frames within one tick must not become one.
            pts = max(pts, self._least)
        packets = []
        if self._waiting is not None:
            self._usual = pts - self._waiting[0]
            packets = self._encoded(*self._waiting, self._usual)
        self._waiting, self._least = (pts, picture), pts + 1
        return packets

    def release(self, t_s: float) -> list[Packet[VideoStream]]:
        """The frame that waits for the next one, where it is from before `t_s`: the next one is late or never comes."""
        if self._waiting is None or self._waiting[0] * self._base >= t_s:
            return []
        (pts, picture), self._waiting = self._waiting, None
        # What came before it may have lasted for an hour of privacy.
        return self._encoded(pts, picture, min(self._usual, round(1 / self._base)))

    def finish(self, end_s: float | None) -> list[Packet[VideoStream]]:
        """The last packets; the last frame lasts until `end_s`, or as long as the one before it."""
        packets = []
        if self._waiting is not None:
            pts, picture = self._waiting
            lasting = self._usual if end_s is None else max(1, round(end_s / self._base) - pts)
            packets = self._encoded(pts, picture, lasting)
        return packets if self._least is None else packets + self._timed(self._stream.encode(None))

    def _encoded(self, pts: int, picture: Picture, lasting: int) -> list[Packet[VideoStream]]:
        if (picture.width_px, picture.height_px) != self._size:
            picture = fitted(picture, *self._size)
        frame = VideoFrame(self._stream.width, self._stream.height, "yuv420p")
        for plane, pixels in zip(frame.planes, (picture.y, picture.u, picture.v), strict=True):
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            _fill(rows[: plane.height, : plane.width], pixels)
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


class AudioFeed:
    """Blocks to packets, without holes: time is the number of samples since the first.

    `start_s` is when the sound begins (None before it does), `delay_samples` how many samples of the encoder's own
    come before it, at the stream's rate.
    """

    def __init__(self, stream: AudioStream, *, late: bool, leaps: bool = False) -> None:
        """Feed an open stream; unless `late`, what comes before the first block is silence from zero on.

        `leaps`: for a long hole nothing is written, and the times of what follows go on behind it.
        """
        self.start_s: float | None = None if late else 0.0
        self.delay_samples = 0
        self._stream = stream
        self._leaps = leaps
        self._first = self._next = 0
        self._left_out = 0
        self._from: deque[tuple[int, int]] = deque()
        self._any_packet = False

    def add(self, audio: CleanAudio) -> Iterator[list[Packet[AudioStream]]]:
        """Packets of silence up to the block, then of the block without what overlaps the sound before it."""
        start = round(audio.t_s * AUDIO_RATE_HZ)
        if self.start_s is None:
            self._first = self._next = max(0, start)
            self.start_s = self._next / AUDIO_RATE_HZ
        yield from self._silence(start)
        yield self._encoded(audio.samples[self._at - start :])

    def behind_s(self, t_s: float) -> float:
        """How far the sound is behind `t_s`; 0 before it begins."""
        return 0.0 if self.start_s is None else t_s - self._at / AUDIO_RATE_HZ

    def silence(self, t_s: float) -> Iterator[list[Packet[AudioStream]]]:
        """Packets of silence up to `t_s`, before which no more sound is to come."""
        yield from self._silence(round(t_s * AUDIO_RATE_HZ))

    def finish(self) -> list[Packet[AudioStream]]:
        """The last packets."""
        return self._looked_at(self._stream.encode(None))

    @property
    def _at(self) -> int:
        """Media time up to which there is sound, in samples."""
        return self._next + self._left_out

    def _silence(self, until: int) -> Iterator[list[Packet[AudioStream]]]:
        if self._leaps and until - self._at > _LONGEST_SILENCE:
            # The encoder's frames go on without a break, so the last one before the hole is filled with silence.
            frame = self._stream.codec_context.frame_size
            yield self._encoded(np.zeros(-(self._next - self._first) % frame, np.float32))
            self._left_out = until - self._next
            self._from.append((self._next - self.delay_samples, self._left_out))
        while self._at < until:
            yield self._encoded(np.zeros(min(_SILENCE_STEP, until - self._at), np.float32))

    def _encoded(self, samples: NDArray[np.float32]) -> list[Packet[AudioStream]]:
        if not len(samples):
            return []
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE_HZ, self._next, Fraction(1, AUDIO_RATE_HZ)
        self._next += len(samples)
        return self._looked_at(self._stream.encode(frame))

    def _looked_at(self, packets: list[Packet[AudioStream]]) -> list[Packet[AudioStream]]:
        """Learn the encoder's delay from its first packet, and tell those behind a hole their times."""
        if packets and not self._any_packet:
            self._any_packet = True
            first = packets[0]
            assert first.pts is not None
            assert first.time_base is not None
            assert self.start_s is not None
            self.delay_samples = round((self.start_s - first.pts * first.time_base) * self._stream.rate)
        for packet in packets if self._from else ():
            assert packet.pts is not None
            while len(self._from) > 1 and packet.pts >= self._from[1][0]:
                self._from.popleft()
            since, left_out = self._from[0]
            if packet.pts >= since:
                packet.pts = packet.dts = packet.pts + left_out
        return packets


def fitted(picture: Picture, width_px: int, height_px: int) -> Picture:
    """The picture scaled into another size, on black where the shapes differ."""
    scale = min(width_px / picture.width_px, height_px / picture.height_px)
    inner = max(1, round(picture.width_px * scale)), max(1, round(picture.height_px * scale))
    scaled = picture.resized(*inner)
    whole = Picture.blank(width_px, height_px)
    # Even offsets, so that luma and chroma stay together.
    left, top = (width_px - inner[0]) // 4 * 2, (height_px - inner[1]) // 4 * 2
    whole.y[top : top + inner[1], left : left + inner[0]] = scaled.y
    rows, cols = scaled.u.shape
    for plane, pixels in ((whole.u, scaled.u), (whole.v, scaled.v)):
        plane[top // 2 : top // 2 + rows, left // 2 : left // 2 + cols] = pixels
    return whole


def _fill(plane: Plane, pixels: Plane) -> None:
    """Copy pixels into an encoder's plane, which may be one row and one column larger: those are repeated."""
    height, width = pixels.shape
    plane[:height, :width] = pixels
    plane[:height, width:] = pixels[:, -1:]
    plane[height:] = plane[height - 1]
