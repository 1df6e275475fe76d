"""The order that a journal keeps: what must come before what, told line by line. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from buffers.records import Phase
from monitor.records import (
    AnyRecord,
    BlindRecord,
    EndRecord,
    EstimateRecord,
    GapRecord,
    NfblRecord,
    SessionRecord,
    TotalsRecord,
    VerdictRecord,
)


class Order:
    """Looks at a journal's records one after the other; each says what is wrong with it, in few words."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._lines = 0
        self._end: EndRecord | None = None
        self._estimate_s = 0.0
        self._window = 0
        self._judged = 0
        self._abstained = 0
        self._unanswered = 0
        self._phases: dict[str, Phase] = {}
        self._closed: set[str] = set()

    @property
    def ended(self) -> bool:
        """Whether the journal's end was seen."""
        return self._end is not None

    def take(self, record: AnyRecord) -> Iterator[str]:
        """What is wrong with the next record where it stands."""
        self._lines += 1
        if self._lines == 1 and not isinstance(record, SessionRecord):
            yield f"the first line is {record.kind}, not session"
        if self._end is not None:
            yield f"{record.kind} comes after the end"
        match record:
            case SessionRecord() if self._lines > 1:
                yield "a second session line"
            case VerdictRecord():
                yield from self._verdict(record)
            case EstimateRecord():
                yield from self._estimate(record)
            case NfblRecord():
                yield from self._nfbl(record)
            case GapRecord() | BlindRecord() if record.end_s < record.start_s:
                yield f"{record.kind} ends at {record.end_s:g} s, before it begins at {record.start_s:g} s"
            case EndRecord():
                self._end = record
                yield from self._totals(record.totals)
            case _:
                pass

    def _verdict(self, record: VerdictRecord) -> Iterator[str]:
        self._judged += 1
        self._unanswered += 1
        self._abstained += record.p_positive is None
        if record.window.id != self._window + 1:
            yield f"window {record.window.id} is judged after window {self._window}"
        self._window = record.window.id
        if record.window.end_s < record.window.start_s:
            yield f"window {record.window.id} ends before it begins"

    def _estimate(self, record: EstimateRecord) -> Iterator[str]:
        if not self._unanswered:
            yield "an estimate without a verdict before it"
        self._unanswered = 0
        if record.media_s < self._estimate_s:
            yield f"an estimate of {record.media_s:g} s comes after one of {self._estimate_s:g} s"
        self._estimate_s = max(self._estimate_s, record.media_s)

    def _nfbl(self, record: NfblRecord) -> Iterator[str]:
        before = self._phases.get(record.id)
        if record.id in self._closed:
            yield f"nfbl {record.id} goes on ({record.phase.value}) after its close"
        elif record.phase is Phase.OPEN and before is not None:
            yield f"nfbl {record.id} opens twice"
        elif record.phase is not Phase.OPEN and before is None:
            yield f"nfbl {record.id} was never opened ({record.phase.value})"
        if record.end_s < record.start_s:
            yield f"nfbl {record.id} ends at {record.end_s:g} s, before it begins at {record.start_s:g} s"
        if record.phase is Phase.CLOSE:
            self._phases.pop(record.id, None)
            self._closed.add(record.id)
        else:
            self._phases[record.id] = record.phase

    def _totals(self, totals: TotalsRecord) -> Iterator[str]:
        if (totals.judged, totals.abstained) != (self._judged, self._abstained):
            yield (
                f"the end counts {totals.judged} windows, {totals.abstained} abstained; "
                f"the lines say {self._judged}, {self._abstained}"
            )
