"""Whether a publisher is still there, judged by what arrives of it. Pure.

The connection itself tells late or never: a killed browser is silent for half a minute before aiortc notices, and
after a cut of a few seconds its video waits 20 s for packets that are lost, then stays that late for good.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from buffers.records import Track

SILENCE_S: Final = 5.0
"""Silence of everything after which the connection is given up (s); cuts of up to 4 s heal by themselves."""

_STARVED_S: Final = 1.5
"""Packets of video without one picture for so long (s): the receiver waits for what is lost. A key frame that was
asked for comes within a few tenths of a second."""

_STARVED_PACKETS: Final = 10
"""Packets that must have come in that time: a camera that was switched off sends one now and then."""

_BREAK_S: Final = 1.0
"""A pause of the packets (s) after which the wait for a picture begins anew: the link was cut, and may heal."""

_LATE_S: Final = 4.0
"""Pictures that come so much later than they did at best (s) are a backlog that never shrinks."""

_SHIFT_S: Final = 30.0
"""A step of the timestamps by more (s) is none of lateness: the publisher began to count anew."""

_DRIFT: Final = 0.001
"""How fast the publisher's clock may run away from ours; crystals differ by a tenth of that."""


class Pulse:
    """Watches one connection; times are monotonic seconds."""

    def __init__(self, tracks: Collection[Track], now_s: float) -> None:
        """Everything counts as having arrived just now."""
        self._heard_s = dict.fromkeys(tracks, now_s)
        self._pictures = False
        self._packets, self._packets_s = 0, now_s
        self._starving: tuple[float, int] | None = None
        self._best: tuple[float, float] | None = None
        self._late_s = 0.0

    def beat(self, track: Track, now_s: float, pts_s: float | None) -> None:
        """Something of a track arrived; `pts_s` is the publisher's own timestamp."""
        self._heard_s[track] = now_s
        if track is not Track.VIDEO:
            return
        self._pictures, self._starving = True, None
        if pts_s is not None:
            self._late_s = self._lateness_s(now_s - pts_s, now_s)

    def packets(self, count: int, now_s: float) -> None:
        """So many packets of video have come in all, whether or not they have made pictures."""
        if count == self._packets:
            return
        if self._starving is None or now_s - self._packets_s > _BREAK_S:
            self._starving = (now_s, count)
        self._packets, self._packets_s = count, now_s

    def silent_s(self, track: Track, now_s: float) -> float | None:
        """How long nothing has arrived of a track (s); None for one that is not watched."""
        heard_s = self._heard_s.get(track)
        return None if heard_s is None else max(0.0, now_s - heard_s)

    def fault(self, now_s: float) -> str | None:
        """Why the connection must be given up, None while it need not be."""
        if all(now_s - heard_s >= SILENCE_S for heard_s in self._heard_s.values()):
            return f"nothing came from the publisher for {SILENCE_S:g} s"
        if self._pictures and self._starving is not None:
            since_s, before = self._starving
            if self._packets_s - since_s >= _STARVED_S and self._packets - before >= _STARVED_PACKETS:
                return "the picture froze: packets were lost on the way"
        if self._late_s > _LATE_S:
            return f"pictures came {self._late_s:.1f} s late"
        return None

    def _lateness_s(self, transit_s: float, now_s: float) -> float:
        if self._best is not None:
            best_s, at_s = self._best
            best_s += (now_s - at_s) * _DRIFT
            late_s = transit_s - best_s
            if 0.0 < late_s < _SHIFT_S:
                self._best = (best_s, now_s)
                return late_s
        self._best = (transit_s, now_s)
        return 0.0
