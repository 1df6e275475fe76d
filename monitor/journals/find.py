"""Which file somebody means who names a journal by its path, its session, or as the latest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from configs.errors import ConfigError
from monitor.journal import default_path
from monitor.journals.listing import files_in, journals_in

LATEST: Final = "latest"


def default_folder() -> Path:
    """Where journals go when nobody names a file."""
    return default_path("any").parent


def find_journal(name: str, folder: Path | None = None) -> Path:
    """The journal at a path, of a session of `folder` (default: the usual one) or of its beginning, or the latest.

    Raises:
        ConfigError: there is none, or there are several.
        JournalError: the folder cannot be read.
    """
    path = Path(name).expanduser()
    if name and path.exists():  # what is no file is refused by whoever reads it
        return path
    folder = folder or default_folder()
    if os.sep in name or name.endswith(".jsonl") or not name:
        raise ConfigError(f"no journal {name}: `emotion-monitor journal ls` lists those there are")
    if not folder.is_dir():
        raise ConfigError(f"no journal {name}: there are none in {folder} yet")
    if name == LATEST:
        journals = journals_in(folder, {}).journals
        if not journals:
            raise ConfigError(f"no journal in {folder} yet")
        return journals[0].path
    found = [path for path in files_in(folder) if path.stem.startswith(name)]
    exact = [path for path in found if path.stem == name]
    if len(found) > 1 and not exact:
        raise ConfigError(f"{len(found)} sessions begin with {name}: write more of it")
    if not found:
        raise ConfigError(f"no journal {name} in {folder}: `emotion-monitor journal ls` lists those there are")
    return (exact or found)[0]
