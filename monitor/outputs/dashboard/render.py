"""The dashboard as a pure function: a snapshot and a size in, something Rich can print out.

Three modes by size: full, compact, and one to three status lines. The result has exactly the asked size,
whatever the snapshot holds.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.segment import Segment
from rich.text import Text

from monitor.outputs.base import Command
from monitor.outputs.cells import counted, cut, harmless, joined, mmss, row, sentence
from monitor.outputs.dashboard import health, panels
from monitor.outputs.dashboard.keys import BINDINGS, Binding, Page, View
from monitor.outputs.dashboard.live import LIVE_MODE, counts, not_captured, telling
from monitor.outputs.dashboard.outputs import greeting, outputs_note, undelivered
from monitor.outputs.dashboard.streams import Streams, bar
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import JudgedWindow, SessionState, Snapshot

FULL: Final = (110, 30)
"""Least width and height of the full dashboard (cells)."""

COMPACT: Final = (80, 24)
"""Least width and height of the compact one: the size terminals have by default."""

_ESTIMATE_ROWS: Final = 7
_HEALTH_ROWS: Final = 9
_SVG_ID: Final = "dashboard"


class Sized:
    """Anything Rich can print, made exactly `width` by `height` cells."""

    def __init__(self, inside: RenderableType, width: int, height: int) -> None:
        """Wrap `inside`."""
        self._inside, self._width, self._height = inside, width, height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render, then crop or fill to the size."""
        fitted = options.update_dimensions(self._width, self._height)
        lines = console.render_lines(self._inside, fitted, pad=True)
        for line in Segment.set_shape(lines, self._width, self._height):
            yield from line
            yield Segment.line()


def render(
    snapshot: Snapshot, width: int, height: int, *, theme: Theme, view: View, streams: Streams | None = None
) -> RenderableType:
    """The dashboard for `snapshot`, exactly `width` cells by `height` lines; above it the bar, of several `streams`."""
    width, height = max(1, width), max(1, height)
    if width < COMPACT[0] or height < COMPACT[1]:
        lines = _status(snapshot, width, theme, view, streams)
        if streams is not None and height > len(lines):
            lines = [bar(streams, width, theme), *lines]
        return Sized(_stacked(lines[:height]), width, height)
    full = width >= FULL[0] and height >= FULL[1]
    inner, notice_rows = width - 2, 3 if full else 2
    above = [] if streams is None else [Layout(_indented([bar(streams, inner, theme)]), size=1)]
    said = (
        telling(snapshot, inner, theme) or greeting(snapshot, inner, theme) or panels.progress(snapshot, inner, theme)
    )
    screen = Layout()
    screen.split_column(
        *above,
        Layout(_indented([*panels.header(snapshot, inner, theme, frozen=view.frozen)]), size=2),
        Layout(_indented([said]), size=1),
        _body(snapshot, width, height - 4 - notice_rows - len(above), theme, view, full=full),
        Layout(_indented(panels.notice_lines(snapshot, inner, notice_rows, theme)), size=notice_rows),
        Layout(_indented([_footer(snapshot, inner, several=streams is not None)]), size=1),
    )
    return Sized(screen, width, height)


def waiting(streams: Streams, width: int, height: int, *, theme: Theme) -> RenderableType:
    """What is shown of a stream of which nothing is known yet."""
    width, height = max(1, width), max(1, height)
    name = streams.tabs[streams.selected].name
    lines = [bar(streams, width, theme), Text(end=""), sentence([(f" {name}: being opened ...", GREY)], width, theme)]
    return Sized(_stacked(lines[:height]), width, height)


def _body(snapshot: Snapshot, width: int, height: int, theme: Theme, view: View, *, full: bool) -> Layout:
    """The part between progress line and notices: the overview, or one page over all of it."""
    match view.page:
        case Page.OVERVIEW:
            return _overview(snapshot, width, height, theme, full=full)
        case Page.EVENTS:
            lines = panels.events(snapshot, width - 4, height - 2, theme)
            return Layout(_framed("Body language (NFBL)", lines, width, theme, panels.events_note(snapshot)))
        case Page.HEALTH:
            inside = Group(
                *(_ended(line) for line in health.page(snapshot, width - 4, theme)),
                "",
                *(Text(text, style=style) for text, style in panels.notices(snapshot, theme)),
            )
            return Layout(_framed("Health", inside, width, theme))
        case Page.VERDICT:
            return Layout(_framed("Last verdict", _verdict(snapshot, width - 4, theme), width, theme))
        case Page.HELP:
            return Layout(_framed("Keys", _help(width - 4, theme), width, theme))


