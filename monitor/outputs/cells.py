"""Text in terminal cells: made harmless, cut, padded, and numbers drawn as small pictures. Pure functions.

Whatever comes from outside (names of sources, words of models) goes through `harmless` before it is shown:
an escape sequence in a file name must not drive the reader's terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from monitor.outputs.theme import GREY, Theme

Piece = tuple[str, int, str]
"""Text, width in cells (negative: set to the right) and style of one column."""


def harmless(text: str, theme: Theme) -> str:
    """`text` on one line without control, format (bidirectional) or unassigned characters."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    kept = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    return kept.encode("ascii", "replace").decode("ascii") if theme.ascii_only else kept


def cut(text: str, width: int, theme: Theme) -> str:
    """`text` in at most `width` cells; what is cut off leaves an ellipsis."""
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    return set_cell_size(text, width - 1).rstrip() + theme.glyphs.ellipsis


def pad(text: str, width: int, theme: Theme) -> str:
    """`text` in exactly `abs(width)` cells, to the right where `width` is negative."""
    short = cut(text, abs(width), theme)
    space = " " * (abs(width) - cell_len(short))
    return space + short if width < 0 else short + space


def row(pieces: Sequence[Piece], width: int, theme: Theme) -> Text:
    """One line of columns, a space between them, never wider than `width`; it neither wraps nor folds."""
    line = Text(no_wrap=True, overflow="crop", end="")
    left = width
    for text, size, style in pieces:
        if left <= 0:
            break
        if size == 0:
            continue
        if line.cell_len:
            line.append(" ")
            left -= 1
        shown = pad(harmless(text, theme), size if abs(size) <= left else left, theme)
        line.append(shown, style)
        left -= cell_len(shown)
    return line


def sentence(pieces: Sequence[tuple[str, str]], width: int, theme: Theme) -> Text:
    """Words with styles run together on one line, cut with an ellipsis at `width`."""
    line = Text(no_wrap=True, overflow="crop", end="")
    for text, style in pieces:
        left = width - line.cell_len
        shown = harmless(text, theme)
        line.append(cut(shown, left, theme), style)
        if cell_len(shown) > left:
            break
    return line


def joined(facts: Sequence[tuple[str, str]], width: int, theme: Theme) -> Text:
    """Facts on one line with a separator between them; facts that do not fit whole are left out from the end."""
    separator = f"  {theme.glyphs.separator}  "
    line = Text(no_wrap=True, overflow="crop", end="")
    for text, style in facts:
        shown = harmless(text, theme)
        between = separator if line.cell_len else ""
        if not line.cell_len:
            shown = cut(shown, width, theme)
        elif line.cell_len + cell_len(between) + cell_len(shown) > width:
            break
        line.append(between, GREY)
        line.append(shown, style)
    return line


def mmss(t_s: float) -> str:
    """Media time as mm:ss, as h:mm:ss from an hour on; never negative."""
    minutes, seconds = divmod(int(max(0.0, t_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def counted(count: int, noun: str) -> str:
    """A count and its noun, in the plural where there is not one."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def mbytes(count: int) -> str:
    """Bytes as whole MiB."""
    return f"{count / 2**20:.0f} MiB"


def sparkline(values: Sequence[float], width: int, theme: Theme) -> str:
    """The last `width` values (0-1) as levels, newest to the right."""
    levels = theme.glyphs.levels
    shown = values[-width:] if width > 0 else ()
    return "".join(levels[min(len(levels) - 1, int(min(1.0, max(0.0, value)) * len(levels)))] for value in shown)


def interval_bar(p: float, interval: tuple[float, float], width: int, style: str, theme: Theme) -> Text:
    """A scale from 0 to 1 in `width` cells: the interval drawn heavy, the point on it, a tick at one half."""
    glyphs = theme.glyphs

    def at(value: float) -> int:
        return min(width - 1, max(0, round(value * (width - 1))))

    line = Text(no_wrap=True, overflow="crop", end="")
    low, high = at(interval[0]), at(interval[1])
    for cell in range(width):
        if cell == at(p):
            line.append(glyphs.dot, style)
        elif low <= cell <= high:
            line.append(glyphs.middle if cell == at(0.5) else glyphs.span, style)
        else:
            line.append(glyphs.middle if cell == at(0.5) else glyphs.line, GREY)
    return line
