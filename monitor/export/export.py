"""Makes an export: reads the journal, or follows it, and writes what was asked for, all of it or nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from itertools import chain

from configs.errors import JournalError
from configs.yamlfile import printable
from monitor.export.csvfile import CsvTable
from monitor.export.eaf import Linked, eaf
from monitor.export.files import Files, Written
from monitor.export.order import Form, Order, targets
from monitor.export.parquet import ParquetTable, arrow
from monitor.export.rows import Rows
from monitor.export.share import drawn_session, shared
from monitor.export.spans import Placing
from monitor.export.tiers import tiers
from monitor.export.webvtt import webvtt
from monitor.journals.follow import follow
from monitor.reading import Entry, read_journal
from monitor.records import SessionRecord
from monitor.session_view import view

APART = "the annotations name the recording {name} without its folder: put it beside them"
ANOTHER = "another session is written to this journal now: the export ends with the one before"


def export(
    order: Order,
    *,
    check: Callable[[], None] = lambda: None,
    wait: Callable[[float], object] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Written, ...]:
    """Make it; empty where it went to standard output.

    Args:
        order: What is asked for.
        check: Called for every line; raises KeyboardInterrupt where somebody wants an end. What is followed then ends
            as if the session had, and its files are kept; what is not is given up, and so is what has no line yet.
        wait: Waits so long for news (s), see `follow`.
        tell: Told in words what a reader should know.

    Raises:
        ConfigError: what is asked for does not go together, a name is taken, or a package is missing.
        JournalError: the journal cannot be read or is damaged.
        ExportError: a file cannot be written; nothing half-written is left, but what grew stays.
    """
    files = targets(order)
    if order.media is not None and order.media_beside is None:
        tell(APART.format(name=printable(order.media.name)))
    if order.to is Form.PARQUET:
        arrow()
    entries = _lines(order, check, wait, tell)
    first = next(entries, None)
    if first is None or not isinstance(first.record, SessionRecord):
        raise JournalError("the journal does not begin with its session: nothing can be made of it")
    with Files(order, files) as opened:
        _WRITERS[order.to](order, first.record, chain([first], entries), opened)
        return opened.finish()


def _lines(
    order: Order, check: Callable[[], None], wait: Callable[[float], object] | None, tell: Callable[[str], None]
) -> Iterator[Entry]:
    """The lines of one session as they may be written."""
    session: str | None = None
    drawn = drawn_session()
    with contextlib.ExitStack() as closing:
        entries = follow(order.journal, wait=wait, tell=tell) if order.follow else read_journal(order.journal)
        for entry in entries:
            check()
            if session not in {None, entry.session}:
                tell(ANOTHER)
                return
            if session is None and order.follow:
                # Before the first line there is nothing to keep.
                closing.enter_context(contextlib.suppress(KeyboardInterrupt))
            session = entry.session
            yield shared(entry, drawn) if order.share else entry


def _jsonl(order: Order, _: SessionRecord, entries: Iterator[Entry], files: Files) -> None:
    kinds = frozenset(order.chosen)
    for entry in entries:
        if entry.record.kind in kinds:
            files.write(entry.record.kind, f"{entry.line}\n".encode())


def _csv(order: Order, head: SessionRecord, entries: Iterator[Entry], files: Files) -> None:
    tables = {kind: CsvTable(kind) for kind in order.chosen}
    for kind, table in tables.items():
        files.write(kind, table.header(), rows=0)
    rows = Rows(head, tables)
    for entry in entries:
        for kind, row in rows.take(entry):
            files.write(kind, tables[kind].line(row))
    for kind, row in rows.rest():
        files.write(kind, tables[kind].line(row))


def _parquet(order: Order, head: SessionRecord, entries: Iterator[Entry], files: Files) -> None:
    first = next(entries)
    tables = {kind: ParquetTable(kind, first.session, head, files.whole(kind)) for kind in order.chosen}
    for table in tables.values():
        files.given_up(table.abandon)
    rows = Rows(head, tables)
    for entry in chain([first], entries):
        for kind, row in rows.take(entry):
            tables[kind].add(row)
            files.count(kind)
    for kind, row in rows.rest():
        tables[kind].add(row)
        files.count(kind)
    for table in tables.values():
        table.close()


def _eaf(order: Order, _: SessionRecord, entries: Iterator[Entry], files: Files) -> None:
    session = view(entries)
    found = tiers(session, order.chosen, Placing(order.offset_s or 0.0))
    media = None if order.media is None else Linked(order.media_beside or order.media.name)
    kind = order.chosen[0]
    for part in eaf(session, found, media=media, date=order.date):
        files.write(kind, part, rows=0)
    files.count(kind, sum(len(tier.notes) for tier in found))


def _vtt(order: Order, _: SessionRecord, entries: Iterator[Entry], files: Files) -> None:
    kind = order.chosen[0]
    header, *cues = webvtt(view(entries), order.chosen, Placing(order.offset_s or 0.0))
    files.write(kind, header, rows=0)
    for cue in cues:
        files.write(kind, cue)


_WRITERS: Mapping[Form, Callable[[Order, SessionRecord, Iterator[Entry], Files], None]] = {
    Form.JSONL: _jsonl,
    Form.CSV: _csv,
    Form.PARQUET: _parquet,
    Form.EAF: _eaf,
    Form.VTT: _vtt,
}
