"""Turns decoded audio frames of any layout and rate into mono blocks of equal length at the rate of all clean audio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawAudio, RawGap
from streams.sources.decode import HIGHEST_RATE_HZ, seconds
from streams.sources.timestamps import SampleTimes

BLOCK_S: Final = 0.1
"""Length of a block (s) unless asked otherwise: a few McAdams windows, and short enough for a live display."""

_RESAMPLER_OPTIONS: Final = {
    # Without it libswresample adds up channels of float output: stereo comes out 3 dB hot and clips.
    "rematrix_maxval": "1.0",
}


class Blocks:
    """Cuts runs of samples into blocks of `block_s` seconds, timed from an anchor. Pure."""

    def __init__(self, block_s: float = BLOCK_S) -> None:
        """Start without an anchor."""
        self._length = max(1, round(block_s * AUDIO_RATE_HZ))
        self._anchor_s = 0.0
        self._sent = 0
        self._skip = 0
        self._rest: NDArray[np.float32] = np.zeros(0, np.float32)

    @property
    def end_s(self) -> float:
        """Media time at the end of all samples added so far."""
        return self._anchor_s + (self._sent + len(self._rest)) / AUDIO_RATE_HZ

    def start(self, t_s: float) -> None:
        """Put the next sample at `t_s`. What was added before must have been taken with `rest`."""
        self._anchor_s, self._sent, self._skip = t_s, 0, 0

    def skip(self, duration_s: float) -> None:
        """Leave out the next `duration_s` seconds of samples."""
        self._skip += round(duration_s * AUDIO_RATE_HZ)

    def add(self, samples: NDArray[np.float32]) -> list[RawAudio]:
        """Add float32[n] samples; returns the blocks that are full now."""
        left_out = min(self._skip, len(samples))
        self._skip -= left_out
        joined = np.concatenate([self._rest, samples[left_out:]])
        full = len(joined) // self._length * self._length
        self._rest = joined[full:]
        return [self._block(joined[start : start + self._length]) for start in range(0, full, self._length)]

    def rest(self) -> list[RawAudio]:
        """Take the last, shorter block, if there is one."""
        last, self._rest = self._rest, self._rest[:0]
        return [self._block(last)] if len(last) else []

    def _block(self, samples: NDArray[np.float32]) -> RawAudio:
        block = RawAudio(self._anchor_s + self._sent / AUDIO_RATE_HZ, samples.copy())
        self._sent += len(samples)
        return block


class MonoResampler:
    """Makes mono at the rate of all clean audio out of frames of one format, layout and rate, statefully."""

    def __init__(self) -> None:
        """Start without state."""
        self._resampler = AudioResampler("flt", "mono", AUDIO_RATE_HZ, options=_RESAMPLER_OPTIONS)

    def push(self, frame: AudioFrame | None) -> NDArray[np.float32]:
        """float32[n] that is ready with one more frame, or what is left (None). FFmpegError: it cannot be mixed."""
        if frame is not None:
            # The resampler must count samples, not follow timestamps that others put right.
            frame.pts = None
        parts = [
            np.asarray(resampled.to_ndarray(), np.float32).reshape(-1) for resampled in self._resampler.resample(frame)
        ]
        joined = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        # Damaged float audio holds NaN and infinity, which would never leave the voice filters again.
        return np.nan_to_num(joined, posinf=0.0, neginf=0.0)


def shape_of(frame: AudioFrame) -> tuple[str, str, int]:
    """What must not change while one resampler is used: sample format, layout and rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


class Sound:
    """Resamples one audio track statefully and names its holes.

    `times` holds what was wrong with its timestamps, `unmixed` counts frames that could not be made mono.
    """

    def __init__(self, *, offset_s: float, block_s: float = BLOCK_S) -> None:
        """Start a track whose timestamps plus `offset_s` are media time, in blocks of `block_s` seconds."""
        self.times = SampleTimes(offset_s=offset_s)
        self.unmixed = 0
        self._blocks = Blocks(block_s)
        self._resampler: MonoResampler | None = None
        self._shape: tuple[str, str, int] | None = None

    @property
    def end_s(self) -> float:
        """Media time at the end of what was handed on."""
        return self._blocks.end_s

    def add(self, frame: AudioFrame) -> Iterator[RawAudio | RawGap]:
        """Blocks, and the hole before them, that one more decoded frame completes."""
        if frame.samples == 0 or not 0 < frame.sample_rate <= HIGHEST_RATE_HZ:
            return
        placed = self.times.place(seconds(frame), frame.samples, frame.sample_rate)
        shape = shape_of(frame)
        if self._resampler is None or placed.hole_from_s is not None or shape != self._shape:
            yield from self.finish()
            if placed.hole_from_s is not None:
                yield RawGap(Track.AUDIO, self._blocks.end_s, placed.t_s, "the timestamps of the sound leave a hole")
            self._blocks.start(max(placed.t_s, self._blocks.end_s))
            self._resampler = MonoResampler()
            self._shape = shape
        self._blocks.skip(placed.skip_s)
        try:
            yield from self._blocks.add(self._resampler.push(frame))
        except FFmpegError:
            # Damage makes up channel layouts that libav decodes but cannot mix.
            self.unmixed += 1
            self._resampler = None

    def finish(self) -> Iterator[RawAudio]:
        """The samples still inside the resampler and the last, shorter block."""
        if self._resampler is not None:
            yield from self._blocks.add(self._resampler.push(None))
        self._resampler = None
        yield from self._blocks.rest()
