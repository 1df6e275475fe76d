"""What every writer of files that must survive a crash needs, whichever floor it lives on."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path


def append_whole(file: int, data: bytes, end: int, *, sync: bool = False) -> int:
    """Write all of `data` behind the first `end` bytes of an open file and return its new end.

    Args:
        file: Descriptor, open for writing.
        data: One or more whole lines.
        end: Where the file's last whole line ends (bytes).
        sync: Whether to wait for the disk.

    Raises:
        OSError: it could not be written; the file is cut back to `end`, since half a line in the middle would spoil
            it for every reader once writing works again.
    """
    try:
        done = 0
        while done < len(data):
            done += os.pwrite(file, data[done:], end + done)
        if sync:
            os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, end)
        raise
    return end + len(data)


def remedy(error: OSError) -> str:
    """What a person can do about a file that cannot be written."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return "free some on that disk" if full else "check the path and its permissions"


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk: a synced file that no folder names is lost all the same.

    Raises:
        OSError: the folder cannot be opened, or the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
