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


def extremes(items: Sequence[Item], most: int, value: Callable[[Item], float]) -> list[Item]:
    """At most so many of the items (4 or more), in order: the first, last, lowest and highest of equal stretches."""
    if len(items) <= most:
        return list(items)
    stretches, kept = most // 4, list[Item]()
    for number in range(stretches):
        start, stop = number * len(items) // stretches, (number + 1) * len(items) // stretches
        places = range(start, stop)
        lowest, highest = min(places, key=lambda i: value(items[i])), max(places, key=lambda i: value(items[i]))
        kept += [items[place] for place in sorted({start, lowest, highest, stop - 1})]
    return kept
