"""Hands one live track on in order: frames that never go back, sound without a seam, and the holes between."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawAudio, RawFrame, RawGap, RawItem
from streams.sources.live.lane_runs import PlacedRun, Runs
from streams.sources.live.lane_stretch import Stretcher
from streams.sources.live.lane_trend import STEEPEST, Trend
from streams.sources.live.times_anchor import EARLY_S
from streams.sources.live.times_stamps import Stamp
from streams.sources.sound import BLOCK_S, Blocks
from streams.sources.timestamps import FRAME_HOLE_S

NUDGE_S: Final = 0.001
"""Least distance of two frames: one at or before the last is put this far behind it."""

OUT_OF_STEP_S: Final = 0.04
"""How far sound may lie from where it belongs before it is moved there at once: what lip sync does not show."""

_SETTLING_STEP_S: Final = 0.01
"""The same while a stream settles, backwards: a burst at the start is skipped, not stretched for seconds."""

_STEER_S: Final = 2.0
"""Time in which sound is brought back into step, where `STEEPEST` lets it: the pitch changes by a third of a cent."""

_FRAME_S: Final = 0.04
"""Distance of frames that is assumed before any is known."""

_STEPS: Final = 9
"""Distances of frames whose median is the nominal one."""

_DRIFT_BIN_S: Final = 5.0
_DRIFT_BINS: Final = 60
_DRIFT_STEADY_S: Final = 30.0
"""The sound's clock is measured over five minutes, and from half a minute on."""

_SAMPLE_S: Final = 1.0 / AUDIO_RATE_HZ


class VideoLane:
    """The frames of a live source over all attempts. `late` counts those left out because time had gone on."""

    def __init__(self) -> None:
        """Start at 0 without a frame."""
        self._last_s: float | None = None
        self._gap_end_s = 0.0
        self._steps_s: deque[float] = deque([_FRAME_S], maxlen=_STEPS)
        self._index = 0
        self.late = 0

    @property
    def end_s(self) -> float:
        """Media time up to which the track was handed on: its last frame, or the end of a gap after that."""
        return self._gap_end_s if self._last_s is None else max(self._last_s, self._gap_end_s)

    def add(self, picture: Picture, t_s: float | None, arrived_s: float) -> list[RawItem]:
        """Hand on a picture of media time `t_s`, of its arrival where that is None or later than it can be."""
        if t_s is None or t_s > arrived_s + EARLY_S:
            t_s = arrived_s
        if self._last_s is not None and self._gap_end_s <= t_s <= self._last_s:
            t_s = self._last_s + NUDGE_S
        if t_s < self._gap_end_s or t_s > arrived_s + EARLY_S:
            self.late += 1
            return []
        items: list[RawItem] = []
        if t_s - self.end_s > max(FRAME_HOLE_S, 3 * statistics.median(self._steps_s)):
            items += self.silent(t_s, "no pictures came")
        if self._last_s is not None:
            self._steps_s.append(t_s - self._last_s)
        self._last_s = t_s
        items.append(RawFrame(t_s, self._index, picture))
        self._index += 1
        return items

    def silent(self, until_s: float, reason: str) -> list[RawItem]:
        """Go on without pictures: the gap from where the last one ends up to `until_s`."""
        start_s = self.end_s
        if self._last_s is not None and self._last_s >= self._gap_end_s:
            start_s += min(FRAME_HOLE_S, statistics.median(self._steps_s))
        if until_s <= start_s:
            return []
        self._gap_end_s = until_s
        return [RawGap(Track.VIDEO, start_s, until_s, reason)]


