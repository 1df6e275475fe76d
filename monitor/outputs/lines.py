"""One plain line per change, for pipes, logs and terminals without a cursor.

Verdicts, answers, events and gaps are read from the journal's records, because at max speed many may pass between
two snapshots; state and notices come from the snapshots.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from buffers.records import Phase
from monitor.outputs.base import Command
from monitor.outputs.cells import harmless, mmss
from monitor.outputs.dashboard.outputs import output_words
from monitor.outputs.dashboard.panels import cautions
from monitor.outputs.dashboard.render import summary_lines
from monitor.outputs.pipe import LineWriter
from monitor.outputs.theme import Theme
from monitor.records import (
    AnyRecord,
    EstimateRecord,
    FeedRecord,
    GapRecord,
    LinkRecord,
    MarkRecord,
    NfblRecord,
    StallRecord,
    TrackRecord,
    VerdictRecord,
    record_types,
)
from monitor.snapshot import Snapshot, TrackEstimate

_UNCUT: Final = 10_000
"""Width of plain lines (cells): they are for programs too, so nothing is cut."""


_WORKS_AGAIN: Final = "works again"
"""What the board notes of a destination that came back (`monitor/board.py`)."""


def line_of(record: AnyRecord, theme: Theme) -> str | None:
    """What one record is worth saying, None for most: verdicts, closed NFBL events, links, stalls, gaps, marks."""
    match record:
        case VerdictRecord():
            kind, said = "verdict", _verdict(record, theme)
        case NfblRecord(phase=Phase.CLOSE):
            kind, said = "nfbl", _event(record)
        case FeedRecord():
            kind, said = "nfbl", f"feed {record.state.value}{_because(record.reason)}"
        case LinkRecord():
            kind, said = "source", _link(record)
        case StallRecord():
            kind, said = "stall", _stall(record)
        case GapRecord():
            kind, said = "gap", f"{record.track.value}, {record.end_s - record.start_s:.1f} s: {record.reason}"
        case MarkRecord():
            kind, said = "mark", record.note
        case _:
            return None
    return plain_line(record.media_s, kind, said, theme)


def _event(record: NfblRecord) -> str:
    parts = [f"{record.group.value}: {record.name}", record.side, f"{record.end_s - record.start_s:.1f} s"]
    return f"{', '.join(part for part in parts if part not in {'', 'none'})}, score {record.score:.2f}"


def _link(record: LinkRecord) -> str:
    tracks = ", ".join(_track(track) for track in record.tracks)
    said = "; ".join(part for part in (record.reason, tracks) if part)
    return f"{record.link} {record.state.value}{_because(said)}"


def _track(track: TrackRecord) -> str:
    """Codec, and size or channels, and rate, as far as they are known."""
    size = f" {track.width_px}x{track.height_px}" if track.width_px and track.height_px else ""
    rate = f" {track.rate_hz:g}/s" if track.rate_hz else ""
    return f"{track.track.value} {track.codec}{size}{rate}"


def _stall(record: StallRecord) -> str:
    if record.stage == "event loop":
        return f"the event loop was held up for {record.held_s:.1f} s"
    return f"stage {record.stage} hung for {record.held_s:.1f} s, restarted"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def new_answers(before: EstimateRecord | None, now: EstimateRecord, theme: Theme) -> list[str]:
    """A line for each track of the estimate that answers something else than before, and for its first answer."""
    lines: list[str] = []
    old = (None, None) if before is None else (before.overall, before.current)
    for name, was, track in (("overall", old[0], now.overall), ("current", old[1], now.current)):
        first = was is None or not was.windows
        if track.windows and (first or was is None or was.label is not track.label):
            lines.append(plain_line(now.media_s, name, answer(track, theme), theme))
    return lines


def changes(before: Snapshot | None, now: Snapshot, theme: Theme) -> list[str]:
    """What is new in `now` and in no record: the session's state, how destinations do, notices."""
    lines: list[str] = []
    if before is None or before.state is not now.state:
        lines.append(plain_line(now.media_s, now.state.value, f"{now.source} ({now.mode})", theme))
    lines += [plain_line(now.media_s, "output", said, theme) for said in new_outputs(before, now)]
    known = () if before is None else (*cautions(before), *before.notices)
    # Of destinations more was just said than the board notes.
    told = {f"{one.name}: {words}" for one in now.outputs for words in (one.reason, _WORKS_AGAIN)}
    said = (*cautions(now), *(notice for notice in now.notices if notice not in told))
    lines += [plain_line(now.media_s, "notice", notice, theme) for notice in said if notice not in known]
    return lines


def new_outputs(before: Snapshot | None, now: Snapshot) -> list[str]:
    """Each destination whose state, or whose trouble, or whose place is new; how much waits is no news."""
    was = {} if before is None else {one.name: output_words(one) for one in before.outputs}
    return [words for one in now.outputs if (words := output_words(one)) != was.get(one.name)]


def _verdict(record: VerdictRecord, theme: Theme) -> str:
    window = record.window
    glyph, word, _ = theme.label(record.label)
    span = f"{window.cadence.value} {mmss(window.start_s)}{theme.glyphs.dash}{mmss(window.end_s)}"
    if record.confidence is None:
        return f"{glyph} {word}, {span}: {record.rationale}"
    return f"{glyph} {word} {record.confidence:.1f}/10, {span}"


def answer(track: TrackEstimate, theme: Theme) -> str:
    """A track's label, probability and interval."""
    glyph, word, _ = theme.label(track.label)
    low, high = track.interval
    return f"{glyph} {word} {track.p_positive:.2f} ({low:.2f}{theme.glyphs.dash}{high:.2f})"


def plain_line(media_s: float, kind: str, text: str, theme: Theme) -> str:
    """Media time, kind, and whatever is said, on one line that drives no terminal."""
    return f"{mmss(media_s):>7}  {kind:<10} {harmless(text, theme)}".rstrip()


class LinesOutput:
    """Plain text, no colours, no cursor."""

    def __init__(
        self,
        file: TextIO,
        *,
        theme: Theme | None = None,
        on_command: Callable[[Command], None] = lambda _: None,
        prefix: str = "",
    ) -> None:
        """Write to `file`, each line behind `prefix`; when its reader leaves, `on_command(QUIT)` ends it quietly."""
        self._theme = theme or Theme()
        self._writer = LineWriter(file, on_command)
        self._prefix = prefix
        self._shown: Snapshot | None = None
        self._answered: EstimateRecord | None = None

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """Say what a journal line is worth saying."""
        record = record_types().validate_json(line)
        if isinstance(record, EstimateRecord):
            self._write(new_answers(self._answered, record, self._theme))
            self._answered = record
        else:
            said = line_of(record, self._theme)
            self._write([] if said is None else [said])

    def show(self, snapshot: Snapshot) -> None:
        """Say what has changed since the last snapshot."""
        self._write(changes(self._shown, snapshot, self._theme))
        self._shown = snapshot

    async def close(self, last: Snapshot | None) -> None:
        """Write the summary."""
        if last is not None:
            self.show(last)
            self._write([line.plain for line in summary_lines(last, self._theme, _UNCUT)])

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            self._writer.write(self._prefix + line)
