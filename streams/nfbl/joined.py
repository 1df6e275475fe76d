"""Several feeds as one: what a program detects and what people annotated, side by side in one session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from buffers.records import FeedState, NfblState, NfblWatch, Prosody
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame, RawGap
from streams.nfbl.feed import Feed, FeedCounts, Report


class JoinedFeed:
    """Events of all feeds in order of time; each names its own source, and the same movement may come from two.

    Watching is told by one feed at a time, or shares of watched time would pass 1: by the first one, the live
    detector, whose blind spans are measured; while that is off, by the next one, for then its word is all there is.
    The state is the first one's alone. Event ids must differ between feeds: live ones are e1, replayed ones r1.
    """

    def __init__(self, feeds: Sequence[Feed]) -> None:
        """Join feeds, the live one first; ValueError without any."""
        if not feeds:
            msg = "a joined feed needs at least one feed"
            raise ValueError(msg)
        self._feeds = tuple(feeds)
        self._off = False
        self._told_s = 0.0

    @property
    def source(self) -> str:
        """The names of all feeds, as in live+replay:x.csv."""
        return "+".join(feed.source for feed in self._feeds)

    @property
    def digest(self) -> str:
        """Identifies the events of all feeds."""
        return hashlib.sha256("\n".join(feed.digest for feed in self._feeds).encode()).hexdigest()

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of each."""
        return tuple(notice for feed in self._feeds for notice in feed.notices)

    @property
    def counts(self) -> FeedCounts:
        """The looks of all feeds."""
        each = [feed.counts for feed in self._feeds]
        return FeedCounts(
            looks=sum(one.looks for one in each),
            skipped=sum(one.skipped for one in each),
            losses=sum(one.losses for one in each),
        )

    def see(self, frame: RawFrame, faces: Sequence[SeenFace] | None, *, pressed: bool = False) -> None:
        """Show every feed the frame."""
        for feed in self._feeds:
            feed.see(frame, faces, pressed=pressed)

    def miss(self, gap: RawGap) -> None:
        """Tell every feed of the hole."""
        for feed in self._feeds:
            feed.miss(gap)

    def hear(self, prosody: Prosody) -> None:
        """Tell every feed how something was said."""
        for feed in self._feeds:
            feed.hear(prosody)

    def reports(self, watermark_s: float) -> list[Report]:
        """What all feeds may tell now, in order of time; at equal times in the order of the feeds."""
        told = [(rank, report) for rank, feed in enumerate(self._feeds) for report in feed.reports(watermark_s)]
        told.sort(key=lambda ranked: ranked[1].t_s)
        return [passed for rank, report in told if (passed := self._passed(rank, report)) is not None]

    def close(self) -> None:
        """Close every feed, also where one of them fails to."""
        with ExitStack() as stack:
            for feed in reversed(self._feeds):
                stack.callback(feed.close)

    def _passed(self, rank: int, report: Report) -> Report | None:
        """The report as it is passed on, None where another feed speaks of that."""
        item = report.item
        if isinstance(item, NfblState):
            if rank:
                return None
            self._off = item.state is FeedState.OFF
        elif isinstance(item, NfblWatch):
            if rank != (1 if self._off and len(self._feeds) > 1 else 0) or item.end_s <= self._told_s:
                return None
            item = replace(item, start_s=max(item.start_s, self._told_s))
            self._told_s = item.end_s
            return Report(report.t_s, item)
        return report
