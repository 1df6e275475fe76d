"""From lines to rows, as they come: an event becomes a row when it is over, everything else at once. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from buffers.records import Phase
from monitor.export.columns import Row
from monitor.export.tables import TABLES
from monitor.outputs.public import ts_of
from monitor.reading import Entry
from monitor.record import Record
from monitor.records import NfblRecord, SessionRecord
from monitor.session_view import ToldEvent


class Rows:
    """Makes the rows of the tables that are wanted; holds nothing but the events that are under way."""

    def __init__(self, head: SessionRecord, kinds: Collection[str]) -> None:
        """`head` is the journal's first record, `kinds` names tables."""
        self._head = head
        self._kinds = kinds
        self._open: dict[str, tuple[Entry, ToldEvent]] = {}

    def take(self, entry: Entry) -> Iterator[tuple[str, Row]]:
        """The rows that one more line completes, each with its kind."""
        record = entry.record
        if record.kind not in self._kinds:
            return
        if not isinstance(record, NfblRecord):
            yield record.kind, self._row(entry, record)
            return
        _, before = self._open.pop(record.id, (None, None))
        event = ToldEvent(record, record.media_s if before is None else before.known_s, entry.seq)
        if record.phase is Phase.CLOSE:
            yield record.kind, self._row(entry, event)
        else:
            self._open[record.id] = (entry, event)

    def rest(self) -> Iterator[tuple[str, Row]]:
        """The rows of events that were never told to be over, in the order in which they were told last."""
        for entry, event in self._open.values():
            yield event.last.kind, self._row(entry, event)

    def _row(self, entry: Entry, told: Record | ToldEvent) -> Row:
        media_s = entry.record.media_s
        common = (entry.session, entry.seq, media_s, ts_of(self._head, media_s))
        return (*common, *TABLES[entry.record.kind].row(told))
