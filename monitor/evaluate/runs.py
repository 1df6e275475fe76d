"""Finds the recordings and journals an evaluation needs, and runs the clips that have no journal yet."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Final

from configs.errors import ConfigError
from configs.load import Loaded
from configs.yamlfile import printable
from monitor.evaluate.journals import Run, read_run
from monitor.session.session import Plan, Session
from monitor.snapshot import Snapshot

RECORDINGS: Final = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""What a pattern for negatives may match; a folder of recordings holds notes and pictures too."""

CHEAP: Final = ("windows.local_every_s=0", "windows.global_every_s=0")
"""Settings of an evaluated session: nobody reads its verdicts, so the session is judged once, at its end."""

Progress = Callable[[float, float | None], None]
"""Is told how far the clip has come, of how much (s; None where nobody knows)."""

_WILD: Final = frozenset("*?[")
_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Places:
    """Where each clip's file is (a recording or a journal), by the clip's name; `negatives` name some of them."""

    files: Mapping[str, Path]
    negatives: tuple[str, ...]


def recordings(folder: Path, clips: Sequence[str], negatives: Sequence[str] = ()) -> Places:
    """The recordings of the labelled `clips` in a folder and those below it, and the negatives that are named.

    Raises:
        ConfigError: a clip is missing or there twice, a pattern matches nothing, or a negative is labelled.
    """
    _check_folder(folder, "--media")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.setdefault(path.name, []).append(path)
    known = [name for name in found if Path(name).suffix.lower() in RECORDINGS]
    named = _negatives(negatives, known, clips)
    files: dict[str, Path] = {}
    for clip in (*clips, *named):
        match found.get(clip, []):
            case []:
                raise ConfigError(
                    f"{printable(clip)}: no such recording in {printable(str(folder), 200)}; check --media"
                )
            case [path]:
                files[clip] = path
            case [first, second, *_]:
                raise ConfigError(
                    f"{printable(clip)} is there twice, in {printable(str(first.parent), 120)} and "
                    f"{printable(str(second.parent), 120)}; name the folder of one"
                )
    return Places(files, named)


def journals(place: Path, clips: Sequence[str], negatives: Sequence[str] = ()) -> Places:
    """The journals of a folder, `<clip's stem>.jsonl` each, by the clip's name as the journal gives it.

    Raises:
        ConfigError: a journal is missing, a pattern matches nothing, or a negative is labelled.
    """
    _check_folder(place, "--predictions")
    files: dict[str, Path] = {}
    for clip, name in journal_names(clips).items():
        path = place / name
        if not path.is_file():
            raise ConfigError(
                f"{printable(clip)}: no journal {printable(name)} in {printable(str(place), 200)}; "
                "run it with --media, or name a folder with one journal for each labelled clip"
            )
        files[clip] = path
    taken = {path.stem for path in files.values()}
    others = {path.stem: path for path in sorted(place.glob("*.jsonl")) if path.stem not in taken}
    named = _negatives([_stem(pattern) for pattern in negatives], list(others), [_stem(clip) for clip in clips])
    sources = {read_run(others[stem]).source: others[stem] for stem in named}
    return Places({**files, **sources}, tuple(sources))


def journal_names(clips: Iterable[str]) -> dict[str, str]:
    """The name of each clip's journal: by its stem, by its whole name where two clips share a stem."""
    names = list(dict.fromkeys(clips))
    stems = Counter(PurePath(name).stem for name in names)
    return {name: f"{PurePath(name).stem if stems[PurePath(name).stem] == 1 else name}.jsonl" for name in names}


def run_clip(recording: Path, journal: Path, loaded: Loaded, *, speed: float | None, progress: Progress) -> Run:
    """Run one recording through a session of its own and read its journal.

    Raises:
        KeyboardInterrupt: somebody asked for an end.
        MonitorError: whatever ends a session or keeps it from starting.
    """
    plan = Plan(source=str(recording), speed=speed, loaded=loaded, journal=journal)

    async def main() -> int:
        return await Session(plan).run(_Watched(progress))

    try:
        code = asyncio.run(main())
    except asyncio.CancelledError:  # interrupted again while it was ending
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        raise KeyboardInterrupt
    return read_run(journal)


class _Watched:
    """An output that only says how far the session has come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """The journal has it."""

    def show(self, snapshot: Snapshot) -> None:
        self._progress(snapshot.media_s, snapshot.duration_s)

    async def close(self, last: Snapshot | None) -> None:
        """Nothing to restore."""


def _negatives(patterns: Sequence[str], names: Sequence[str], labelled: Sequence[str]) -> tuple[str, ...]:
    """The names that a pattern matches, without its suffix or with it; labelled ones only where named are refused.

    Of a path the name counts: a shell makes paths of patterns.
    """
    found: dict[str, None] = {}
    for given in patterns:
        pattern = PurePath(given).name
        wild = bool(_WILD & set(pattern))
        if not wild and (pattern in labelled or pattern in map(_stem, labelled)):
            raise ConfigError(
                f"{printable(pattern)} is labelled: a negative clip shows nothing, take it out of one list"
            )
        matches = [name for name in names if fnmatchcase(name, pattern) or fnmatchcase(_stem(name), pattern)]
        matches = [name for name in matches if name not in labelled]
        if not matches:
            raise ConfigError(f"--negatives {printable(given)}: matches no clip that is not labelled; check the name")
        found |= dict.fromkeys(matches)
    return tuple(found)


def _stem(name: str) -> str:
    """The name without the suffix of a recording; other dots belong to it."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in RECORDINGS else name


def _check_folder(folder: Path, flag: str) -> None:
    if not folder.is_dir():
        raise ConfigError(f"{flag} {printable(str(folder), 200)}: is no folder; name the one that holds the clips")
