"""Whether somebody has been speaking just now, from the voice activity that is measured before the voice is altered."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from buffers.records import Prosody

SPAN_S: Final = 0.5
"""How far back is "just now" (s): between two words it stays true, after a sentence it soon is not."""

KNOWN_S: Final = 0.1
"""Least part of the span that must be known (s): one block of sound."""

SPEECH: Final = 0.5
"""Voice activity from which a block is speech: the network's own middle."""

KEPT_S: Final = 30.0
"""How long blocks are kept (s): sound may run so far ahead of pictures at max speed, and is bounded anyway."""


class SpeechMemory:
    """Blocks of sound as (start, end, speech). Told by one thread and asked by another."""

    def __init__(self) -> None:
        """Nothing was heard."""
        self._blocks: deque[tuple[float, float, bool]] = deque()
        self._lock = threading.Lock()

    def add(self, prosody: Prosody) -> None:
        """Note a block; blocks come in order of time."""
        with self._lock:
            self._blocks.append((prosody.t_s, prosody.end_s, prosody.speech >= SPEECH))
            while self._blocks[0][1] < prosody.end_s - KEPT_S:
                self._blocks.popleft()

    def share(self, t_s: float) -> float | None:
        """Share 0-1 of the last `SPAN_S` before `t_s` with speech, None where too little of it was heard.

        Only blocks that ended by then count, so the answer does not depend on how far the sound has come since.
        """
        known_s = spoken_s = 0.0
        with self._lock:
            for start_s, end_s, speech in reversed(self._blocks):
                if end_s <= t_s - SPAN_S:
                    break
                if end_s <= t_s:
                    length_s = end_s - max(start_s, t_s - SPAN_S)
                    known_s += length_s
                    spoken_s += length_s * speech
        return spoken_s / known_s if known_s >= KNOWN_S else None
