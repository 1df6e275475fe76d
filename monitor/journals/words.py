"""A journal's records as plain lines for people: what `--ui plain` says of a session, and the rest in short."""

from __future__ import annotations

from dataclasses import fields
from typing import Final, get_args

from buffers.records import Track
from monitor.outputs.cells import counted, mmss
from monitor.outputs.lines import answer, line_of, plain_line
from monitor.outputs.theme import Theme
from monitor.records import (
    AnyRecord,
    BlindRecord,
    DescriptionRecord,
    EndRecord,
    EstimateRecord,
    HealthRecord,
    NfblRecord,
    SessionRecord,
)

KINDS: Final = frozenset(
    str(field.default) for one in get_args(get_args(AnyRecord)[0]) for field in fields(one) if field.name == "kind"
)
"""The kinds of lines there are."""


def told(record: AnyRecord, theme: Theme) -> str:
    """One record on one line, whatever its kind."""
    line = line_of(record, theme)
    return plain_line(record.media_s, record.kind, _said(record, theme), theme) if line is None else line


def _said(record: AnyRecord, theme: Theme) -> str:
    said = ""
    match record:
        case SessionRecord():
            said = f"{record.source} ({record.mode.value}), {record.describer.name}, {record.judge.name}"
        case NfblRecord():
            said = f"{record.group.value}: {record.name}, {record.phase.value} since {mmss(record.start_s)}"
        case BlindRecord():
            said = f"{record.group.value} not seen for {record.end_s - record.start_s:.1f} s: {record.reason}"
        case DescriptionRecord():
            said = f"window {record.window.id}: {record.text}"
        case EstimateRecord():
            said = f"overall {answer(record.overall, theme)}, current {answer(record.current, theme)}"
        case HealthRecord():
            said = _health(record)
        case EndRecord():
            totals = record.totals
            said = f"{record.reason.value}: {counted(totals.judged, 'window')}, {totals.abstained} abstained"
    return said


def _health(record: HealthRecord) -> str:
    facts = [
        f"{one.track.value} {one.released} {'frames' if one.track is Track.VIDEO else 'blocks'}, {one.dropped} dropped"
        for one in record.tracks
    ]
    if record.lag_s is not None:
        facts.append(f"lag {record.lag_s:.1f} s")
    if record.rss_bytes is not None:
        facts.append(f"{record.rss_bytes / 2**20:.0f} MiB")
    return ", ".join(facts)
