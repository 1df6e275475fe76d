"""Says where runs of samples lie by their count and their timestamps together, which both lie on their own.

Counting is smooth but drifts and knows no holes; timestamps know both but jitter, by up to 100 ms from sound servers.
Pure: numbers in, numbers out; the samples are only held.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from streams.media import InMemoryOnly
from streams.sources.live.lane_trend import Trend
from streams.sources.live.times_anchor import Anchor, Scale
from streams.sources.live.times_stamps import Stamp

_BIN_S: Final = 1.0
_BINS: Final = 120
"""Two minutes in means of a second: jitter of 100 ms averages out to a few milliseconds."""

_STEADY_S: Final = 5.0
"""Time from which the line is drawn once a bin."""

_LEAST_DOUBT_S: Final = 0.015
_MOST_DOUBT_S: Final = 0.25
"""Between these lies the difference that is doubted, by how much the timestamps jitter: a lost packet is 20 ms."""

_DOUBT: Final = 4.0
"""Doubted are differences of so many mean ones from stamp to stamp: above four standard deviations of either."""

_NOISE_S: Final = 0.05
_NOISE_MOST_S: Final = 0.1
"""Mean difference that is assumed at first, and most that one difference counts in it (s)."""

_NOISE_FIRST: Final = 4
_NOISE_LAST: Final = 32
"""How many differences the mean is over at first, and at last."""

_SURE_TIMES: Final = 3
_SURE_S: Final = 0.1
"""So many timestamps over so much time must agree on a doubted difference: no one wrong one, no burst, moves sound."""

_HOLD_S: Final = 1.0
"""Longest that sound is held for doubt."""

_UNSTAMPED_S: Final = 1.0
"""Sound without timestamps for so long is placed by its arrival."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run(InMemoryOnly):
    """float32[n] samples that arrived together; `count_s` is how much sound came before them."""

    samples: NDArray[np.float32]
    count_s: float
    stamp: Stamp | None
    arrived_s: float

    @property
    def duration_s(self) -> float:
        """How long they last (s)."""
        return len(self.samples) / AUDIO_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PlacedRun(InMemoryOnly):
    """A run that starts at `t_s` on `scale`."""

    run: Run
    t_s: float
    scale: Scale


class Runs:
    """The sound of one attempt, run by run. `holes_s` is how much more media time than sound passed in its holes."""

    def __init__(self) -> None:
        """Start without sound."""
        self._line = Trend(_BIN_S, _BINS, _STEADY_S)
        self._scale: Scale | None = None
        self._noise_s = _NOISE_S
        self._noise_over = _NOISE_FIRST
        self._before: tuple[float, Stamp] | None = None
        self._count_s = self.holes_s = 0.0
        self._unstamped_s = math.inf
        self._arrivals: Anchor | None = None
        self._doubted: list[Run] = []

    def add(self, samples: NDArray[np.float32], stamp: Stamp | None, arrived_s: float) -> list[PlacedRun]:
        """Add samples; returns the runs whose place is certain now: none while timestamps are doubted, later all."""
        run = Run(samples, self._count_s, self._stamp(stamp, len(samples) / AUDIO_RATE_HZ, arrived_s), arrived_s)
        self._count_s += run.duration_s
        self._doubted.append(run)
        self._learn(run)
        if self._agrees(run):
            return self._place()
        return self.flush() if self._sure() else []

    def flush(self) -> list[PlacedRun]:
        """What is held for doubt, placed by its timestamps."""
        stamps = self._newest()
        if stamps:
            before, self._scale = self._scale, stamps[-1][1].scale
            by_s = statistics.median(self._apart_s(run, stamp) for run, stamp in stamps)
            self._line.shift(by_s)
            self.holes_s += by_s + self._scale.offset_s - (0.0 if before is None else before.offset_s)
        return self._place()

    def _stamp(self, stamp: Stamp | None, duration_s: float, arrived_s: float) -> Stamp | None:
        """The stamp, or one made of the arrival where there have been none for a while."""
        if stamp is not None:
            self._unstamped_s = 0.0
            self._arrivals = None
            return stamp
        self._unstamped_s += duration_s
        if self._unstamped_s <= _UNSTAMPED_S:
            return None
        end_s = self._count_s + duration_s
        if self._arrivals is None:
            self._arrivals = Anchor(end_s, arrived_s)
        else:
            self._arrivals.see(end_s, arrived_s)
        return Stamp(self._count_s, self._arrivals)

    def _apart_s(self, run: Run, stamp: Stamp) -> float:
        """How far the stamp is from where the count puts the run."""
        return stamp.t_s - run.count_s - self._line.at(run.count_s)

    def _agrees(self, run: Run) -> bool:
        """Whether the run lies where the count says; its stamp is taken note of then."""
        if run.stamp is None:
            return len(self._doubted) == 1
        if self._scale is None:
            self._scale = run.stamp.scale
        elif self._scale is not run.stamp.scale or abs(self._apart_s(run, run.stamp)) > self._doubt_s:
            return False
        self._line.enter(run.count_s, run.stamp.t_s - run.count_s)
        return True

    @property
    def _doubt_s(self) -> float:
        """The difference between stamp and count beyond which one of them is wrong."""
        return max(_LEAST_DOUBT_S, min(_MOST_DOUBT_S, _DOUBT * self._noise_s))

    def _learn(self, run: Run) -> None:
        """Learn how much stamps jitter: from one to the next, for a hole moves all that come after it."""
        before, stamp = self._before, run.stamp
        if stamp is None:
            return
        self._before = run.count_s, stamp
        if before is not None and before[1].scale is stamp.scale:
            apart_s = abs(stamp.t_s - before[1].t_s - (run.count_s - before[0]))
            self._noise_s += (min(apart_s, _NOISE_MOST_S) - self._noise_s) / self._noise_over
            self._noise_over = min(_NOISE_LAST, self._noise_over + 1)

    def _newest(self) -> list[tuple[Run, Stamp]]:
        """The doubted runs whose stamps count on the scale of the newest."""
        stamped = [(run, run.stamp) for run in self._doubted if run.stamp is not None]
        return [(run, stamp) for run, stamp in stamped if stamp.scale is stamped[-1][1].scale]

    def _sure(self) -> bool:
        if sum(run.duration_s for run in self._doubted) >= _HOLD_S:
            return True
        stamps = self._newest()
        if len(stamps) < _SURE_TIMES or stamps[-1][0].arrived_s - stamps[0][0].arrived_s < _SURE_S:
            return False
        apart_s = [self._apart_s(run, stamp) for run, stamp in stamps]
        return max(apart_s) - min(apart_s) <= self._doubt_s

    def _place(self) -> list[PlacedRun]:
        runs, self._doubted = self._doubted, []
        if self._scale is None:
            return []
        return [PlacedRun(run, run.count_s + self._line.at(run.count_s), self._scale) for run in runs]
