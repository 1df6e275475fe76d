"""Makes trustworthy media time out of the timestamps of recordings and streams, which lie.

Pure: numbers in, numbers out. One object serves one track; the same offset (minus the epoch) goes into both
tracks of a source, so that what separates their starts is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

JUMP_S: Final = 1.0
"""Step against the expected time from which a timestamp is another clock, no jitter.

Below it lie real jitter and reordering (a few frames); above it, what concatenated and restarted streams do.
"""

BELIEVABLE_S: Final = 3600.0
"""Longest step forwards that counts as a hole; beyond an hour a clock was reset (RTSP start-up: days)."""

OWN_ZERO_S: Final = 1.0
"""Latest start that still belongs to a clock that began at zero: encoder delay is milliseconds, MPEG-TS muxers begin
at 1.4 s or anywhere."""

FRAME_HOLE_S: Final = 1.0
"""Shortest time without a frame that is a hole, unless three frames last longer."""

AUDIO_HOLE_S: Final = 0.05
"""Drift of sound against its sample count that is still smoothed: two AAC frames, below what lip sync shows."""

_NUDGE_S: Final = 0.001
"""Least distance of two frames: a timestamp at or before the last one is put this far behind it."""


def epoch_s(firsts_s: Iterable[float]) -> float:
    """The epoch on the file's own clock, given when each track starts (at least one).

    The file's own zero where a track starts within `OWN_ZERO_S` of it, so that media times are those of a video
    player and of an annotator's labels; else the earliest start, for the clocks of transport streams start anywhere.
    """
    earliest_s = min(firsts_s)
    return 0.0 if 0.0 <= earliest_s <= OWN_ZERO_S else earliest_s


def start_s(first_s: float, epoch_s: float) -> float:
    """Where a track starts in the epoch, given both on the file's clock; 0 where the offset is beyond belief."""
    offset_s = first_s - epoch_s
    return offset_s if 0.0 <= offset_s <= BELIEVABLE_S else 0.0


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a frame or a run of samples lies: at `t_s`, after a hole [hole_from_s, t_s) where there is one.

    `skip_s` is how much of its beginning lies before what was already heard and must be left out (sound only).
    """

    t_s: float
    hole_from_s: float | None = None
    skip_s: float = 0.0


class TrackClock:
    """Turns a track's timestamps into media time, across jumps of the track's clock. `resets` counts those."""

    def __init__(self, offset_s: float) -> None:
        """Start with `offset_s`, which added to a timestamp gives media time."""
        self._offset_s = self._earlier_s = offset_s
        self.resets = 0

    def media_s(self, pts_s: float, expected_s: float, *, last_s: float = math.inf) -> float:
        """Media time of timestamp `pts_s`, where about `expected_s` would follow what came before.

        What comes after `last_s`, the time of the last frame, is no step backwards, however early it is: at a
        variable rate a frame that stood for seconds may be followed by one after 40 ms.

        Within `JUMP_S` the timestamp is right. A longer step forwards is a hole. A step backwards, or one beyond
        belief, is a new clock: it goes on at `expected_s`. The clock before is tried first, so that one wrong
        timestamp among right ones does not shift the rest.
        """
        t_s = pts_s + self._offset_s
        if abs(t_s - expected_s) <= JUMP_S or last_s < t_s < expected_s:
            return t_s
        again_s = pts_s + self._earlier_s
        if abs(again_s - expected_s) <= JUMP_S:
            self._offset_s, self._earlier_s = self._earlier_s, self._offset_s
            return again_s
        if expected_s < t_s <= expected_s + BELIEVABLE_S:
            return t_s
        self._earlier_s, self._offset_s = self._offset_s, expected_s - pts_s
        self.resets += 1
        return expected_s


class FrameTimes:
    """Places video frames: strictly increasing times, holes named. Counts `missing`, `nudged` and `resets`."""

    def __init__(self, *, offset_s: float, nominal_s: float) -> None:
        """Start a track whose timestamps plus `offset_s` are media time, with frames of about `nominal_s` > 0."""
        self._clock = TrackClock(offset_s)
        self._nominal_s = nominal_s
        self._hole_s = max(FRAME_HOLE_S, 3 * nominal_s)
        self._step_s = nominal_s
        self._last_s: float | None = None
        self.missing = 0
        self.nudged = 0

    @property
    def resets(self) -> int:
        """How often the track's clock jumped and was re-anchored."""
        return self._clock.resets

    @property
    def end_s(self) -> float:
        """Media time at which the last frame is expected to end (0 before the first)."""
        return 0.0 if self._last_s is None else self._last_s + self._step_s

    def place(self, pts_s: float | None) -> Placed:
        """Place the next frame in display order; `pts_s` is its timestamp in seconds, None where it has none.

        A frame's own duration is not asked for: MP4 stretches the last frame before a hole over the hole.
        """
        self.missing += pts_s is None
        if self._last_s is None:
            t_s = 0.0 if pts_s is None else self._clock.media_s(pts_s, 0.0)
            self._last_s = max(0.0, t_s)
            return Placed(self._last_s)
        expected_s = self.end_s
        t_s = expected_s if pts_s is None else self._clock.media_s(pts_s, expected_s, last_s=self._last_s)
        if t_s <= self._last_s:
            t_s = self._last_s + _NUDGE_S
            self.nudged += 1
        step_s = t_s - self._last_s
        self._last_s = t_s
        if step_s > self._hole_s:
            self._step_s = self._nominal_s
            return Placed(t_s, hole_from_s=expected_s)
        if pts_s is not None:
            self._step_s = max(step_s, _NUDGE_S)
        return Placed(t_s)


