"""What the user should know of what was survived: few texts, however often a thing happens."""

from __future__ import annotations

from typing import Final

_MOST: Final = 16
"""Different texts that are kept."""


class Notices:
    """Counts what happened, and says each thing once more only when it happened ten times as often.

    A text that changed with each count would be a new notice each time.
    """

    def __init__(self) -> None:
        """Nothing happened."""
        self._counts: dict[str, int] = {}

    def tell(self, text: str, count: int = 1) -> None:
        """`text` happened `count` times more."""
        if count > 0 and (text in self._counts or len(self._counts) < _MOST):
            self._counts[text] = self._counts.get(text, 0) + count

    def told(self, text: str, total: int) -> None:
        """`text` happened `total` times in all so far."""
        self.tell(text, total - self._counts.get(text, 0))

    @property
    def texts(self) -> tuple[str, ...]:
        """One line for each thing, oldest first."""
        return tuple(text if count < 10 else f"{text} ({_tier(count)} times or more)" for text, count in self._items())

    def _items(self) -> list[tuple[str, int]]:
        # A copy: another thread may add to it.
        return list(self._counts.items())


def _tier(count: int) -> int:
    return int(10 ** (len(str(count)) - 1))
