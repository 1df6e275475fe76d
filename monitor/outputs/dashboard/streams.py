"""The bar of streams: which there are, how each does, and which one is looked at. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from rich.text import Text

from monitor.outputs.cells import cut, harmless
from monitor.outputs.theme import GREY, Theme
from monitor.snapshot import EstimateLabel, SessionState, Snapshot

_NARROW: Final = 14
"""Least width of one stream in the bar (cells): number, state, six letters of the name, answer."""

_WIDEST: Final = 44
"""Most width of one: the answer and the state stand near the name."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One stream in the bar; `label` is its overall answer, None before there is one."""

    name: str
    state: SessionState
    label: EstimateLabel | None

    @classmethod
    def of(cls, name: str, snapshot: Snapshot | None) -> Self:
        """The stream as a snapshot tells it; before the first it is connecting."""
        if snapshot is None:
            return cls(name, SessionState.CONNECTING, None)
        return cls(name, snapshot.state, snapshot.overall.label if snapshot.overall.windows else None)


@dataclass(frozen=True, slots=True)
class Streams:
    """Every stream, and the index of the one that is looked at."""

    tabs: tuple[Tab, ...]
    selected: int

    @property
    def place(self) -> str:
        """Which of how many."""
        return f"{self.selected + 1}/{len(self.tabs)}"


def bar(streams: Streams, width: int, theme: Theme) -> Text:
    """One line, never wider than `width`: the stream looked at is in brackets and always among those shown."""
    line = Text(no_wrap=True, overflow="crop", end="")
    first, last, size = _shown(streams, width)
    for index in range(first, last):
        chosen = index == streams.selected
        line.append_text(_tab(index + 1, streams.tabs[index], size, theme, chosen=chosen))
    hidden = len(streams.tabs) - (last - first)
    if hidden:
        line.append(cut(f" +{hidden}", width - line.cell_len, theme), GREY)
    return line


def _shown(streams: Streams, width: int) -> tuple[int, int, int]:
    """First, one past the last, and the width of each of those that fit."""
    count = len(streams.tabs)
    if count * _NARROW <= width:
        return 0, count, min(_WIDEST, width // count)
    fitting = max(1, (width - len(f" +{count}")) // _NARROW)
    first = min(max(0, streams.selected - fitting // 2), count - fitting)
    return first, first + fitting, min(width, _NARROW)


def _tab(number: int, tab: Tab, size: int, theme: Theme, *, chosen: bool) -> Text:
    """One stream in exactly `size` cells."""
    glyph, word, style = theme.state(tab.state)
    before, after = ("[", "]") if chosen else (" ", " ")
    mark, answer, colour = ("", "", "default") if tab.label is None else theme.label(tab.label)
    # What is not live says so in a word; of what is, the answer is the news.
    live, roomy = tab.state is SessionState.LIVE, size >= 2 * _NARROW
    state = f" {word}" if roomy and not live else ""
    said = f" {mark} {answer}" if roomy and live and mark else f" {mark}" if mark else ""
    lead = f"{before}{number} "
    room = max(0, size - len(f"{lead}{glyph} {state}{said}{after}"))
    pieces: Sequence[tuple[str, str]] = (
        (lead, "bold" if chosen else GREY),
        (f"{glyph} ", style),
        (cut(harmless(tab.name, theme), room, theme), "bold" if chosen else "default"),
        (state, style),
        (said, colour),
        (after, "bold" if chosen else GREY),
    )
    line = Text(no_wrap=True, overflow="crop", end="")
    for text, look in pieces:
        line.append(cut(text, size - line.cell_len, theme), look)
    line.append(" " * (size - line.cell_len))
    return line
