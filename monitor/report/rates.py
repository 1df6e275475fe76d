"""How often body language was reported, per minute in which it could have been seen. Pure.

A person is compared with nobody else: the usual is the person's own rate over the whole session, every part of which
is in it. Time in which a group could not be watched counts neither as calm nor at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import gammaincinv

from buffers.records import NFBL_GROUPS, Group, Track
from monitor.blindness import LEAST_S
from monitor.cues import ABSOLUTE_S
from monitor.session_view import SessionView, ToldEvent

Spans = tuple[tuple[float, float], ...]
"""Spans [start, end) of media time (s) in order, none touching another."""

BIN_LENGTHS_S: Final = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
MOST_BINS: Final = 60
"""More bars than this cannot be told apart on a page; the shortest length that gives no more is taken, in longer
sessions one of whole hours."""

LEAST_SHARE: Final = 0.5
"""Of a bin that was observed less than this no rate is read: one event would weigh more than twice as much."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many events that began in so much observed time (s)."""

    events: int
    observed_s: float

    @property
    def per_min(self) -> float | None:
        """Events per observed minute, None below three minutes, where one event more or less is the whole figure."""
        return self.events / self.observed_s * 60 if self.observed_s >= ABSOLUTE_S else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the rate lies in 95 of 100 cases, were it constant (exact for Poisson counts); None as `per_min`."""
        if self.per_min is None:
            return None
        low = float(gammaincinv(self.events, 0.025)) if self.events else 0.0
        high = float(gammaincinv(self.events + 1, 0.975))
        return low / self.observed_s * 60, high / self.observed_s * 60

    def usual_in(self, observed_s: float) -> float | None:
        """How many events would be usual in so much time, None where no rate is read."""
        return None if self.per_min is None else self.per_min * observed_s / 60


@dataclass(frozen=True, slots=True)
class Bin:
    """A part [start_s, end_s) of the session: what began in it, and how much of it was observed."""

    start_s: float
    end_s: float
    events: int
    observed_s: float
    length_s: float
    """Length of a whole bin; the last may be shorter."""

    @property
    def hidden(self) -> bool:
        """Whether so little of it was observed that it counts as not observed."""
        return self.observed_s < LEAST_SHARE * (self.end_s - self.start_s)

    @property
    def per_min(self) -> float | None:
        """Events per observed minute, None where less than half the length of a whole bin was observed."""
        if self.observed_s < LEAST_SHARE * self.length_s:
            return None
        return self.events / self.observed_s * 60


@dataclass(frozen=True, slots=True)
class GroupRates:
    """One group over the session; `outside` counts events that began in time that counts as not observed."""

    group: Group
    whole: Rate
    bins: tuple[Bin, ...]
    outside: int


def group_rates(view: SessionView) -> tuple[GroupRates, ...]:
    """The rates of all groups of body language, over equal bins."""
    return tuple(_rates(view, group) for group in NFBL_GROUPS)


def unseen(view: SessionView, group: Group) -> Spans:
    """Where a group could not be watched: what was told, and wherever there was no picture."""
    blind = [(span.start_s, span.end_s) for span in view.blind if span.group is group]
    return _within(_joined([*blind, *gap_spans(view, Track.VIDEO)]), 0.0, view.end_s)


def gap_spans(view: SessionView, track: Track) -> Spans:
    """Where a track has nothing."""
    return _joined((gap.start_s, gap.end_s) for gap in view.gaps if gap.track is track)


def observed_share(view: SessionView, spans: Spans) -> float | None:
    """Share 0-1 of the session that is not in `spans`, None for a session without length."""
    return None if view.end_s <= 0.0 else max(0.0, 1.0 - total_s(spans) / view.end_s)


def total_s(spans: Spans) -> float:
    """Length of all spans together (s)."""
    return math.fsum(end_s - start_s for start_s, end_s in spans)


def _rates(view: SessionView, group: Group) -> GroupRates:
    away = unseen(view, group)
    events = [event for event in view.events if event.last.group is group]
    counted = [event for event in events if not _hidden(event, away)]
    return GroupRates(
        group=group,
        whole=Rate(len(counted), max(0.0, view.end_s - total_s(away))),
        bins=tuple(_bins(view.end_s, counted, away)),
        outside=len(events) - len(counted),
    )


def _hidden(event: ToldEvent, away: Spans) -> bool:
    """Whether an event began where nothing could be seen; the edges of spans are known to half a second."""
    t_s = event.last.start_s
    return any(start_s + LEAST_S <= t_s < end_s - LEAST_S for start_s, end_s in away)


def _bins(end_s: float, events: Sequence[ToldEvent], away: Spans) -> Iterable[Bin]:
    hours_s = 3600.0 * math.ceil(end_s / MOST_BINS / 3600.0)
    length_s = next((one for one in BIN_LENGTHS_S if end_s <= one * MOST_BINS), hours_s)
    for number in range(math.ceil(end_s / length_s)):
        start_s, until_s = number * length_s, min((number + 1) * length_s, end_s)
        # The last bin also has what was told to begin at the very end.
        last = until_s >= end_s
        began = sum(
            start_s <= event.last.start_s < until_s or (last and event.last.start_s >= until_s) for event in events
        )
        yield Bin(start_s, until_s, began, until_s - start_s - total_s(_within(away, start_s, until_s)), length_s)


def _joined(spans: Iterable[tuple[float, float]]) -> Spans:
    joined: list[tuple[float, float]] = []
    for start_s, end_s in sorted(spans):
        if joined and start_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_s))
        elif end_s > start_s:
            joined.append((start_s, end_s))
    return tuple(joined)


def _within(spans: Spans, start_s: float, end_s: float) -> Spans:
    cut = ((max(low, start_s), min(high, end_s)) for low, high in spans)
    return tuple((low, high) for low, high in cut if high > low)
