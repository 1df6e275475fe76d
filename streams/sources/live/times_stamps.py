"""Reads the timestamps of one live track: which are missing, which jump, and on which scale they count. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from streams.sources.live.times_anchor import Anchor, MediaScale, Scale
from streams.sources.timestamps import JUMP_S

_SETTLING_JUMP_S: Final = 3.0
"""What is a jump while an anchor settles: in transport streams one track may run ahead of the other by a second."""

_APART_S: Final = 10.0
"""How far behind arrival a track's first timestamp may lie and still count on the clock of the other track."""

_OLDEST_S: Final = 10.0
"""Age beyond which a time of capture is not believed: no device holds back that much."""

_ANCHORS: Final = 4
"""Anchors that are tried again: the one before a wrong timestamp, and those that tracks leave one by one."""

_CAPTURED: Final = MediaScale()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp that can be believed: `t_s` on `scale`."""

    t_s: float
    scale: Scale

    @property
    def media_s(self) -> float:
        """The media time it tells now; the scale's offset may move."""
        return self.t_s + self.scale.offset_s


class Stamps:
    """The timestamps of one track. `jumps` counts how often they left every scale known so far."""

    def __init__(self, anchors: list[Anchor]) -> None:
        """Use and extend `anchors`, which tracks of one clock share; the newest is first."""
        self._anchors = anchors
        self._own: Anchor | None = None
        self._last_s = self._last_media_s = -math.inf
        self._newest_s = -math.inf
        self._behind = False
        self.jumps = 0

    def captured(self, t_s: float, duration_s: float, arrived_s: float) -> Stamp | None:
        """What was captured at media time `t_s`; None where that cannot be or says nothing new."""
        if not arrived_s - _OLDEST_S <= t_s < math.inf or t_s == self._last_s:
            return None
        self._last_s = t_s
        believed_s = min(t_s, arrived_s - duration_s)
        behind = believed_s < self._newest_s - JUMP_S
        self.jumps += behind and not self._behind
        self._behind = behind
        # What is behind is placed by its arrival, and what follows must not go back from there.
        self._newest_s = max(self._newest_s, arrived_s - duration_s if behind else believed_s)
        return None if behind else Stamp(believed_s, _CAPTURED)

    def read(self, pts_s: float | None, duration_s: float, arrived_s: float) -> Stamp | None:
        """What the stream stamped `pts_s` at its beginning; None where it has no stamp or one that does not advance."""
        if pts_s is None or not math.isfinite(pts_s) or pts_s == self._last_s:
            return None
        end_s = pts_s + duration_s
        first = self._own is None
        anchor = (
            self._first(end_s, arrived_s) if self._own is None else self._fitting(self._own, pts_s, end_s, arrived_s)
        )
        if anchor is None:
            anchor = Anchor(end_s, arrived_s)
            self.jumps += not first
        elif not first:
            self.jumps += anchor.see(end_s, arrived_s)
        self._use(anchor)
        stamp = Stamp(pts_s, anchor)
        self._last_s, self._last_media_s = pts_s, stamp.media_s
        return stamp

    def _first(self, end_s: float, arrived_s: float) -> Anchor | None:
        """The clock the other track counts on, where this track seems to count on it too."""
        shared = self._anchors[0] if self._anchors else None
        if shared is None or not -_APART_S <= shared.early_s(end_s, arrived_s) <= _limit_s(shared):
            return None
        return shared

    def _fitting(self, own: Anchor, pts_s: float, end_s: float, arrived_s: float) -> Anchor | None:
        """The anchor by which this timestamp is no jump: first the one of the last, then the earlier ones."""
        if pts_s >= self._last_s - JUMP_S and own.early_s(end_s, arrived_s) <= _limit_s(own):
            return own
        for anchor in self._anchors:
            early_s = anchor.early_s(end_s, arrived_s)
            follows = abs(pts_s + anchor.offset_s - self._last_media_s) <= JUMP_S and early_s <= JUMP_S
            if anchor is not own and (follows or abs(early_s) <= JUMP_S):
                return anchor
        return None

    def _use(self, anchor: Anchor) -> None:
        if anchor is self._own:
            return
        self._own = anchor
        self._anchors[:] = [anchor, *(other for other in self._anchors if other is not anchor)][:_ANCHORS]


def _limit_s(anchor: Anchor) -> float:
    return _SETTLING_JUMP_S if anchor.settling else JUMP_S