class SoundLane:
    """The sound of a live source over all attempts. `late` counts runs left out because time had gone on.

    Each run of samples is stretched so that it ends where it belongs, by no more than `STEEPEST`; where it lies
    further off than `OUT_OF_STEP_S` there is a gap before it, or what was already heard is left out of it.
    """

    def __init__(self, block_s: float = BLOCK_S) -> None:
        """Start at 0 without sound, in blocks of `block_s` seconds."""
        self._blocks = Blocks(block_s)
        self._stretcher = Stretcher()
        self._runs = Runs()
        self._drift = _drift()
        self._open = False
        self._end_s = 0.0
        self._ready: list[RawItem] = []
        self._handed_s = 0.0
        self.late = 0
        self.residual_s: float | None = None
        """How far the sound is from where it belongs now (s), None before the first."""

    @property
    def end_s(self) -> float:
        """Media time up to which the track was handed on."""
        return self._handed_s

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than media time the sound's clock runs (millionths), None until measured."""
        return -1e6 * self._drift.slope if self._drift.steady else None

    def restart(self) -> None:
        """A new attempt begins: nothing of the clocks is known any more. What is held comes with the next call."""
        self._place(self._runs.flush())
        self._close()
        self._runs = Runs()
        self._drift = _drift()

    def add(self, samples: NDArray[np.float32], stamp: Stamp | None, arrived_s: float) -> list[RawItem]:
        """Hand on what float32[n] samples complete; `stamp` is the time of the first, None where it is missing."""
        self._place(self._runs.add(samples, stamp, arrived_s))
        return self._hand_on()

    def silent(self, until_s: float, reason: str) -> list[RawItem]:
        """Go on without sound: what is held, and the gap after it up to `until_s`."""
        if until_s <= self._handed_s:
            return []
        self._place(self._runs.flush())
        self._close()
        self._gap(until_s, reason)
        return self._hand_on()

    def _hand_on(self) -> list[RawItem]:
        items, self._ready = self._ready, []
        for item in items[-1:]:
            if isinstance(item, RawAudio):
                self._handed_s = item.t_s + len(item.samples) / AUDIO_RATE_HZ
            elif isinstance(item, RawGap):
                self._handed_s = item.end_s
        return items

    def _place(self, runs: list[PlacedRun]) -> None:
        for placed in runs:
            run, scale = placed.run, placed.scale
            belongs_s = min(placed.t_s + scale.offset_s, run.arrived_s - run.duration_s + EARLY_S)
            self._measure(run.count_s, belongs_s, settling=scale.settling)
            samples = run.samples
            if self._open:
                samples = self._in_step(samples, belongs_s, settling=scale.settling)
            if not self._open:
                samples = self._reopen(samples, belongs_s)
            self._append(samples, belongs_s + (run.duration_s - len(samples) * _SAMPLE_S))

    def _measure(self, count_s: float, belongs_s: float, *, settling: bool) -> None:
        if settling:
            return
        ahead_s = belongs_s - count_s - self._runs.holes_s
        leap_s = ahead_s - self._drift.at(count_s)
        if abs(leap_s) > OUT_OF_STEP_S:
            self._drift.shift(leap_s)
        self._drift.enter(count_s, ahead_s)

    @property
    def _here_s(self) -> float:
        """Media time at which the next sample would be heard."""
        return self._blocks.end_s + self._stretcher.held * _SAMPLE_S

    def _in_step(self, samples: NDArray[np.float32], belongs_s: float, *, settling: bool) -> NDArray[np.float32]:
        """What of the samples is new; where they belong later than can be stretched, what came before is closed."""
        off_s = belongs_s - self._here_s
        if off_s > OUT_OF_STEP_S:
            self._close()
            return samples
        heard_s = -off_s if -off_s > (_SETTLING_STEP_S if settling else OUT_OF_STEP_S) else 0.0
        return samples[round(heard_s * AUDIO_RATE_HZ) :]

    def _reopen(self, samples: NDArray[np.float32], belongs_s: float) -> NDArray[np.float32]:
        """Start at `belongs_s` with a gap before it, or at the end of what was handed on; what of them is new."""
        new = samples[max(0, round((self._end_s - belongs_s) * AUDIO_RATE_HZ)) :]
        if len(new) == 0:
            self.late += 1
            return new
        if belongs_s > self._end_s + _SAMPLE_S:
            self._gap(belongs_s, "sound is missing")
        self._blocks.start(self._end_s)
        self._open = True
        return new

    def _append(self, samples: NDArray[np.float32], belongs_s: float) -> None:
        if not self._open or len(samples) == 0:
            return
        off_s = belongs_s - self._here_s
        share = off_s / max(_STEER_S, len(samples) * _SAMPLE_S)
        longer = 1.0 + max(-STEEPEST, min(STEEPEST, share))
        self._ready += self._blocks.add(self._stretcher.push(samples, 1.0 / longer))
        self.residual_s = off_s

    def _close(self) -> None:
        """Hand on everything that is held; what comes next starts anew."""
        if self._open:
            self._ready += self._blocks.add(self._stretcher.rest())
            self._ready += self._blocks.rest()
            self._stretcher = Stretcher()
            self._end_s = self._blocks.end_s
            self._open = False

    def _gap(self, until_s: float, reason: str) -> None:
        if until_s > self._end_s:
            self._ready.append(RawGap(Track.AUDIO, self._end_s, until_s, reason))
            self._end_s = until_s


def _drift() -> Trend:
    return Trend(_DRIFT_BIN_S, _DRIFT_BINS, _DRIFT_STEADY_S)
