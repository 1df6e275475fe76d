"""Frames that look nearly like the last encoded one: a person who sits still need not be encoded each second."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from buffers.evidence import StoredFrame, Token


class Lookalikes:
    """Remembers how the last encoded frame looked, for as long as that frame is kept."""

    def __init__(self, below: float) -> None:
        """Frames are alike whose thumbnails differ by less than `below` (mean absolute luma, 0-1); 0: none ever."""
        self._below = below
        self._last: weakref.WeakKeyDictionary[Token, NDArray[np.uint8]] = weakref.WeakKeyDictionary()

    def sort(self, frames: Iterable[StoredFrame]) -> tuple[list[StoredFrame], list[tuple[Token, Token]]]:
        """Those to encode, in order of time, and pairs of those that are like one that is or will be encoded.

        Each frame is compared with the last that is encoded, never with one that is itself only alike: slow changes
        add up and are seen.
        """
        fresh: list[StoredFrame] = []
        alike: list[tuple[Token, Token]] = []
        last = next(iter(self._last.items()), None)
        for frame in sorted(frames, key=lambda frame: frame.t_s):
            if last is not None and self._are_alike(last[1], frame.thumbnail):
                alike.append((frame.token, last[0]))
            else:
                fresh.append(frame)
                last = frame.token, frame.thumbnail
        return fresh, alike

    def remember(self, frame: StoredFrame) -> None:
        """This frame has been encoded."""
        self._last.clear()
        self._last[frame.token] = frame.thumbnail

    def _are_alike(self, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
        if one.shape != other.shape:
            return False
        return float(np.abs(one.astype(np.int16) - other).mean()) / 255 < self._below
