"""Work that anybody may ask for at any time, and that is done once for all who ask while it waits or is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Errand:
    """One round at a time, and at most one more that waits: however often it is asked for, there are two tasks."""

    def __init__(
        self,
        work: Callable[[], Awaitable[object]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`spawn` makes a task that somebody looks after."""
        self._work = work
        self._spawn = spawn
        self._one = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    def ask(self) -> asyncio.Task[None]:
        """The round that begins after this call; who waits for it may do so by `asyncio.wait`, and does not end it."""
        if self._next is None or self._next.done():
            self._next = self._spawn(self._round())
        return self._next

    async def _round(self) -> None:
        async with self._one:
            self._next = None
            await self._work()
