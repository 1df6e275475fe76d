"""What destinations still owe of journals, as the cursors of the outbox tell it (`monitor/outbox.py`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.outbox import outbox_folder

_MOST_BYTES: Final = 65_536
"""A cursor is a line of a few hundred bytes; what is longer is something else."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One journal and one destination: lines up to `seq` need no delivery any more; `cursor` is the file with that."""

    destination: str
    session: str
    journal: Path
    seq: int
    cursor: Path


def outbox_root() -> Path:
    """The folder that holds a folder for each destination."""
    return outbox_folder("any").parent


def owed(root: Path | None = None) -> dict[Path, tuple[Owed, ...]]:
    """What is owed of each journal, by its path with links resolved. A cursor that cannot be read says nothing."""
    found: dict[Path, tuple[Owed, ...]] = {}
    for cursor in sorted((root or outbox_root()).glob("*/*.json")):
        one = _read(cursor)
        if one is not None:
            found[one.journal] = (*found.get(one.journal, ()), one)
    return found


def _read(cursor: Path) -> Owed | None:
    try:
        with cursor.open("rb") as file:
            told = json.loads(file.read(_MOST_BYTES).partition(b"\n")[0])
        journal, seq = Path(told["journal"]).resolve(), int(told["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Owed(cursor.parent.name, cursor.stem, journal, seq, cursor)