def _overview(snapshot: Snapshot, width: int, height: int, theme: Theme, *, full: bool) -> Layout:
    """Full: estimate over verdicts, and beside them events over health. Compact: the estimate over the other two."""
    left_width = min(width // 2 + 4, width - 50) if full else width // 2
    right_width = width - left_width
    rows = _ESTIMATE_ROWS if full else _ESTIMATE_ROWS - 1
    estimate_width = left_width if full else width
    said = panels.estimate(snapshot, estimate_width - 4, rows - 2, theme)
    # Where there is no room for health the way out stands at the largest panel.
    out = outputs_note(snapshot, right_width - 6 if full else width - 6, theme) or ""
    answers = _framed("Estimate, probability of positive", said, estimate_width, theme, "" if full else out)
    estimate = Layout(answers, size=rows)
    judged = panels.windows(snapshot, left_width - 4, height - rows - 2, theme)
    windows = _framed("Verdicts", judged, left_width, theme, panels.windows_note(snapshot))
    seen = panels.events(snapshot, right_width - 4, height - (_HEALTH_ROWS if full else rows) - 2, theme)
    events = _framed("Body language (NFBL)", seen, right_width, theme, panels.events_note(snapshot))
    body, left, right = Layout(), Layout(windows, size=left_width), Layout(events, size=right_width)
    if full:
        states = health.panel(snapshot, right_width - 4, _HEALTH_ROWS - 2, theme)
        known = _framed("Health", states, right_width, theme, out)
        left.split_column(estimate, Layout(windows))
        right.split_column(Layout(events), Layout(known, size=_HEALTH_ROWS))
        body.split_row(left, right)
    else:
        lower = Layout()
        lower.split_row(left, right)
        body.split_column(estimate, lower)
    return body


def _verdict(snapshot: Snapshot, width: int, theme: Theme) -> RenderableType:
    """The last window in full: how it was judged, why, and the description the judge was given."""
    if not snapshot.windows:
        return Text("no window has been judged yet", style=GREY)
    last = max(snapshot.windows, key=lambda judged: judged.window.id)
    glyph, word, style = theme.label(last.verdict.label)
    window, confidence = last.window, last.verdict.confidence
    facts = [
        (f"{glyph} {word}", f"bold {style}"),
        ("no confidence" if confidence is None else f"confidence {confidence:.1f} of 10", "default"),
        (f"window {window.id}", "default"),
        (f"{mmss(window.start_s)} to {mmss(window.end_s)}, {window.cadence.value}", "default"),
    ]
    return Group(
        _ended(joined(facts, width, theme)),
        Text(harmless(last.verdict.rationale, theme), style=GREY),
        "",
        Text(harmless(last.description, theme)),
        "",
        Text(harmless(f"described by {_describer(last, snapshot)}, judged by {_judge(snapshot)}", theme), style=GREY),
    )


def _describer(judged: JudgedWindow, snapshot: Snapshot) -> str:
    """Who described a window, with its model unless another stood in."""
    name = judged.verdict.describer
    return f"{name} ({snapshot.describer_model})" if snapshot.describer_model and name == snapshot.describer else name


def _judge(snapshot: Snapshot) -> str:
    return f"{snapshot.judge} ({snapshot.judge_model})" if snapshot.judge_model else snapshot.judge


def _help(width: int, theme: Theme) -> RenderableType:
    keys = [
        row([(item.name, 7, "bold"), (item.meaning, max(0, width - 8), "default")], width, theme) for item in BINDINGS
    ]
    again = sentence([("The same key again, or Escape, goes back. Ctrl-C ends the session too.", GREY)], width, theme)
    return _stacked([*keys, Text(end=""), again])


def _footer(snapshot: Snapshot, width: int, *, several: bool) -> Text:
    """The keys that have a use now; in a narrow window the last of the table are on the help page only."""
    live = snapshot.mode == LIVE_MODE
    useful = [item for item in BINDINGS if (live or not item.live) and (several or not item.several)]
    words = [(item.name, _word(item, snapshot)) for item in useful]
    gap = 3 if sum(len(name) + len(word) + 4 for name, word in words) <= width else 2
    line = Text(no_wrap=True, overflow="crop", end="")
    for name, word in words:
        if line.cell_len + len(name) + len(word) + 1 > width:
            break
        line.append(f"{name} ", "bold")
        line.append(word + " " * min(gap, width - line.cell_len - len(word)), GREY)
    return line


def _word(item: Binding, snapshot: Snapshot) -> str:
    return "resume" if item.command is Command.TOGGLE_PAUSE and snapshot.state is SessionState.PAUSED else item.word


def _status(snapshot: Snapshot, width: int, theme: Theme, view: View, streams: Streams | None) -> list[Text]:
    """Three lines, the most telling first, for a window too small for panels."""
    glyph, word, style = theme.state(snapshot.state)
    state = (f"{glyph} {'FROZEN' if view.frozen else word} {mmss(snapshot.media_s)}", style)
    if snapshot.overall.windows:
        mark, answer, colour = theme.label(snapshot.overall.label)
        said = (f"{mark} {answer} {snapshot.overall.p_positive:.2f}", f"bold {colour}")
    else:
        said = (not_captured(snapshot) or "listening...", GREY)
    caution = [("heuristic", GREY)] if snapshot.heuristic else []
    place = [] if streams is None else [(streams.place, "bold")]
    first = joined([*place, state, said, *caution, (snapshot.source, "default")], width, theme)
    second = telling(snapshot, width, theme) or panels.header(snapshot, width, theme, frozen=view.frozen)[1]
    notice = panels.notices(snapshot, theme)[0]
    return [first, second, sentence([notice], width, theme)]


def _framed(title: str, inside: list[Text] | RenderableType, width: int, theme: Theme, note: str | Text = "") -> Panel:
    room = max(0, width - 6)
    if isinstance(note, str):
        note = Text(cut(harmless(note, theme), room, theme), style="default")
    return Panel(
        _stacked(inside) if isinstance(inside, list) else inside,
        box=theme.glyphs.box,
        title=Text(cut(title, room, theme), style="bold"),
        title_align="left",
        subtitle=note if note and room else None,
        subtitle_align="right",
        border_style=GREY,
        padding=(0, 1),
    )


def _indented(lines: Sequence[Text]) -> RenderableType:
    return _stacked([Text(" ", end="", no_wrap=True, overflow="crop").append_text(line) for line in lines])


def _stacked(lines: Sequence[Text]) -> Group:
    return Group(*(_ended(line) for line in lines))


def _ended(line: Text) -> Text:
    line.end = "\n"
    return line


def summary_lines(snapshot: Snapshot, theme: Theme, width: int = 100) -> list[Text]:
    """What remains to be said at the end, one thing a line."""
    _, word, style = theme.state(snapshot.state)
    answered = snapshot.judged - snapshot.abstained
    windows = counted(snapshot.judged, "window")
    tally = f"{windows}: {answered} answered, {snapshot.abstained} abstained, {snapshot.skipped} skipped"
    lines = [
        sentence([(word.lower(), f"bold {style}"), (f" after {mmss(snapshot.media_s)}", "default")], width, theme),
        sentence([("verdicts  ", GREY), (tally, "default")], width, theme),
    ]
    for name, track in (("overall", snapshot.overall), ("current", snapshot.current)):
        if not track.windows:
            lines.append(sentence([(f"{name:<10}", GREY), ("no verdict", "default")], width, theme))
            continue
        glyph, answer, colour = theme.label(track.label)
        low, high = track.interval
        number = f" {track.p_positive:.2f} ({low:.2f}{theme.glyphs.dash}{high:.2f})"
        said = f"{number} from {counted(track.windows, 'window')}"
        pieces = [(f"{name:<10}", GREY), (f"{glyph} {answer}", colour), (said, "default")]
        lines.append(sentence(pieces, width, theme))
    privacy = snapshot.privacy
    faces = f"faces by {privacy.detector} ({privacy.mask}), {counted(privacy.whole_frames, 'whole frame')} masked"
    lines += [
        sentence([("nfbl      ", GREY), (panels.events_note(snapshot), "default")], width, theme),
        sentence([("privacy   ", GREY), (f"{faces}, voice {privacy.voice}", "default")], width, theme),
    ]
    for link in snapshot.links:
        if happened := counts(link):
            text = f"{link.name}: {', '.join(happened)}"
            lines.append(sentence([("source    ", GREY), (text, "default")], width, theme))
    for name, left in undelivered(snapshot):
        lines.append(sentence([(f"{name:<10}", GREY), (left, "default")], width, theme))
    # A path is for copying: it may be longer than the line.
    paths = [("journal   ", snapshot.journal or "not kept"), ("recorded  ", snapshot.recording)]
    lines += [Text(name, style=GREY, end="").append(harmless(path, theme), "default") for name, path in paths if path]
    return lines + [Text(text, style=colour, end="") for text, colour in panels.notices(snapshot, theme)]


def summary(snapshot: Snapshot, theme: Theme | None = None, *, title: str | None = None) -> RenderableType:
    """The last word on the normal screen, after the dashboard has gone; `title` names one stream of several."""
    theme = theme or Theme()
    above = [] if title is None else [Text(f"{theme.glyphs.line * 2} {harmless(title, theme)}", style="bold", end="")]
    lines = [*above, *summary_lines(snapshot, theme)]
    for line in lines:
        line.overflow = "ignore"  # it scrolls away like other text: a narrow terminal folds it, and nothing is lost
    return _stacked(lines)


def export_svg(snapshot: Snapshot, path: Path, width: int = 120, height: int = 35) -> None:
    """Write the dashboard as an SVG picture: equal snapshots give equal bytes, and it loads nothing from anywhere."""
    console = Console(
        record=True, file=io.StringIO(), width=width, height=height, force_terminal=True, color_system="truecolor"
    )
    console.print(render(snapshot, width, height, theme=Theme(), view=View()), end="")
    svg = console.export_svg(title="emotion-monitor", unique_id=_SVG_ID)
    # Rich's picture asks a server for its font; any monospaced font of the reader's will do.
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")
