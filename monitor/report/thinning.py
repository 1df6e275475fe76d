"""Fewer points for a drawing, chosen so that it still shows what there was. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def every(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spread, the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[(place + 1) * len(items) // most - 1] for place in range(most)]


def extremes(items: Sequence[Item], most: int, *values: Callable[[Item], float]) -> list[Item]:
    """At most so many of the items, in order: the ends of equal stretches, and where a value is least or greatest.

    `most` has room for one stretch: two items, and two more for each of the values.
    """
    if len(items) <= most:
        return list(items)
    stretches, kept = most // (2 + 2 * len(values)), list[Item]()
    for number in range(stretches):
        start, stop = number * len(items) // stretches, (number + 1) * len(items) // stretches
        found = {start, stop - 1}
        for value in values:
            told = [value(item) for item in items[start:stop]]
            found |= {start + told.index(min(told)), start + told.index(max(told))}
        kept += [items[place] for place in sorted(found)]
    return kept
