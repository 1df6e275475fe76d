"""Health of a session: a panel of fixed height, and a page with everything. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from rich.text import Text

from monitor.colours import ORANGE, VERMILION
from monitor.outputs.cells import counted, joined, mbytes, mmss, row, sentence
from monitor.outputs.dashboard.live import link_line, link_lines, worst_first
from monitor.outputs.dashboard.outputs import outputs_lines
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import MediaHealth, SessionState, Snapshot

Lines = list[Text]

Fact = tuple[str, str]
"""Words and their style."""

_PLAIN: Final = "default"

_COLUMNS: Final = 51
"""Width from which the columns of a track stand at their ease (cells)."""

_RECORDING: Final = {
    SessionState.PAUSED: ("paused", ORANGE),
    SessionState.ENDED: ("finished", GREY),
    SessionState.FAILED: ("finished", GREY),
}
"""What becomes of a recording in the states in which it is not written to."""


def panel(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    """Tracks, links, de-identification, memory and files in at most `height` lines.

    What does not fit on lines of its own is put together: first privacy, then memory, then the files; of many links
    those that do worst are shown.
    """
    media = [_media(one, width, theme) for one in snapshot.media]
    privacy = [("faces", [_masked(snapshot), _whole(snapshot)]), ("voice", [(snapshot.privacy.voice, _PLAIN)])]
    memory = [("horizon", _horizon(snapshot)), ("process", [_resident(snapshot)])]
    files = [("journal", _journal(snapshot, whole=False))]
    if snapshot.recording is not None:
        files.insert(0, ("record", _recording(snapshot, whole=False)))
    rest = [privacy, memory, files]
    together = ("privacy", "memory", "files")
    for number, name in enumerate(together):
        if len(media) + len(snapshot.links) + sum(map(len, rest)) > height and len(rest[number]) > 1:
            rest[number] = [(name, [fact for _, facts in rest[number] for fact in facts])]
    facts = [_fact(name, said, width, theme) for part in rest for name, said in part]
    room = max(1, height - len(media) - len(facts))
    return [*media, *_links(snapshot, width, room, theme), *facts][:height]


def page(snapshot: Snapshot, width: int, theme: Theme) -> Lines:
    """Everything, whatever its height."""
    late = [] if snapshot.loop_lag_s is None else [(f"event loop {snapshot.loop_lag_s * 1000:.0f} ms late", _PLAIN)]
    facts = [
        ("faces", [_masked(snapshot), _whole(snapshot)]),
        ("voice", [(snapshot.privacy.voice, _PLAIN)]),
        ("horizon", _horizon(snapshot)),
        ("process", [_resident(snapshot), *late]),
        ("journal", _journal(snapshot, whole=True)),
    ]
    if snapshot.recording is not None:
        facts.insert(-1, ("record", _recording(snapshot, whole=True)))
    return [
        *(_media(one, width, theme) for one in snapshot.media),
        *(line for link in snapshot.links for line in link_lines(link, width, theme)),
        *(_fact(name, said, width, theme) for name, said in facts),
        *outputs_lines(snapshot, width, theme),
    ]


def _links(snapshot: Snapshot, width: int, height: int, theme: Theme) -> Lines:
    links = snapshot.links
    if len(links) <= height:
        return [link_line(link, width, theme) for link in links]
    troubled = worst_first(links)
    shown = [*troubled, *(link for link in links if link not in troubled)][: height - 1]
    more = sentence([(f"+{counted(len(links) - len(shown), 'more link')}: h", GREY)], width, theme)
    return [*(link_line(link, width, theme) for link in shown), more]


def _media(media: MediaHealth, width: int, theme: Theme) -> Text:
    rate = theme.glyphs.dash if media.rate_hz is None else f"{media.rate_hz:.1f}/s"
    narrow = 0 if width >= _COLUMNS else 1
    counts = [
        (media.track.value, 7, "bold"),
        (rate, -7 + narrow, _PLAIN),
        (f"{media.released} out", -11 + narrow, GREY),
        (f"{media.dropped} dropped", -14 + narrow, ORANGE if media.dropped else GREY),
        (f"{counted(media.gaps, 'gap')}", -8 + narrow, ORANGE if media.gaps else GREY),
        ("end" if media.ended else "", 3, GREY),
    ]
    return row(counts, width, theme)


def _masked(snapshot: Snapshot) -> Fact:
    if snapshot.state is SessionState.PAUSED:
        return "no frame", GREY
    return f"{snapshot.privacy.masked_area:.0%} masked", _PLAIN


def _whole(snapshot: Snapshot) -> Fact:
    whole = snapshot.privacy.whole_frames
    return counted(whole, "whole frame"), VERMILION if whole else _PLAIN


def _horizon(snapshot: Snapshot) -> list[Fact]:
    return [(f"{mmss(snapshot.horizon_s)} kept", _PLAIN), (mbytes(snapshot.horizon_bytes), _PLAIN)]


def _resident(snapshot: Snapshot) -> Fact:
    rss = "unknown" if snapshot.rss_bytes is None else mbytes(snapshot.rss_bytes)
    return f"{rss} resident", _PLAIN


def _journal(snapshot: Snapshot, *, whole: bool) -> list[Fact]:
    path = snapshot.journal or "not kept"
    return [(_shown(path, whole=whole), _PLAIN), (f"line {snapshot.seq}", GREY)]


def _recording(snapshot: Snapshot, *, whole: bool) -> list[Fact]:
    word, style = _RECORDING.get(snapshot.state, ("recording", VERMILION))
    return [(f"{word} {_shown(snapshot.recording or '', whole=whole)}", style)]


def _shown(path: str, *, whole: bool) -> str:
    """A path's name: its end tells more than its beginning, and the page and the summary have all of it."""
    return path if whole else PurePath(path).name


def _fact(name: str, facts: Sequence[Fact], width: int, theme: Theme) -> Text:
    line = row([(name, 7, "bold"), ("", 1, _PLAIN)], width, theme)
    return line.append_text(joined(facts, max(0, width - 9), theme))
