"""A bounded edge between two threads: named policy, counters, and an end that is never dropped.

`DROP_OLDEST` keeps a live edge fresh, `WAIT` keeps a replay complete. There is no third way: nothing in the
product may queue without a bound.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Policy(StrEnum):
    """What happens when an item arrives and the channel is full."""

    DROP_OLDEST = "drop-oldest"
    WAIT = "wait"


class ChannelClosed(Exception):
    """The channel was closed: no more items come, or none are wanted."""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """What went through a channel so far."""

    put: int
    taken: int
    dropped_full: int
    dropped_old: int
    queued: int = 0
    """Items waiting now."""

    @property
    def dropped(self) -> int:
        """Everything that was put and never taken because of the policy."""
        return self.dropped_full + self.dropped_old


class Channel(Generic[T]):
    """Bounded FIFO of (media time, item).

    An item older than `max_age_s` against the newest one put is dropped under `DROP_OLDEST` (None: no age
    limit). Under `WAIT`, `put` blocks until there is room.
    """

    def __init__(self, name: str, *, max_items: int, policy: Policy, max_age_s: float | None = None) -> None:
        """Make an empty channel; ValueError when `max_items` < 1."""
        if max_items < 1:
            msg = f"channel {name}: max_items must be at least 1, not {max_items}"
            raise ValueError(msg)
        self.name = name
        self.policy = policy
        self._max_items = max_items
        self._max_age_s = max_age_s
        self._items: deque[tuple[float, T]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._put = self._taken = self._dropped_full = self._dropped_old = 0

    def put(self, t_s: float, item: T) -> None:
        """Add an item; raises `ChannelClosed` once the channel is closed or the reader has left."""
        with self._changed:
            if self.policy is Policy.WAIT:
                self._changed.wait_for(lambda: self._closed or len(self._items) < self._max_items)
            if self._closed:
                raise ChannelClosed(self.name)
            if len(self._items) >= self._max_items:
                self._items.popleft()
                self._dropped_full += 1
            self._items.append((t_s, item))
            self._put += 1
            if self.policy is Policy.DROP_OLDEST and self._max_age_s is not None:
                while self._items[0][0] < t_s - self._max_age_s:
                    self._items.popleft()
                    self._dropped_old += 1
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item; `ChannelClosed` at the end, TimeoutError after `timeout_s` without one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closed, timeout_s):
                msg = f"channel {self.name}: nothing within {timeout_s} s"
                raise TimeoutError(msg)
            if not self._items:
                raise ChannelClosed(self.name)
            _, item = self._items.popleft()
            self._taken += 1
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """The writer is done: what is queued can still be read, then `get` raises."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """The reader has left: forget what is queued and refuse more."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        """Items waiting now."""
        with self._changed:
            return len(self._items)

    @property
    def counts(self) -> ChannelCounts:
        """Counters up to now."""
        with self._changed:
            return ChannelCounts(self._put, self._taken, self._dropped_full, self._dropped_old, len(self._items))
