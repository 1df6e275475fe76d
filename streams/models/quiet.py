"""Keeps native libraries from writing to the terminal: they know nothing of logging, and of no level that is quiet."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

STDERR_FD = 2
"""The file descriptor that native code writes to, whatever `sys.stderr` is."""

_lock = threading.Lock()


@contextlib.contextmanager
def native_quiet() -> Iterator[None]:
    """Send what is written to the process's standard error to nowhere, for as long as it takes to load a model.

    MediaPipe's runtime prints some sixty lines while it loads, and no variable or flag stops it. What other threads
    write meanwhile is lost too, so nothing longer than a load belongs inside.
    """
    with _lock:
        try:
            kept = os.dup(STDERR_FD)
        except OSError:  # a daemon has closed it: there is nobody to disturb
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, STDERR_FD)
            yield
        finally:
            os.dup2(kept, STDERR_FD)
            os.close(kept)
            os.close(nowhere)
