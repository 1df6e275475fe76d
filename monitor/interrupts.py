"""Signals that ask a program to end: Ctrl-C, SIGTERM, and a terminal that was closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, NoReturn

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


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """Without an event loop: each of them raises KeyboardInterrupt in the main thread, so that `finally` still runs."""
    before = {number: signal.signal(number, _interrupt) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
