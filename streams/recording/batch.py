"""Which recordings are rewritten to which files, decided and checked before the first of them is opened."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.errors import ConfigError
from streams.recording.formats import FileFormat, format_of
from streams.sources.probe import check_file, reason_of, shown_name

_WILD = frozenset("*?[")
"""What makes a name a pattern, for shells that do not expand it (or where it was quoted)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to rewrite: `boxes` is where its audit trail goes, if it is wanted."""

    source: Path
    target: Path
    target_format: FileFormat
    boxes: Path | None = None


def planned(paths: Sequence[str], *, boxes: str | None = None, force: bool = False) -> tuple[Job, ...]:
    """Jobs for `IN... OUT`: the last path is the file to write, or the folder where several go.

    `boxes` is a file for one recording, a folder for several. Without `force` nothing that exists is replaced; the
    original never is.

    Raises:
        ConfigError: a path cannot be meant, is missing or in the way.
    """
    if len(paths) < 2:
        raise ConfigError("name at least one recording and the file or folder to write to")
    sources = [source for path in paths[:-1] for source in _found(path)]
    out = Path(paths[-1])
    in_folder = len(sources) > 1 or len(paths) > 2 or out.is_dir() or paths[-1].endswith(("/", os.sep))
    jobs = []
    for source in sources:
        check_file(source)
        target = out / source.name if in_folder else out
        trail = None if boxes is None else _trail(Path(boxes), source, in_folder=in_folder)
        jobs.append(Job(source, target, format_of(target), trail))
    _check_targets(jobs, force=force)
    folders = [] if not in_folder else [out] if boxes is None else [out, Path(boxes)]
    for folder in folders:
        _made(folder)
    for path in _written(jobs):
        if not path.parent.is_dir():
            raise ConfigError(f"{shown_name(path)}: its folder {path.parent} does not exist; make it first")
    return tuple(jobs)


def _found(path: str) -> list[Path]:
    """The path itself, or what it matches where it is a pattern and no file."""
    if Path(path).exists() or not _WILD & set(path):
        return [Path(path)]
    matches = sorted(match for match in map(Path, glob.glob(path, recursive=True)) if match.is_file())  # noqa: PTH207 - patterns may be absolute
    if not matches:
        raise ConfigError(f"{path}: matches no file; check the pattern")
    return matches


def _trail(boxes: Path, source: Path, *, in_folder: bool) -> Path:
    return boxes / f"{source.name}.boxes.jsonl" if in_folder else boxes


def _check_targets(jobs: Sequence[Job], *, force: bool) -> None:
    sources = {job.source.resolve() for job in jobs}
    taken: set[Path] = set()
    for path in _written(jobs):
        name, place = shown_name(path), path.resolve()
        if place in sources:
            raise ConfigError(f"{name}: is an original; write to another name, then delete it yourself")
        if place in taken:
            raise ConfigError(f"{name}: would be written twice; give the recordings different names")
        taken.add(place)
        if path.is_dir():
            raise ConfigError(f"{name}: is a folder; name a file in it")
        if path.exists() and not force:
            raise ConfigError(f"{name}: exists already; --force replaces it")


def _written(jobs: Sequence[Job]) -> list[Path]:
    return [path for job in jobs for path in (job.target, job.boxes) if path is not None]


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{shown_name(folder)}: cannot be made ({reason_of(error)}); name another folder") from None
