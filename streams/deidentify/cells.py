"""The grid of a mask: a few averages of a plane, and their way back to full size. Knows planes, not tracks or styles.

The grid lies over the whole box, also over what the picture's edge cuts off. Laid over the visible rest instead, it
would grow finer as a head leaves the picture, and slide over it: many looks through a sliding grid make a sharp one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Plane

FAR_PX = 1_000_000
"""Coordinates beyond this are taken for this (px): far outside of every picture, and still a number to count with."""


@dataclass(frozen=True, slots=True)
class Span:
    """One axis of a mask, in pixels of a plane: the box is [low, high), what the picture shows of it [first, last)."""

    low: int
    high: int
    first: int
    last: int

    @classmethod
    def of(cls, low: float, high: float, size_px: int) -> Span:
        """Widened to even pixels, so that luma and chroma end together, and cut at the picture's edges."""
        start = math.floor(max(-FAR_PX, min(FAR_PX, low)) / 2) * 2
        end = math.ceil(max(-FAR_PX, min(FAR_PX, high)) / 2) * 2
        return cls(start, end, max(0, start), min(size_px, end))

    @property
    def length(self) -> int:
        """Pixels that are seen; none or fewer where the box lies outside."""
        return self.last - self.first

    @property
    def part(self) -> slice:
        """What is seen, as an index into the plane."""
        return slice(self.first, self.last)

    def halved(self) -> Span:
        """The same span of the chroma planes; an odd last row or column has chroma of its own."""
        return Span(self.low // 2, self.high // 2, self.first // 2, (self.last + 1) // 2)

    def edges(self, count: int) -> list[int]:
        """The `count` + 1 borders of the cells, counted from `first`; cells that are not seen begin where they end."""
        side = self.high - self.low
        borders = (self.low + side * each // count for each in range(count + 1))
        return [max(self.first, min(self.last, border)) - self.first for border in borders]

    def places(self, count: int) -> NDArray[np.float32]:
        """float32[length]: where each pixel seen lies between the middles of the cells, 0 to `count` - 1."""
        pixels = np.arange(self.first, self.last)
        places = (pixels + 0.5 - self.low) * (count / (self.high - self.low)) - 0.5
        return np.asarray(np.clip(places, 0, count - 1), np.float32)


def averages(plane: Plane, rows: Span, columns: Span, count: int, unseen: int) -> NDArray[np.float64]:
    """float64[count, count]: the mean of what is seen of each cell; `unseen` where nothing is."""
    view = plane[rows.part, columns.part]
    high, wide = rows.edges(count), columns.edges(count)
    means = np.full((count, count), float(unseen))
    for place, (top, bottom) in enumerate(itertools.pairwise(high)):
        if top == bottom:
            continue
        sums = cv2.reduce(view[top:bottom], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
        for cell, (left, right) in enumerate(itertools.pairwise(wide)):
            if left < right:
                means[place, cell] = sums[left:right].sum(dtype=np.float64) / ((bottom - top) * (right - left))
    return means


def tiles(cells: NDArray[np.float64], rows: Span, columns: Span) -> Plane:
    """uint8[rows.length, columns.length]: each cell as one flat tile."""
    count = len(cells)
    wide = np.repeat((cells + 0.5).astype(np.uint8), np.diff(columns.edges(count)), axis=1)
    return np.repeat(wide, np.diff(rows.edges(count)), axis=0)


def slopes(cells: NDArray[np.float64], rows: Span, columns: Span) -> Plane:
    """uint8[rows.length, columns.length]: the cells without edges, linear from middle to middle."""
    count = len(cells)
    wide = np.empty((columns.length, count), np.float32)
    _interpolate(cells.T + 0.5, columns.places(count), wide)
    smooth = np.empty((rows.length, columns.length), np.uint8)
    _interpolate(np.ascontiguousarray(wide.T), rows.places(count), smooth)
    return smooth


def _interpolate(table: NDArray[np.floating], places: NDArray[np.float32], out: NDArray[Any]) -> None:
    """Rows of a table of two or more, interpolated at rising `places` (0 to the last row), cut down to `out`'s type.

    Band by band, because temporaries of a whole mask cost ten times as much in memory handed out and taken back, and a
    matrix product, which would say the same in a line, wakes as many BLAS threads as there are (8 ms, measured).
    """
    ends = np.searchsorted(places, np.arange(len(table) - 1))
    ends = np.append(ends, len(places))
    for row, (first, last) in enumerate(itertools.pairwise(ends)):
        share = places[first:last, None] - np.float32(row)
        out[first:last] = table[row] + share * (table[row + 1] - table[row])
