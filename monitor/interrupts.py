"""Signals that ask a session to end: Ctrl-C, SIGTERM, and a terminal that was closed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

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
