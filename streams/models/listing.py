"""What `models list` shows: every file of the catalogue, whether it is here, whose it is and under which licence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from streams.models.cache import cache_folder, status
from streams.models.catalogue import entries

_HEADER: Final = ("NAME", "GROUPS", "STATE", "KB", "LICENCE", "USED FOR", "ORIGIN")


def listing(folder: Path | None = None) -> str:
    """An aligned table, the folder last; `folder` is the cache folder, None for the default one."""
    rows = [_HEADER]
    rows += [
        (
            entry.name,
            ",".join(entry.groups),
            status(entry, folder=folder).value,
            str(round(entry.size_bytes / 1000)),
            entry.licence,
            entry.used_for,
            entry.origin,
        )
        for entry in entries()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"folder: {cache_folder(folder)}"])
