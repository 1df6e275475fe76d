"""Turns what a microphone delivers into timed sound at the rate of all clean audio. Knows no device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from streams.sources.live.captor import Post
from streams.sources.sound import MonoResampler

_OLDEST_S: Final = 30.0
"""Ages above this are no ages: APIs that know no time of capture give 0, and the clock counts from somewhere (s)."""

_SETTLING_S: Final = 2.0
_SETTLED_S: Final = 0.2
_STEADY_S: Final = 0.02
"""For at most so long (s), blocks are left out that were on their way for longer than the second, or not as long as
the one before by more than the third: PulseAudio tells the first second of a stream that it wakes up for 0.4 s too
early, and then counts on from the right time."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A block as it came: float32[n] mono at the device's rate.

    `at_s` is the media time of its arrival, `age_s` how long before that its first sample was captured as far as the
    device tells, `lost` why sound is missing before it (empty: none is).
    """

    samples: NDArray[np.float32]
    at_s: float
    age_s: float
    lost: str = ""


class Hearing:
    """One attempt's blocks, resampled as one run from each loss to the next."""

    def __init__(self, post: Post, rate_hz: int) -> None:
        """Deliver to `post` what comes at `rate_hz`."""
        self._post = post
        self._rate_hz = rate_hz
        self._delay_s = 0.0
        self._resampler = MonoResampler()
        self._taken = self._given = 0
        self._settled_s: float | None = None
        self._settling_s = 0.0

    def settled(self, block: Heard) -> bool:
        """Whether the times can be believed from this block on; those before are not for `take`."""
        before_s, self._settling_s = self._settling_s, self._delay_of(block)
        if self._settled_s is None:
            self._settled_s = block.at_s + _SETTLING_S
        elif self._settling_s <= _SETTLED_S and abs(self._settling_s - before_s) <= _STEADY_S:
            self._settled_s = min(block.at_s, self._settled_s)
        return block.at_s >= self._settled_s

    def take(self, block: Heard) -> None:
        """Post what is ready with one more block."""
        if block.lost:
            self._begin_again()
            self._post.overflow(block.lost)
        start_s = block.at_s - self._age_s(block)
        # What the resampler still holds comes first: it was captured before this block.
        held_s = self._taken / self._rate_hz - self._given / AUDIO_RATE_HZ
        frame = AudioFrame.from_ndarray(block.samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        self._taken += len(block.samples)
        self._give(self._resampler.push(frame), start_s - held_s)

    def _age_s(self, block: Heard) -> float:
        self._delay_s = self._delay_of(block)
        return len(block.samples) / self._rate_hz + self._delay_s

    def _delay_of(self, block: Heard) -> float:
        """How long its last sample was on its way, or where it tells nonsense what the block before said."""
        if not math.isfinite(block.age_s) or block.age_s > _OLDEST_S:
            return self._delay_s
        # The first sample is at least as old as the block is long, whatever the device says.
        return max(0.0, block.age_s - len(block.samples) / self._rate_hz)

    def _begin_again(self) -> None:
        self._resampler = MonoResampler()
        self._taken = self._given = 0

    def _give(self, samples: NDArray[np.float32], captured_s: float) -> None:
        self._given += len(samples)
        if len(samples):
            self._post.sound(samples, captured_s=captured_s)
