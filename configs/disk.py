"""What every writer of files that must survive a crash needs, whichever floor it lives on."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path


def append_whole(file: int, data: bytes, end: int) -> int:
    """Write all of `data` behind the first `end` bytes of an open file and return its new end.

    Args:
        file: Descriptor, open for writing.
        data: One or more whole lines.
        end: Where the file's last whole line ends (bytes).

    Raises:
        OSError: it could not be written; the file is cut back to `end`, since half a line in the middle would spoil
            it for every reader once writing works again.
    """
    try:
        done = 0
        while done < len(data):
            done += os.pwrite(file, data[done:], end + done)
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


class Syncer:
    """Puts a file on the disk from a thread of its own: a slow disk holds nobody up who writes to the file."""

    def __init__(self, file: int) -> None:
        """`file` is a descriptor that stays open until `wait` has returned."""
        self._file = file
        self._turn = threading.Condition()
        self._asked = 0
        self._done = 0
        self._thread: threading.Thread | None = None
        self.error: OSError | None = None
        """What the disk refused, if it did."""

    def request(self) -> None:
        """Put everything that was written so far on the disk soon; several requests may become one."""
        with self._turn:
            self._asked += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
                self._thread.start()
            self._turn.notify_all()

    def wait(self, within_s: float) -> bool:
        """Wait until all that was asked for is done, at most so long (s), and end; whether it is."""
        with self._turn:
            done = self._turn.wait_for(lambda: self._done == self._asked, within_s)
            self._asked = -1
            self._turn.notify_all()
        if done and self._thread is not None:
            self._thread.join()
        return done

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._done != self._asked)
                asked = self._asked
            if asked < 0:
                return
            try:
                os.fsync(self._file)
            except OSError as error:
                self.error = error
            with self._turn:
                self._done = asked
                self._turn.notify_all()
