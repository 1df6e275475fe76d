"""How many requests an hour of media time may cost."""

from __future__ import annotations

from collections import deque
from typing import Final

HOUR_S: Final = 3600.0


class HourBudget:
    """A sliding hour: at most `limit` requests in any hour of media time (0: no limit)."""

    def __init__(self, limit: int) -> None:
        """`limit` counts requests."""
        self._limit = limit
        self._spent: deque[float] = deque()

    def left(self, at_s: float) -> bool:
        """Whether one more request may be sent at media time `at_s`."""
        while self._spent and self._spent[0] <= at_s - HOUR_S:
            self._spent.popleft()
        return self._limit == 0 or len(self._spent) < self._limit

    def charge(self, at_s: float) -> None:
        """Count one request that is sent at media time `at_s` (s), which never goes back."""
        if self._limit:
            self._spent.append(at_s)
