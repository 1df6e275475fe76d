"""A named pipe read without ever hanging on it: a camera for tests, and for programs that make pictures."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_POLL_S: Final = 0.1
"""Longest wait before it is asked again whether anybody still wants to read (s)."""

_CAPACITY: Final = 1 << 20
"""Bytes the kernel keeps for us: three quarters of a 720p picture, where the usual 64 KiB is a twentieth."""

_SET_CAPACITY: Final = 1031
"""F_SETPIPE_SZ of Linux, which Python 3.11 names only there."""


class Pipe:
    """The reading end; `read` returns nothing at the end, or once `wanted` says no."""

    def __init__(self, path: Path, wanted: Callable[[], bool]) -> None:
        """Open it; a pipe opened so does not wait for a writer. `OSError` where it may not be read."""
        self._wanted = wanted
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        _widen(self._descriptor)

    def arrived(self, timeout_s: float = _POLL_S) -> bool:
        """Whether there is something to read, waiting at most that long for it."""
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(event & select.POLLIN for _, event in poll.poll(0))

    def read(self, size: int) -> bytes:
        """Up to `size` bytes as soon as there are any."""
        while self._wanted():
            ready, _, _ = select.select([self._descriptor], [], [], _POLL_S)
            if ready:
                try:
                    return os.read(self._descriptor, size)
                except BlockingIOError:
                    continue
        return b""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._descriptor)


def _widen(descriptor: int) -> None:
    import fcntl

    try:
        fcntl.fcntl(descriptor, _SET_CAPACITY, _CAPACITY)
    except (OSError, ValueError):
        # Elsewhere than on Linux, or above what this user may have: it works, with more waking up.
        return
