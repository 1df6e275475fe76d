"""Text memory: what was said of earlier windows, in a few lines, for a judge of the whole session.

A judge of the whole session reads the last descriptions and the totals instead of old frames, at a constant cost.
`TextMemory` collects them; what it holds is bounded whatever the session's length.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from buffers.evidence import Cadence, Evidence, ProsodyBin, Window
from buffers.records import Group, NfblEvent, Phase
from monitor.describers.base import Description
from monitor.judges.base import MOST_REMEMBERED, Memory, MemoryLine, Verdict

MOST_LINES: Final = 12
"""Windows that are remembered in words: at a hop of 15 s three minutes, some 700 words for the judge to read."""

MOST_WORDS: Final = 60
"""Words of a window's description that are remembered: as many as a describer is asked for."""

MOST_IDS: Final = 4096
"""Event ids remembered so that none counts twice: as many as the horizon holds of a session."""


class TextMemory:
    """What local windows said, as far as a judge of the whole session is told. Not safe for several threads."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._lines: deque[MemoryLine] = deque(maxlen=MOST_LINES)
        self._windows = 0
        self._totals: dict[Group, int] = dict.fromkeys(Group, 0)
        self._counted: dict[str, NfblEvent] = {}

    def add(self, window: Window, description: Description, verdict: Verdict, evidence: Evidence) -> None:
        """Remember a local window, in the order of time; a window over the whole session is not remembered.

        A report is counted when a window first shows it, although windows overlap and reports change as they go on.
        """
        if window.cadence is not Cadence.LOCAL:
            return
        self._windows += 1
        self._count(evidence.events, window)
        self._lines.append(
            MemoryLine(
                start_s=window.start_s,
                end_s=window.end_s,
                text=_shortened(description.text),
                events=len(evidence.events),
                speech=_speech(evidence.prosody),
                p_positive=verdict.p_positive if verdict.p_stated is None else verdict.p_stated,
            )
        )

    def at(self) -> Memory:
        """What is remembered now."""
        totals = tuple((group, events) for group, events in self._totals.items() if events)
        return Memory(tuple(self._lines), self._windows, totals)

    def _count(self, events: Iterable[NfblEvent], window: Window) -> None:
        for event in events:
            if event.id not in self._counted:
                self._totals[event.group] += 1
            self._counted[event.id] = event
        # Closed before this window began, it can be in none that follows. One under way may close much later.
        over = [
            event_id
            for event_id, event in self._counted.items()
            if event.phase is Phase.CLOSE and event.end_s <= window.start_s
        ]
        for event_id in over:
            del self._counted[event_id]
        # Feeds that never close what they open must not fill the memory: the oldest are let go, at worst counted twice.
        for event_id in list(self._counted)[: max(0, len(self._counted) - MOST_IDS)]:
            del self._counted[event_id]


def _shortened(text: str) -> str:
    # Cut before it is split: a text of a megabyte need not be split to keep 60 words.
    words = text[: 2 * MOST_REMEMBERED].split()
    return " ".join(words[:MOST_WORDS])[:MOST_REMEMBERED].rstrip()


def _speech(prosody: Iterable[ProsodyBin]) -> float | None:
    held = tuple(prosody)
    observed_s = math.fsum(item.observed_s for item in held)
    return min(1.0, math.fsum(item.speech_s for item in held) / observed_s) if observed_s > 0 else None
