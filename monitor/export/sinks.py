"""Where an export goes: a file that appears when it is whole, a file that grows, or standard output.

Files belong to their user alone (0600), like the journals they are made from. Nothing is replaced unasked.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from configs.disk import append_whole, remedy, sync_folder
from configs.errors import ConfigError, ExportError
from configs.yamlfile import printable

_SHOWN_CHARS: Final = 40
"""Characters of the name that the hidden one repeats: in UTF-8 at most 160 of the 255 bytes that a name may have."""


class Sink(Protocol):
    """Takes the bytes of one file. `settle`, then `finish`, keep it; `abandon` leaves nothing half-written."""

    def write(self, data: bytes) -> None:
        """Write whole lines, or the next part of a file that is kept when it is whole. Raises `ExportError`."""

    def settle(self) -> None:
        """Put what was written on the disk; nothing more comes. Raises `ExportError`."""

    def finish(self) -> None:
        """Give it its name. Raises `ExportError`."""

    def abandon(self) -> None:
        """Let go of it; safe to call twice, and after `finish`."""


class WholeFile:
    """A file that has a hidden name beside its own until it is whole."""

    def __init__(self, path: Path, *, force: bool) -> None:
        """Create the hidden file.

        Raises:
            ConfigError: something has the name, and it is no file or not to be replaced.
            ExportError: no file can be made there.
        """
        self.path = path
        self._force = force
        free(path, force=force)
        self._hidden = path.with_name(f".{path.name[:_SHOWN_CHARS]}.part-{secrets.token_hex(4)}")
        with told(path):
            self.file: BinaryIO = os.fdopen(_created(self._hidden), "wb")

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        with told(self.path):
            self.file.write(data)

    def settle(self) -> None:
        """See `Sink`."""
        with told(self.path):
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()

    def finish(self) -> None:
        """See `Sink`."""
        free(self.path, force=self._force)
        with told(self.path):
            self._hidden.replace(self.path)
            sync_folder(self.path.parent)

    def abandon(self) -> None:
        """See `Sink`."""
        with contextlib.suppress(OSError):  # closing writes what is still in memory, which a full disk refuses
            self.file.close()
        with contextlib.suppress(OSError):
            self._hidden.unlink()


class GrowingFile:
    """A file that others read while it grows: every write is whole lines, and stays whatever happens afterwards.

    A file that is replaced keeps what it has until the first write, or until it is settled without one.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        """Create it, empty, unless there is one to be replaced. Raises as `WholeFile`."""
        self._path = path
        free(path, force=force)
        self._new = not path.exists()
        with told(path):
            self._file: int | None = _created(path, os.O_EXCL if self._new else 0)
        self._begun = False
        self._end = 0

    def write(self, data: bytes) -> None:
        """See `Sink`."""
        file = self._emptied()
        with told(self._path):
            self._end = append_whole(file, data, self._end)

    def settle(self) -> None:
        """See `Sink`."""
        file = self._emptied()
        with told(self._path):
            os.fsync(file)
            sync_folder(self._path.parent)

    def finish(self) -> None:
        """It has its name."""

    def abandon(self) -> None:
        """Close it as it is; a new one is deleted where it was neither written to nor settled."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            if self._new and not self._begun:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _emptied(self) -> int:
        """The open file, without what it had before."""
        assert self._file is not None
        if not self._begun:
            with told(self._path):
                os.ftruncate(self._file, 0)
                os.fchmod(self._file, 0o600)
            self._begun = True
        return self._file


class StandardOutput:
    """Standard output; BrokenPipeError where its reader has left, which the command line ends quietly."""

    def __init__(self) -> None:
        """Write behind what was printed so far."""
        sys.stdout.flush()

    def write(self, data: bytes) -> None:
        """See `Sink`. Past Python's own buffer, which would complain again when the interpreter ends."""
        try:
            done = 0
            while done < len(data):
                done += os.write(sys.stdout.fileno(), data[done:])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportError(f"standard output: {error.strerror or error}: {remedy(error)}") from None

    def settle(self) -> None:
        """There is nothing to keep."""

    def finish(self) -> None:
        """It has no name."""

    def abandon(self) -> None:
        """There is nothing to let go of."""


def free(path: Path, *, force: bool) -> None:
    """Refuse a name that something else has (ConfigError)."""
    shown = printable(path.name)
    try:
        if path.is_dir():
            raise ConfigError(f"{shown}: is a folder; name a file")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{shown}: is no ordinary file; name another one")
        if path.exists() and not force:
            raise ConfigError(f"{shown}: is there already; name another file, or add --force")
    except OSError as error:
        raise ExportError(f"{shown}: {error.strerror or error}: {remedy(error)}") from None


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into one line (`ExportError`)."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{printable(path.name)} cannot be written: {error.strerror or error}: {remedy(error)}"
        ) from None


def _created(path: Path, how: int = os.O_EXCL) -> int:
    # Never through a link that somebody else put there, and without waiting for the reader of a pipe.
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | how, 0o600)
