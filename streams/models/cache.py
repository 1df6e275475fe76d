"""Where model files lie and whether they are the right ones. Never downloads and never writes."""

from __future__ import annotations

import hashlib
import os
from enum import StrEnum
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

from configs.errors import ModelUnavailable
from streams.models.catalogue import ModelFile, catalogue

FOLDER_VARIABLE = "EMOTION_MONITOR_MODELS"
"""Environment variable that names another cache folder."""


class FileStatus(StrEnum):
    """What is found in the cache where a file should be."""

    PRESENT = "present"
    MISSING = "missing"
    WRONG = "wrong"


def cache_folder(folder: Path | None = None) -> Path:
    """The folder of model files: `folder`, else `EMOTION_MONITOR_MODELS`, else the user's cache. May not exist."""
    if folder is not None:
        return folder
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("emotion-monitor", appauthor=False) / "models"


def status(entry: ModelFile, *, folder: Path | None = None) -> FileStatus:
    """Compare the file in the cache with the catalogue: size always, digest once per process and version of the file.

    Raises:
        ModelUnavailable: the file is there and cannot be read.
    """
    path = cache_folder(folder) / entry.file
    try:
        found = path.stat()
        if found.st_size != entry.size_bytes:
            return FileStatus.WRONG
        right = _digest(path, (found.st_ino, found.st_mtime_ns)) == entry.sha256
    except FileNotFoundError:
        return FileStatus.MISSING
    except OSError as error:
        raise ModelUnavailable(f"model file {path} cannot be read ({error.strerror}): mend its permissions") from error
    return FileStatus.PRESENT if right else FileStatus.WRONG


def model_path(name: str, *, folder: Path | None = None) -> Path:
    """The verified file of the cache called `name` in the catalogue.

    Args:
        name: as listed by `emotion-monitor models list`, for example "centerface".
        folder: the cache folder; None for the default one (see `cache_folder`).

    Raises:
        ModelUnavailable: the file is missing, not the right one, or unreadable.
        ConfigError: the catalogue has no such name.
    """
    entry = catalogue().entry(name)
    path = cache_folder(folder) / entry.file
    found = status(entry, folder=folder)
    if found is FileStatus.PRESENT:
        return path
    fault = "is missing" if found is FileStatus.MISSING else "is not the file that was pinned"
    raise ModelUnavailable(f"model file {path} {fault}: run `emotion-monitor models fetch {name}`")


@cache
def _digest(path: Path, version: tuple[int, int]) -> str:
    """SHA-256 of a file; `version` (inode, time of change) makes a file that was replaced a new question."""
    del version
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
