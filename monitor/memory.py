"""Text memory: what was said of earlier windows, in a few lines, for a judge of the whole session.

A judge of the whole session reads the last descriptions and the totals instead of old frames, at a constant cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from buffers.records import Group


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """One described window: its span (s), at most 60 words of its description, and its figures.

    `events` counts body-language reports, `speech` is the share 0-1 of the window with speech (None: unknown), and
    `p_positive` the verdict's probability (None: it abstained).
    """

    start_s: float
    end_s: float
    text: str
    events: int
    speech: float | None
    p_positive: float | None


@dataclass(frozen=True, slots=True)
class Memory:
    """The last windows, oldest first, and totals since the session's start."""

    lines: tuple[MemoryLine, ...] = ()
    windows: int = 0
    events: tuple[tuple[Group, int], ...] = ()


NO_MEMORY: Final = Memory()
"""Nothing came before, or nothing of it matters."""
