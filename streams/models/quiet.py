"""Keeps native libraries from writing to the terminal: they know nothing of logging, and of no level that is quiet."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator

STDERR_FD = 2
"""The file descriptor that native code writes to, whatever `sys.stderr` is."""

_lock = threading.Lock()


def only_python_speaks() -> None:
    """For a program that owns its process: from now on what Python writes to standard error is seen, nothing else.

    `native_quiet` ends with the load, but MediaPipe also warns later, of a picture that lies unaligned in memory, once
    in some twenty runs. A crash of native code is still told, by Python. Does nothing where standard error is
    something else already (a test's capture) or is closed. Handlers made before it go on writing to the old place.
    """
    try:
        if sys.stderr is None or sys.stderr.fileno() != STDERR_FD:
            return
        ours = os.dup(STDERR_FD)
    except (OSError, ValueError):
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    _mute()
    faulthandler.enable(sys.stderr)


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
        try:
            _mute()
            yield
        finally:
            os.dup2(kept, STDERR_FD)
            os.close(kept)


def _mute() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR_FD)
    os.close(nowhere)
