"""What destinations still owe of journals, as the cursors of the outbox tell it (`monitor/outbox.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.cursor import MOST_BYTES, read_cursor
from monitor.outbox import outbox_folder


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


@dataclass(frozen=True, slots=True)
class Debts:
    """What destinations owe, by the journal's path with links resolved; and sessions of which nobody can tell."""

    of: Mapping[Path, tuple[Owed, ...]]
    unknown: frozenset[str]
    """Sessions with a cursor that cannot be read."""


def debts(root: Path | None = None) -> Debts:
    """Read every cursor of the outbox."""
    found: dict[Path, tuple[Owed, ...]] = {}
    unknown: set[str] = set()
    for cursor in sorted((root or outbox_root()).glob("*/*.json")):
        try:
            with cursor.open("rb") as file:
                read = read_cursor(file.read(MOST_BYTES))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError):
            unknown.add(cursor.stem)
            continue
        if read is not None:
            told, seq, _ = read
            journal = Path(told["journal"]).resolve()
            name = cursor.parent.name.partition("-")[0]  # which of its receivers says nothing to a person
            found[journal] = (*found.get(journal, ()), Owed(name, cursor.stem, journal, seq, cursor))
    return Debts(found, frozenset(unknown))
