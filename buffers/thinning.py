"""Bounded memory of an unbounded stream: what is kept stays spread uniformly, what is summed stays exact.

Pure classes without a clock: all of them take media times and values, and the same calls give the same content.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MARGIN_S = 2.0
"""Dense parts are kept this much longer than asked: a window is cut a moment after its end, when the slowest track
(video, by its look-back) has come that far and the others are ahead."""


class Thinned(Generic[T]):
    """At most `capacity` items of a stream: the first one offered in each cell of `stride_s` seconds.

    Cells are counted from the first item, which is therefore never lost. When an item too many comes, the stride
    doubles until enough of them fall away. Every item that was ever offered has a kept one less than one stride
    before it, and what is kept depends on the items alone, not on when the stride doubled.
    """

    def __init__(self, *, capacity: int, spacing_s: float) -> None:
        """Start empty with a stride of `spacing_s`; ValueError unless capacity >= 1 and spacing > 0."""
        if capacity < 1 or not spacing_s > 0:
            raise ValueError(f"thinning needs capacity >= 1 and spacing > 0, not {capacity} and {spacing_s}")
        self._capacity = capacity
        self._stride_s = spacing_s
        self._times: list[float] = []
        self._items: list[T] = []

    def offer(self, t_s: float, item: T) -> bool:
        """Keep the item if its cell is still empty; times must not fall. Says whether it is kept for now."""
        if self._times and self._cell(t_s) <= self._cell(self._times[-1]):
            return False
        self._times.append(t_s)
        self._items.append(item)
        while len(self._items) > self._capacity:
            self._double()
        return self._times[-1] == t_s

    def thin(self) -> bool:
        """Double the stride until at least one item falls away; False when a single one is left, or none."""
        before = len(self._items)
        while 1 < len(self._items) == before:
            self._double()
        return len(self._items) < before

    def between(self, start_s: float, end_s: float) -> list[T]:
        """The kept items with start_s <= time < end_s, oldest first."""
        return self._items[bisect_left(self._times, start_s) : bisect_left(self._times, end_s)]

    @property
    def stride_s(self) -> float:
        """Present width of a cell in seconds: the first spacing times a power of two."""
        return self._stride_s

    def __iter__(self) -> Iterator[T]:
        """The kept items, oldest first."""
        return iter(self._items)

    def __len__(self) -> int:
        """Number of kept items, never above the capacity."""
        return len(self._items)

    def _cell(self, t_s: float) -> int:
        # Doubling a float is exact, so the cells of a doubled stride are exactly the pairs of the former cells.
        return math.floor((t_s - self._times[0]) / self._stride_s)

    def _double(self) -> None:
        self._stride_s *= 2
        first_of: dict[int, int] = {}
        for place, t_s in enumerate(self._times):
            first_of.setdefault(self._cell(t_s), place)
        self._items = [self._items[place] for place in first_of.values()]
        self._times = [self._times[place] for place in first_of.values()]


@dataclass(frozen=True, slots=True)
class Bin(Generic[T]):
    """The sum of all values added for [t_s, t_s + duration_s)."""

    t_s: float
    duration_s: float
    value: T


class Bins(Generic[T]):
    """Sums on a grid from media time 0; when there are more than `capacity`, neighbours merge and the width doubles.

    Nothing is ever lost from the total. `merge` must be associative.
    """

    def __init__(self, merge: Callable[[T, T], T], *, width_s: float, capacity: int) -> None:
        """Start empty; ValueError unless capacity >= 2 (bins on both sides of 0 never merge) and width > 0."""
        if capacity < 2 or not width_s > 0:
            raise ValueError(f"bins need capacity >= 2 and width > 0, not {capacity} and {width_s}")
        self._merge = merge
        self._width_s = width_s
        self._capacity = capacity
        self._sums: dict[int, T] = {}

    def add(self, t_s: float, value: T) -> None:
        """Add a value to the bin that holds `t_s`, in any order of time."""
        self._put(self._sums, math.floor(t_s / self._width_s), value)
        while len(self._sums) > self._capacity:
            merged: dict[int, T] = {}
            for place, kept in self._sums.items():
                self._put(merged, place // 2, kept)
            self._sums = merged
            self._width_s *= 2

    def between(self, start_s: float, end_s: float) -> list[Bin[T]]:
        """Bins that begin in [start_s, end_s), in order: neighbouring spans share no bin and miss none."""
        width_s = self._width_s
        return [
            Bin(place * width_s, width_s, value)
            for place, value in sorted(self._sums.items(), key=lambda pair: pair[0])
            if start_s <= place * width_s < end_s
        ]

    def forget_before(self, t_s: float) -> None:
        """Drop bins that end at or before `t_s`."""
        edge = math.floor(t_s / self._width_s)
        for place in [place for place in self._sums if place < edge]:
            del self._sums[place]

    def __len__(self) -> int:
        """Number of bins, never above the capacity."""
        return len(self._sums)

    def _put(self, sums: dict[int, T], place: int, value: T) -> None:
        sums[place] = self._merge(sums[place], value) if place in sums else value


class History(Generic[T]):
    """Sums in bins of one second for the recent `recent_s`, and in at most `capacity` bins for the whole session."""

    def __init__(self, merge: Callable[[T, T], T], *, recent_s: float, capacity: int) -> None:
        """Start empty."""
        self._recent_s = recent_s
        # One bin more at each end: spans seldom begin and end on whole seconds.
        self._recent = Bins(merge, width_s=1.0, capacity=math.ceil(recent_s) + 2)
        self._session = Bins(merge, width_s=1.0, capacity=capacity)
        self._recent_from_s = -math.inf
        self._first_s: float | None = None

    def add(self, t_s: float, value: T) -> None:
        """Add a value at `t_s`; what is older than the recent part goes to the whole-session part only."""
        self._session.add(t_s, value)
        edge_s = math.floor(t_s - self._recent_s)
        if self._first_s is None:
            self._first_s = t_s
        if edge_s > max(self._first_s, self._recent_from_s):
            self._recent_from_s = edge_s
            self._recent.forget_before(edge_s)
        if t_s >= self._recent_from_s:
            self._recent.add(t_s, value)

    def between(self, start_s: float, end_s: float) -> list[Bin[T]]:
        """Bins that begin in [start_s, end_s): of one second if the recent part reaches back that far."""
        part = self._recent if start_s >= self._recent_from_s else self._session
        return part.between(start_s, end_s)

    def __len__(self) -> int:
        """Bins held."""
        return len(self._recent) + len(self._session)


def nearest_to_uniform(times_s: Sequence[float], start_s: float, length_s: float, count: int) -> list[int]:
    """Places of the `count` times nearest to start_s + i * length_s / count, rising, each at most once.

    All places when there are no more than `count`. For evenly spaced times this is the rule floor(i * N / M) of
    Video-LLaMA's loader to within one place. `times_s` must rise.
    """
    total = len(times_s)
    if total <= count:
        return list(range(total))
    chosen: list[int] = []
    for i in range(count):
        # What is left after this choice must still serve all later positions.
        low, high = (chosen[-1] + 1 if chosen else 0), total - (count - i)
        wanted_s = start_s + i * length_s / count
        after = min(max(bisect_left(times_s, wanted_s, low, high + 1), low), high)
        before = max(after - 1, low)
        chosen.append(before if wanted_s - times_s[before] <= times_s[after] - wanted_s else after)
    return chosen
