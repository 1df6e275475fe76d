"""What is said of the links of a live source, and of a session that captures nothing. Pure functions."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len
from rich.text import Text

from buffers.links import LinkState, LinkStatus
from monitor.outputs.cells import counted, cut, harmless, joined, mmss, row, sentence
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import SessionState, Snapshot

LIVE_MODE: Final = "live"
"""Mode of a session whose source goes on by itself."""

PAUSED: Final = "PAUSED: nothing is captured, p resumes"

_WORST_FIRST: Final = (LinkState.LOST, LinkState.STALLED, LinkState.CONNECTING, LinkState.PAUSED)
"""Links in these states are told of above the panels, in this order."""

OVER: Final = frozenset({SessionState.ENDED, SessionState.FAILED})
"""States of a session that does not come back."""

_NAME: Final = 24
"""Most of a link's name in one line with other things (cells)."""

_SILENT_S: Final = 1.0
"""Silence of a link that is live from which it is worth a word (s)."""


def telling(snapshot: Snapshot, width: int, theme: Theme) -> Text | None:
    """The one line that stands under the header while not everything is captured; None where all is well."""
    if snapshot.state in OVER:
        return None
    if snapshot.state is SessionState.PAUSED:
        bang = theme.glyphs.bang
        return sentence([(f" {bang} {PAUSED} ".ljust(width), "bold reverse")], width, theme)
    troubled = worst_first(snapshot.links)
    if not troubled:
        return None
    worst = troubled[0]
    glyph, _, style = theme.state(SessionState(worst.state.value))
    more = f"  +{counted(len(troubled) - 1, 'link')}: h" if len(troubled) > 1 else ""
    said = _trouble(worst, max(0, width - 2 - len(more)), theme)
    return sentence([(f"{glyph} ", style), (said, f"bold {style}"), (more, GREY)], width, theme)


def worst_first(links: tuple[LinkStatus, ...]) -> list[LinkStatus]:
    """The links that do not deliver and may yet, the worst first."""
    return sorted((one for one in links if one.state in _WORST_FIRST), key=lambda one: _WORST_FIRST.index(one.state))


def _trouble(link: LinkStatus, width: int, theme: Theme) -> str:
    """Which link, what and why, and when it will be tried again; of a long text the end is kept, for it is the news."""
    if link.state is LinkState.CONNECTING and link.invitation:
        share = harmless(f"share at {link.invitation}", theme)
        # Why the last one left stands before it where there is room; the link itself must stay whole.
        why = harmless(link.reason.partition("; waiting")[0], theme) if "; waiting" in link.reason else ""
        left = width - cell_len(share) - 2
        return cut(f"{cut(why, left, theme)}; {share}" if why and left >= _NAME else share, width, theme)
    if link.state is LinkState.CONNECTING and link.reason.startswith("waiting"):  # it names its address itself
        return cut(harmless(link.reason, theme), width, theme)
    end = _next(link)
    end = f", {end}" if end else ""
    because = f": {harmless(link.reason, theme)}" if link.reason else ""
    name = harmless(link.name, theme)
    word = f" {link.state.value}"
    left = width - len(word) - len(end)
    if cell_len(name) + cell_len(because) > left:
        name = cut(name, max(_NAME, left - cell_len(because)), theme)
    return f"{name}{word}{cut(because, max(0, left - cell_len(name)), theme)}{end}"


def _next(link: LinkStatus) -> str:
    if link.state is LinkState.LOST:
        return "" if link.retry_s is None else f"next attempt {_soon(link.retry_s)}"
    stalled = link.state is LinkState.STALLED and link.silent_s is not None
    return f"silent for {link.silent_s:.0f} s" if stalled else ""


def not_captured(snapshot: Snapshot) -> str | None:
    """Why an empty panel of a live session stays empty just now; None while something is captured."""
    if snapshot.state is SessionState.PAUSED:
        return "paused"
    live = any(one.state in {LinkState.LIVE, LinkState.STALLED} for one in snapshot.links)
    return None if live or not snapshot.links or snapshot.state in OVER else "waiting for the source"


def link_line(link: LinkStatus, width: int, theme: Theme) -> Text:
    """A link on one line: state, name, then whatever of its figures fits, the most telling first."""
    glyph, word, style = theme.state(SessionState(link.state.value))
    line = row([(glyph, 1, style), (link.name, min(_NAME, max(7, width // 3)), "bold")], width, theme)
    urgent, usual = [_retry(link) or _quiet(link)], [*counts(link), *_sound(link)]
    figures = [*((text, "default") for text in urgent), (link.reason, GREY), *((text, "default") for text in usual)]
    facts = [(word, style), *((text, look) for text, look in figures if text)]
    room = width - line.cell_len - 1
    return line if room < 1 else line.append(" ").append_text(joined(facts, room, theme))


def link_lines(link: LinkStatus, width: int, theme: Theme) -> list[Text]:
    """Everything about a link: who and how, its figures, why."""
    glyph, word, style = theme.state(SessionState(link.state.value))
    tracks = ", ".join(track.value for track in link.tracks)
    indent = Text("  ", end="", no_wrap=True, overflow="crop")
    name = max(7, width - 2 - len(word) - len(tracks) - 30)
    first = [(f"{glyph} ", style), (cut(harmless(link.name, theme), name, theme), "bold"), (f" {word}", style)]
    since = f" since {mmss(link.since_s)}" + (f", {tracks}" if tracks else "")
    lines = [sentence([*first, (since, "default")], width, theme)]
    silent = "nothing came yet" if link.silent_s is None else f"last {link.silent_s:.1f} s ago"
    figures = [silent, _retry(link), counted(link.reconnects, "reconnect"), counted(link.jumps, "jump"), *_sound(link)]
    facts = [(text, "default") for text in figures if text]
    lines.append(indent.copy().append_text(joined(facts, width - 2, theme)))
    words = [text for text in (link.reason, link.invitation and f"share at {link.invitation}") if text]
    return lines + [indent.copy().append_text(sentence([(text, GREY)], width - 2, theme)) for text in words]


def _quiet(link: LinkStatus) -> str:
    """How long a link that is open has been silent, if it is worth a word."""
    waits = {LinkState.LIVE: _SILENT_S, LinkState.STALLED: 0.0}
    if link.silent_s is None or link.silent_s <= waits.get(link.state, link.silent_s):
        return ""
    return f"silent {link.silent_s:.0f} s"


def counts(link: LinkStatus) -> list[str]:
    """What has happened to a link; nothing is said of what has not."""
    reconnects = [counted(link.reconnects, "reconnect")] if link.reconnects else []
    return reconnects + ([counted(link.jumps, "jump")] if link.jumps else [])


def _retry(link: LinkStatus) -> str:
    return f"retry {_soon(link.retry_s)}" if link.state is LinkState.LOST and link.retry_s is not None else ""


def _soon(retry_s: float) -> str:
    return f"in {retry_s:.0f} s" if retry_s >= 0.5 else "now"


def _sound(link: LinkStatus) -> list[str]:
    """How far the sound's clock is from media time, and how much faster it runs."""
    drift = [] if link.drift_s is None else [f"sound {link.drift_s * 1000:+.0f} ms"]
    return drift + ([] if link.drift_ppm is None else [f"{link.drift_ppm:+.0f} ppm"])
