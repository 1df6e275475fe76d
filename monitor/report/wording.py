"""Times, numbers and words from outside as a report shows them."""

from __future__ import annotations

import unicodedata
from typing import Final

NONE: Final = "\u2013"
"""What stands where there is no value."""

_KEPT: Final = {"\n", "\u200d"}
"""Control characters that mean something: line ends, and what joins letters of some scripts."""


def clock(t_s: float, *, tenths: bool = False) -> str:
    """Media time as 5:03, from an hour on as 1:05:03."""
    units = round(t_s * 10) if tenths else int(t_s) * 10
    minutes, rest = divmod(units, 600)
    seconds = f"{rest // 10:02d}" + (f".{rest % 10}" if tenths else "")
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds}" if minutes >= 60 else f"{minutes}:{seconds}"


def span(start_s: float, end_s: float, *, tenths: bool = False) -> str:
    """A span of media time."""
    return f"{clock(start_s, tenths=tenths)}\u2013{clock(end_s, tenths=tenths)}"


def length(seconds: float) -> str:
    """How long something took."""
    if seconds < 60:
        return f"{seconds:.1f}\u00a0s"
    return f"{seconds / 60:.1f}\u00a0min" if seconds < 3600 else f"{seconds / 3600:.1f}\u00a0h"


def share(value: float | None) -> str:
    """A share 0-1 in percent; all but all of it is not all."""
    if value is None:
        return NONE
    percent = 100 * value
    if 0 < percent < 1 or 99 < percent < 100:
        return "<\u00a01\u00a0%" if percent < 1 else ">\u00a099\u00a0%"
    return f"{percent:.0f}\u00a0%"


def number(value: float | None, digits: int = 2) -> str:
    """A number."""
    return NONE if value is None else f"{value:.{digits}f}"


def count(value: int, one: str, several: str | None = None) -> str:
    """So many of something."""
    return f"{value:,} {one if value == 1 else several or one + 's'}"


def latest(most: int, there_are: int, what: str) -> str:
    """What a list says that holds the latest of many; nothing where it holds all."""
    return f"The last {most:,} of {there_are:,} {what}." if there_are > most else ""


def shown(text: str, most: int) -> str:
    """Words from outside: at most so many characters, and none that a reader cannot see.

    What is invisible or turns the direction of writing could make words say something else than they do.
    """
    text = text.replace("\r\n", "\n").replace("\t", " ")
    seen = "".join(
        letter if letter in _KEPT or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"} else "\ufffd"
        for letter in text[:most]
    )
    left_out = len(text) - most
    return seen if left_out <= 0 else f"{seen}\u2026 ({left_out:,} more characters are in the journal)"
