"""What an installation is called in topics: a name drawn once and kept, which says nothing of the machine.

Programs that run at the same time on one machine each take a slot, and thus each a name of its own.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from pathlib import Path
from typing import Final, Self

import platformdirs

from configs.errors import ConfigError

_NAME: Final = re.compile(r"[0-9a-f]{6}")

_MOST: Final = 64
"""Programs on one machine at a time; whoever has more sets names."""


class Node:
    """A name that is held until `close`; `name` is a slug."""

    def __init__(self, name: str, slot: int | None = None) -> None:
        """A name that was set; use `claim` for one that is kept."""
        self.name = name
        self._slot = slot

    @classmethod
    def claim(cls, folder: Path | None = None) -> Self:
        """The kept name, with `-2` and so on where other programs hold it.

        Raises:
            ConfigError: nothing can be kept in the state folder.
        """
        folder = folder or Path(platformdirs.user_state_dir("emotion-monitor"))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = _kept(folder / "node")
            for number in range(1, _MOST + 1):
                slot = _taken(folder / f"node.{number}.lock")
                if slot is not None:
                    return cls(kept if number == 1 else f"{kept}-{number}", slot)
        except OSError as error:
            raise ConfigError(
                f"{folder}: {error.strerror}; make it a folder of your own, or set outputs.mqtt.node"
            ) from None
        raise ConfigError(f"{_MOST} programs publish from this machine already: set outputs.mqtt.node")

    def close(self) -> None:
        """Let others have it; safe to call twice."""
        if self._slot is not None:
            os.close(self._slot)
            self._slot = None


def _kept(path: Path) -> str:
    """The name in the file; a damaged one is drawn anew. Under a lock, since two may start at once."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        name = os.pread(file, 64, 0).decode("ascii", "replace").strip()
        if not _NAME.fullmatch(name):
            name = secrets.token_hex(3)
            os.ftruncate(file, 0)
            os.pwrite(file, f"{name}\n".encode(), 0)
        return name
    finally:
        os.close(file)


def _taken(path: Path) -> int | None:
    """The slot, held by a lock that ends with the process; None where another holds it."""
    slot = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(slot)
        return None
    return slot
