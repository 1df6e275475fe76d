"""A session so far in bounded memory: what is told to who opens the page, kept up to date line by line. Pure."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection
from typing import Any, Final

from buffers.records import NFBL_GROUPS, FeedState
from monitor.blindness import LEAST_S
from monitor.outbox import Parcel
from monitor.outputs.page.told import blind_told, head_payload, told, verdict_told
from monitor.outputs.page.wire import SCHEMA
from monitor.outputs.public import Payload
from monitor.reading import Entry
from monitor.records import BlindRecord, DescriptionRecord, EstimateRecord, FeedRecord, SessionRecord, VerdictRecord

MOST_POINTS: Final = 2000
"""Points of the estimate; a wide screen has as many columns."""

MOST_EVENTS: Final = 2000
"""Events of body language."""

MOST_VERDICTS: Final = 200
"""Judged windows; their words are long."""

MOST_SPANS: Final = 500
"""Gaps, and spans in which something could not be seen."""

MOST_OTHERS: Final = 200
"""Marks, changes of links, stalls."""

_SEEN: Final = ("gap", "blind")
"""With events, what says whether a moment without body language was calm."""

_TRACKS: Final = ("overall", "current")

_DESCRIBED: Final = 8
"""Descriptions that wait for their verdict: few windows are judged at a time."""


class Points:
    """Points of the estimate, thinned evenly where there are too many: then every second one goes. Pure."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        """Keep at most so many."""
        self._most = most
        self._kept: list[tuple[float, ...]] = []
        self._last: tuple[float, ...] | None = None
        self._stride = 1
        self._count = 0

    def add(self, point: tuple[float, ...]) -> None:
        """Take the next point; the latest is always among those kept."""
        self._last = point
        if self._count % self._stride == 0:
            self._kept.append(point)
            if len(self._kept) >= self._most:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._count += 1

    def all(self) -> list[tuple[float, ...]]:
        """The points that are kept, oldest first."""
        fresh = self._last is not None and (not self._kept or self._kept[-1] is not self._last)
        return [*self._kept, *([self._last] if fresh and self._last is not None else [])]


class History:
    """Takes a journal's entries in order."""

    def __init__(self, stream: str, session: str) -> None:
        """Nothing is known yet of the session of a stream."""
        self._stream = stream
        self._session = session
        self._names: tuple[str, ...] = ()
        self._head: SessionRecord | None = None
        self._described: OrderedDict[int, DescriptionRecord] = OrderedDict()
        self._outage: FeedRecord | None = None
        self._points = Points()
        self._nfbl: OrderedDict[str, Payload] = OrderedDict()
        self._end: Payload | None = None
        self._end_s = 0.0
        self._whole_from_s = 0.0
        self._lists: dict[str, deque[Payload]] = {
            "verdict": deque(maxlen=MOST_VERDICTS),
            "gap": deque(maxlen=MOST_SPANS),
            "blind": deque(maxlen=MOST_SPANS),
            "mark": deque(maxlen=MOST_OTHERS),
            "link": deque(maxlen=MOST_OTHERS),
            "stall": deque(maxlen=MOST_OTHERS),
        }
        self.seq = 0
        """Number of the last line that was taken."""

    def know(self, names: Collection[str]) -> None:
        """What the session calls its files, devices and addresses, from now on."""
        head = () if self._head is None else (self._head.source,)
        self._names = (*names, *head)

    def take(self, entry: Entry) -> Payload | None:
        """Take one line; what those are told who know all lines before it."""
        self.seq = entry.seq
        self._end_s = max(self._end_s, entry.record.media_s)
        if isinstance(entry.record, SessionRecord):
            self._head = entry.record
            self._names = (*self._names, entry.record.source)
        if self._head is None:
            return None
        payload = self._told(Parcel(self._stream, self._head, entry, late=False))
        if payload is not None:
            self._keep(entry, payload)
        return payload

    def payload(self) -> Payload:
        """All of it: the `history` event of the wire."""
        columns = list(zip(*self._points.all(), strict=True)) or [()] * 7
        estimates: dict[str, Any] = {"media_s": columns[0]}
        for track, first in zip(_TRACKS, (1, 4), strict=True):
            estimates[track] = dict(zip(("p", "low", "high"), columns[first : first + 3], strict=True))
        return {
            "schema": SCHEMA,
            "session": self._session,
            "stream": self._stream,
            "seq": self.seq,
            "head": None if self._head is None else head_payload(self._head),
            "end_s": round(self._end_s, 3),
            "estimates": estimates,
            "nfbl": list(self._nfbl.values()),
            "verdicts": list(self._lists["verdict"]),
            "gaps": list(self._lists["gap"]),
            "blind": list(self._lists["blind"]),
            "marks": list(self._lists["mark"]),
            "links": list(self._lists["link"]),
            "stalls": list(self._lists["stall"]),
            "whole_from_s": round(self._whole_from_s, 3),
            "end": self._end,
        }

    def _told(self, parcel: Parcel) -> Payload | None:
        match parcel.entry.record:
            case DescriptionRecord() as record:
                self._described[record.window.id] = record
                while len(self._described) > _DESCRIBED:
                    self._described.popitem(last=False)
                return None
            case VerdictRecord() as record:
                return verdict_told(parcel, record, self._described.pop(record.window.id, None))
            case BlindRecord() as record:
                return blind_told(
                    parcel,
                    (record.group,),
                    self._names,
                    start_s=record.start_s,
                    end_s=record.end_s,
                    reason=record.reason,
                )
            case FeedRecord() as record:
                before, self._outage = self._outage, None if record.state is FeedState.LIVE else record
                if before is None or record.media_s - before.media_s < LEAST_S:
                    return None
                reason = before.reason or f"feed {before.state.value}"
                span = {"start_s": before.media_s, "end_s": record.media_s}
                return blind_told(parcel, NFBL_GROUPS, self._names, **span, reason=reason)
            case _:
                return told(parcel, self._names)

    def _keep(self, entry: Entry, payload: Payload) -> None:
        kind = payload["kind"]
        if isinstance(entry.record, EstimateRecord):
            both = (entry.record.overall, entry.record.current)
            values = (number for one in both for number in (one.p_positive, *one.interval))
            self._points.add((entry.record.media_s, *(round(number, 4) for number in values)))
        elif kind == "nfbl":
            # Said again it moves to the end: what is going on now is the last to be forgotten.
            self._nfbl.pop(payload["id"], None)
            self._nfbl[payload["id"]] = payload
            if len(self._nfbl) > MOST_EVENTS:
                self._forget(self._nfbl.popitem(last=False)[1])
        elif kind == "end":
            self._end = payload
        else:
            kept = self._lists[kind]
            if kind in _SEEN and len(kept) == kept.maxlen:
                self._forget(kept[0])
            kept.append(payload)

    def _forget(self, payload: Payload) -> None:
        """Up to its end there is more than is kept: an empty stretch would look as if nothing had been."""
        self._whole_from_s = max(self._whole_from_s, payload["end_s"])
