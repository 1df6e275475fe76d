"""Everything that is shown one session: the screen first, then what leaves the machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from monitor.outputs.base import Onlooker, Output
from monitor.snapshot import Snapshot


class Shown:
    """The outputs of a session, treated as one."""

    def __init__(self, outputs: Sequence[Output], snapshot: Callable[[], Snapshot]) -> None:
        """`snapshot` gives the picture of now."""
        self._planned = tuple(outputs)
        self._snapshot = snapshot
        self._started: list[Output] = []

    async def start(self) -> None:
        """Start each; those that were started are closed by `close` whatever happens."""
        for output in self._planned:
            await output.start()
            self._started.append(output)

    def record(self, line: str) -> None:
        """One line of the journal."""
        for output in self._started:
            output.record(line)

    def show(self) -> None:
        """The session as it is now."""
        snapshot = self._snapshot()
        for output in self._started:
            output.show(snapshot)

    async def close(self) -> None:
        """Close the first, which is the screen, last: it shows how the others ended."""
        async with contextlib.AsyncExitStack() as closing:
            for output in self._started[:1]:
                closing.push_async_callback(self._close, output)
            async with asyncio.TaskGroup() as group:
                for output in self._started[1:]:
                    group.create_task(self._close(output))
            for output in self._started[1:]:
                if isinstance(output, Onlooker):
                    output.settled(self._snapshot())

    async def _close(self, output: Output) -> None:
        await output.close(self._snapshot())
