"""Signals that ask a program to end: Ctrl-C, SIGTERM, and a terminal that was closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Final, Self

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupts_to(handler: Callable[[], None]) -> Iterator[None]:
    """Call `handler` on the running event loop for each of them, until the context ends."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)


class Interrupts:
    """Without an event loop: notes them, so that a job ends at a point of its own choosing. A context manager.

    Raised wherever the signal happens to arrive, KeyboardInterrupt can fall between making a file and knowing of it.
    A second one is raised at once, for whoever does not want to wait.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self._noted = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        """Start noting."""
        self._before = {number: signal.signal(number, self._note) for number in ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the signals to who had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """KeyboardInterrupt where one of them came."""
        if self._noted:
            raise KeyboardInterrupt

    def _note(self, _: int, __: FrameType | None) -> None:
        self.check()
        self._noted = True
