"""The two tracks of a recording: decoded frames put on the source's epoch, with notices of what was survived."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from buffers.picture import Picture
from buffers.records import Track
from streams.media import RawAudio, RawFrame, RawGap, TrackInfo
from streams.sources.decode import TrackDecoder, seconds
from streams.sources.pictures import LARGEST_SIDE_PX, LONG_SIDE_PX, PictureMaker, colour, pixel_aspect
from streams.sources.sound import BLOCK_S, Sound
from streams.sources.timestamps import FrameTimes, SampleTimes, start_s

_DEFAULT_RATE_HZ: Final = 25.0
"""Frame rate where a file declares none or a foolish one: libav's own default for raw streams."""

_RATES_HZ: Final = (0.01, 1000.0)
"""Frame rates believed. Some muxers declare their time base (90 kHz) as a rate."""


class VideoTrack:
    """Frames as upright pictures with media times, and the holes between them.

    `ended` tells that the last item was read, `info` what was known at the start.
    """

    def __init__(self, decoder: TrackDecoder, epoch_s: float) -> None:
        """Start a track; `epoch_s` is the epoch on the file's own clock."""
        stream, first = decoder.stream, decoder.peek()
        assert isinstance(stream, VideoStream)
        assert isinstance(first, VideoFrame)
        self.decoder = decoder
        self.ended = False
        self._maker = PictureMaker(pixel_aspect(stream.sample_aspect_ratio))
        self._left_out = 0
        self._shrunk: tuple[int, int] | None = None
        rate_hz = rate_hz_of(stream.average_rate, stream.guessed_rate)
        self._times = FrameTimes(offset_s=-epoch_s, nominal_s=1 / rate_hz)
        picture = self._picture(first)
        self._left_out = 0
        self.info = TrackInfo(
            Track.VIDEO,
            decoder.codec,
            start_s(decoder.first_s, epoch_s),
            rate_hz,
            width_px=picture.width_px if picture else first.width,
            height_px=picture.height_px if picture else first.height,
            colour=colour(first),
        )

    @property
    def end_s(self) -> float:
        """Media time at the end of the last frame."""
        return self._times.end_s

    def items(self) -> Iterator[RawFrame | RawGap]:
        """Frames and holes in order of time; `index` counts frames that could not be shown too."""
        for index, frame in enumerate(self.decoder.frames()):
            assert isinstance(frame, VideoFrame)
            placed = self._times.place(seconds(frame))
            if placed.hole_from_s is not None:
                yield RawGap(Track.VIDEO, placed.hole_from_s, placed.t_s, "the timestamps of the video leave a hole")
            picture = self._picture(frame)
            if picture is not None:
                yield RawFrame(placed.t_s, index, picture)
        self.ended = True

    def notices(self) -> tuple[str, ...]:
        """What was survived so far."""
        notices = _damage(Track.VIDEO, self.decoder, self.end_s) + _clock_faults(Track.VIDEO, self._times)
        if self._times.nudged:
            notices.append(f"video: {self._times.nudged} frames out of order in time, moved behind the one before")
        if self._left_out:
            notices.append(f"video: {self._left_out} frames of an unusable size or pixel format left out")
        if self._shrunk is not None:
            width, height = self._shrunk
            notices.append(f"video: {width}x{height} is scaled down to {LONG_SIDE_PX} px to bound memory")
        return tuple(notices)

    def _picture(self, frame: VideoFrame) -> Picture | None:
        """The frame's picture; None where the size grew beyond all bounds or the format cannot be converted."""
        picture = None
        if max(frame.width, frame.height) <= LARGEST_SIDE_PX:
            try:
                picture = self._maker.picture(frame)
            except FFmpegError:
                picture = None
        if picture is None:
            self._left_out += 1
        elif max(self._maker.size(frame)) > LONG_SIDE_PX:
            self._shrunk = (frame.width, frame.height)
        return picture


class AudioTrack:
    """Blocks of mono sound with media times, and the holes between them.

    `ended` tells that the last item was read, `info` what was known at the start.
    """

    def __init__(self, decoder: TrackDecoder, epoch_s: float, *, block_s: float = BLOCK_S) -> None:
        """Start a track; `epoch_s` is the epoch on the file's own clock, `block_s` the length of a block."""
        stream = decoder.stream
        assert isinstance(stream, AudioStream)
        self.decoder = decoder
        self.ended = False
        self._sound = Sound(offset_s=-epoch_s, block_s=block_s)
        self.info = TrackInfo(
            Track.AUDIO,
            decoder.codec,
            start_s(decoder.first_s, epoch_s),
            float(stream.codec_context.sample_rate),
            channels=stream.codec_context.channels,
        )

    @property
    def end_s(self) -> float:
        """Media time at the end of the last block."""
        return self._sound.end_s

    def items(self) -> Iterator[RawAudio | RawGap]:
        """Blocks and holes in order of time."""
        for frame in self.decoder.frames():
            assert isinstance(frame, AudioFrame)
            yield from self._sound.add(frame)
        yield from self._sound.finish()
        self.ended = True

    def notices(self) -> tuple[str, ...]:
        """What was survived so far."""
        times = self._sound.times
        notices = _damage(Track.AUDIO, self.decoder, self.end_s) + _clock_faults(Track.AUDIO, times)
        if self._sound.unmixed:
            notices.append(f"audio: {self._sound.unmixed} frames of an unusable layout left out")
        if times.overlap_s > 0:
            notices.append(f"audio: {times.overlap_s:.2f} s of sound overlapped and was left out")
        return tuple(notices)


def _damage(track: Track, decoder: TrackDecoder, end_s: float) -> list[str]:
    notices = []
    if decoder.damaged:
        notices.append(f"{track}: {decoder.damaged} damaged packets skipped")
    if decoder.broken:
        notices.append(f"{track}: damaged after {end_s:.1f} s, the rest cannot be read")
    return notices


def _clock_faults(track: Track, times: FrameTimes | SampleTimes) -> list[str]:
    notices = []
    if times.missing:
        notices.append(f"{track}: {times.missing} timestamps missing, extrapolated")
    if times.resets:
        notices.append(f"{track}: timestamps jumped {times.resets} times, continued after the last one")
    return notices


def rate_hz_of(*declared: Fraction | None) -> float:
    """The first believable of several declared frame rates."""
    low, high = _RATES_HZ
    return next((float(rate) for rate in declared if rate and low <= rate <= high), _DEFAULT_RATE_HZ)
