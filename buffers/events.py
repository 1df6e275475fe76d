"""Body-language events of one stream: the recent ones whole, the forgotten ones as counts per minute and class."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from buffers.evidence import HorizonLimits, NfblCount
from buffers.records import NfblEvent, Phase
from buffers.thinning import Bins

EVENT_BYTES = 700
"""Size of one event with its strings and runners-up (measured, rounded up)."""

MINUTE_BYTES = 7000
"""Size of one minute's counts with all 35 classes in it (measured, rounded up)."""

Counts = dict[str, NfblCount]


class EventLog:
    """At most `session_events` events by id, in the order in which they opened.

    When there is one too many, the oldest closed one (or the oldest, if all are open) melts into the counts of its
    minute. Counts are exact for every span that either begins after the melted events or holds all of them; the
    latter is what a whole session and a baseline ask for.
    """

    def __init__(self, limits: HorizonLimits) -> None:
        """Start empty."""
        self._capacity = limits.session_events
        self._events: dict[str, NfblEvent] = {}
        self._melted: Bins[Counts] = Bins(_merged, width_s=60.0, capacity=max(2, limits.session_bins))
        # Melted while open: their later reports must not count them again. Bounded like the events themselves.
        self._melted_open: deque[str] = deque(maxlen=limits.session_events)

    def add(self, report: NfblEvent) -> None:
        """Open, update or close the event of that id; a closed event, or one already melted, does not change."""
        known = self._events.get(report.id)
        if known is not None and known.phase is Phase.CLOSE:
            return
        if known is None and report.id in self._melted_open:
            return
        self._events[report.id] = report
        if len(self._events) > self._capacity:
            self._melt(next((e for e in self._events.values() if e.phase is Phase.CLOSE), self._oldest()))

    def overlapping(self, start_s: float, end_s: float) -> tuple[NfblEvent, ...]:
        """Events of which some part lies in [start_s, end_s), by start; an open one lasts until it is closed."""
        found = (
            event
            for event in self._events.values()
            if event.start_s < end_s
            and (event.phase is not Phase.CLOSE or event.end_s > start_s or event.start_s >= start_s)
        )
        return tuple(sorted(found, key=lambda event: event.start_s))

    def counts(self, start_s: float, end_s: float) -> tuple[NfblCount, ...]:
        """Per class, by class id: events that start in [start_s, end_s), their seconds up to `end_s`, their scores.

        An event that is still open lasts to the end of the span: it says the same whether or not its close came.
        """
        total: Counts = {}
        for minute in self._melted.between(start_s, end_s):
            total = _merged(total, minute.value)
        started = (event for event in self._events.values() if start_s <= event.start_s < end_s)
        total = _merged(total, _counted(started, end_s))
        return tuple(total[class_id] for class_id in sorted(total))

    @property
    def nbytes(self) -> int:
        """Bytes held, estimated."""
        return len(self._events) * EVENT_BYTES + len(self._melted) * MINUTE_BYTES

    def __len__(self) -> int:
        """Events held whole."""
        return len(self._events)

    def _oldest(self) -> NfblEvent:
        return next(iter(self._events.values()))

    def _melt(self, event: NfblEvent) -> None:
        del self._events[event.id]
        closed = replace(event, phase=Phase.CLOSE)
        self._melted.add(event.start_s, _counted([closed], event.end_s))
        if event.phase is not Phase.CLOSE:
            self._melted_open.append(event.id)


def _counted(events: Iterable[NfblEvent], end_s: float) -> Counts:
    total: Counts = {}
    for event in events:
        last_s = end_s if event.phase is not Phase.CLOSE else min(event.end_s, end_s)
        seconds = max(0.0, last_s - event.start_s)
        _add(total, NfblCount(event.class_id, event.group, events=1, seconds=seconds, score_sum=event.score))
    return total


def _merged(one: Counts, other: Counts) -> Counts:
    total = dict(one)
    for count in other.values():
        _add(total, count)
    return total


def _add(total: Counts, count: NfblCount) -> None:
    known = total.get(count.class_id)
    if known is not None:
        count = NfblCount(
            known.class_id,
            known.group,
            events=known.events + count.events,
            seconds=known.seconds + count.seconds,
            score_sum=known.score_sum + count.score_sum,
        )
    total[count.class_id] = count
