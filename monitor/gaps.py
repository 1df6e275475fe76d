"""Joins the pieces of a growing gap, so that a source that is away for hours is told in a few lines. Pure."""

from __future__ import annotations

from typing import Final

from buffers.records import Gap, Track
from monitor.records import GapRecord

JOIN_S: Final = 0.01
"""Pieces closer than this are one gap: between them lies only rounding."""

LONGEST_S: Final = 60.0
"""A longer gap is told in pieces, so that a journal that is cut off says most of it."""


class Gaps:
    """Holds the last gap of each track until it is known to be over."""

    def __init__(self) -> None:
        """There is none."""
        self._open: dict[Track, Gap] = {}

    def take(self, gap: Gap) -> tuple[list[GapRecord], bool]:
        """Take a gap or one more piece of it: what is told now, and whether a new gap began."""
        before = self._open.get(gap.track)
        if before is None or before.reason != gap.reason or abs(gap.start_s - before.end_s) > JOIN_S:
            told = self.over(gap.track)
            self._open[gap.track] = gap
            return told, True
        joined = Gap(gap.track, before.start_s, gap.end_s, gap.reason)
        if joined.end_s - joined.start_s < LONGEST_S:
            self._open[gap.track] = joined
            return [], False
        # What follows goes on where this piece ends, and is no new gap.
        self._open[gap.track] = Gap(gap.track, gap.end_s, gap.end_s, gap.reason)
        return [GapRecord.of(joined)], False

    def over(self, track: Track) -> list[GapRecord]:
        """Something came of the track again: the gap before it."""
        gap = self._open.pop(track, None)
        return [] if gap is None or gap.end_s <= gap.start_s else [GapRecord.of(gap)]

    def finish(self) -> list[GapRecord]:
        """The gaps that last to the end."""
        return [record for track in list(self._open) for record in self.over(track)]