class SampleTimes:
    """Places runs of audio samples: time is an anchor plus samples since, re-anchored only at holes.

    Counts `missing`, `resets` and the seconds that overlapped (`overlap_s`).
    """

    def __init__(self, *, offset_s: float) -> None:
        """Start a track whose timestamps plus `offset_s` are media time."""
        self._clock = TrackClock(offset_s)
        self._anchor_s: float | None = None
        self._count = 0
        self._rate_hz = 1
        self.missing = 0
        self.overlap_s = 0.0

    @property
    def resets(self) -> int:
        """How often the track's clock jumped and was re-anchored."""
        return self._clock.resets

    @property
    def end_s(self) -> float:
        """Media time at which the last sample ends (0 before the first)."""
        return 0.0 if self._anchor_s is None else self._anchor_s + self._count / self._rate_hz

    def place(self, pts_s: float | None, count: int, rate_hz: int) -> Placed:
        """Place the next `count` samples at `rate_hz`; `pts_s` is the first one's timestamp, None without one.

        Drift up to `AUDIO_HOLE_S` is smoothed away. More of it forwards is a hole; backwards, the samples that
        lie before what was already heard are to be skipped, so that sound does not slide against video.
        """
        self.missing += pts_s is None
        expected_s = self.end_s
        t_s = expected_s if pts_s is None else self._clock.media_s(pts_s, expected_s)
        first = self._anchor_s is None
        drift_s = t_s - expected_s
        if first or rate_hz != self._rate_hz:
            self._anchor_s, self._count, self._rate_hz = expected_s, 0, rate_hz
        if first:
            self._anchor_s = t_s = max(0.0, t_s)
            self._count = count
            return Placed(t_s)
        if drift_s > AUDIO_HOLE_S:
            self._anchor_s, self._count = t_s, count
            return Placed(t_s, hole_from_s=expected_s)
        skip_s = min(-drift_s, count / rate_hz) if drift_s < -AUDIO_HOLE_S else 0.0
        self.overlap_s += skip_s
        self._count += count - round(skip_s * rate_hz)
        return Placed(expected_s, skip_s=skip_s)
