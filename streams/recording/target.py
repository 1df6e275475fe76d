"""A file that appears under its name only when it is whole; until then it has a hidden name beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from av.error import FFmpegError

from configs.disk import sync_folder
from configs.errors import ConfigError, RecordingError
from streams.sources.probe import reason_of, shown_name

_SHOWN_CHARS: Final = 40
"""Characters of the name that the hidden one repeats: in UTF-8 at most 160 of the 255 bytes that a name may have."""

_REMEDIES: Final = {
    errno.ENOSPC: "free some space on that disk or write to another",
    errno.EDQUOT: "free some of your quota on that disk or write to another",
    errno.EIO: "that disk fails, write to another",
    errno.EROFS: "write to a folder of your own",
    errno.EACCES: "write to a folder of your own",
    errno.EPERM: "write to a folder of your own",
    errno.ENOENT: "make its folder first",
    errno.ENOTDIR: "write to a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "write to a disk that takes larger files",
}


class Target:
    """A binary file open for writing: `file` is written to, then `finish` names it, or `abandon` deletes it.

    A crash leaves the hidden file `.NAME.part-RANDOM` behind, never anything under the name itself.
    """

    def __init__(self, path: Path) -> None:
        """Create the hidden file.

        Raises:
            RecordingError: no file of that name can be made there, or something else has the name.
        """
        self.path = path
        self._hidden = path.with_name(f".{path.name[:_SHOWN_CHARS]}.part-{secrets.token_hex(4)}")
        with told(path):
            # Renaming comes last, after hours of work perhaps: what would make it fail is asked for first.
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(path.stat().st_mode):
                    raise RecordingError(f"{shown_name(path)}: is no ordinary file; write to another name")
            self.file: BinaryIO = self._hidden.open("x+b")

    def finish(self) -> None:
        """Put the file on the disk and give it its name, over an older file of that name.

        Raises:
            RecordingError: the disk is full or the name cannot be given; the hidden file is deleted.
        """
        try:
            with told(self.path):
                _put_on_disk(self.file)
                self._hidden.replace(self.path)
                sync_folder(self.path.parent)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Close and delete the hidden file; safe to call twice, and after `finish`."""
        _let_go(self.file)
        with contextlib.suppress(OSError):
            self._hidden.unlink()


class DirectFile:
    """A binary file under its own name from the start, for what must survive the process: it is kept as far as it got.

    Only a file in which nothing was written is deleted again.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        """Create the file.

        Raises:
            ConfigError: there is one of that name, and not `force`.
            RecordingError: no file of that name can be made there, or something else has the name.
        """
        self.path = path
        with told(path):
            if path.exists() and not path.is_file():
                raise RecordingError(f"{shown_name(path)}: is no ordinary file; write to another name")
            try:
                self.file: BinaryIO = path.open("w+b" if force else "x+b")
            except FileExistsError:
                raise ConfigError(f"{shown_name(path)}: is there already; name another file, or add --force") from None

    def finish(self) -> None:
        """Put the file on the disk.

        Raises:
            RecordingError: the disk is full or fails; what is on it stays.
        """
        try:
            with told(self.path):
                _put_on_disk(self.file)
                sync_folder(self.path.parent)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Close the file as it is, delete it if it is empty; safe to call twice, and after `finish`."""
        _let_go(self.file)
        with contextlib.suppress(OSError):
            if self.path.is_file() and self.path.stat().st_size == 0:
                self.path.unlink()


def _put_on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _let_go(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):
        # Closing writes what is still in memory, which a full disk refuses.
        file.close()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, all or nothing.

    Raises:
        RecordingError: the file cannot be written; nothing is left behind.
    """
    target = Target(path)
    try:
        with told(path):
            target.file.write(text.encode())
    except BaseException:
        target.abandon()
        raise
    target.finish()


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn the system's and libav's errors into one line about `path` (`RecordingError`)."""
    try:
        yield
    except (OSError, FFmpegError) as error:
        # The disk's errors come as the system's own; libav has the same numbers for other things.
        known = {} if isinstance(error, FFmpegError) else _REMEDIES
        remedy = known.get(error.errno or 0, "name an .mp4 or .mkv file")
        raise RecordingError(f"{shown_name(path)}: cannot be written ({reason_of(error)}); {remedy}") from None
