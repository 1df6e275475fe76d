"""Reads a dataset: videos with one label each, perhaps body-language annotations and lists of what belongs to a split.

Nothing is guessed: a video that is missing, there twice or labelled twice is a `ConfigError` that names the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from configs.csvfile import Columns, read_rows, read_text
from configs.errors import ConfigError
from configs.yamlfile import printable

LABELS: Final = "labels.csv"
SPLITS: Final = "splits"
NFBL: Final = "nfbl"
FULL: Final = "full"
"""The protocol of everything that is labelled."""

COLUMNS: Final = Columns(
    required=("video", "label"),
    optional=("id", "split"),
    expected="a CSV with the columns video,label and perhaps id,split",
)

VOCABULARIES: Final = (("positive", "negative"), ("win", "lose"), ("1", "0"))
"""What a label may be written as, positive first. The paper labels an interview by whether its athlete had won."""

_LISTED: Final = "one id or file name in each line, as in labels.csv"


@dataclass(frozen=True, slots=True)
class Video:
    """One labelled recording; `nfbl` is the file of its body-language annotations, None where it has none."""

    id: str
    name: str
    path: Path
    positive: bool
    nfbl: Path | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """The videos of one protocol in the order of labels.csv, and what the reader should know of them."""

    name: str
    protocol: str
    videos: tuple[Video, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    video: str
    id: str
    label: str
    split: str


def read_dataset(
    folder: Path, *, protocol: str = FULL, limit: int | None = None, leave_out: Path | None = None
) -> Dataset:
    """Read the dataset in `folder`, of it what `protocol` names, and the first `limit` videos of that.

    `protocol` is `full` (all that is labelled), the path of a list, or a NAME for `splits/NAME.txt` or for the rows
    whose column split says NAME. Recordings lie anywhere in the folder, but not below `leave_out`.

    Raises:
        ConfigError: the labels or a list cannot be read or contradict themselves, the protocol is not there, or a
            chosen video is missing or there twice.
    """
    if not folder.is_dir():
        raise ConfigError(f"{printable(str(folder), 200)}: is no folder; name the one that holds {LABELS}")
    rows = _rows(folder / LABELS)
    positive, notice = _read_as(rows)
    chosen = _chosen(folder, rows, protocol)
    notices = [notice]
    if limit is not None and limit < len(chosen):
        notices.append(f"only the first {limit} of {len(chosen)} videos: these are not the protocol's figures")
        chosen = chosen[:limit]
    files = _Files(folder, leave_out)
    annotations = _annotations(folder / NFBL)
    videos = tuple(
        Video(
            id=row.id,
            name=PurePath(row.video).name,
            path=(path := files.find(row)),
            positive=row.label.casefold() == positive,
            nfbl=_of(annotations, path.stem),
        )
        for row in chosen
    )
    _check_paths(videos)
    without = sum(video.nfbl is None for video in videos)
    if annotations and without:
        notices.append(f"{without} of {len(videos)} videos have no file in {NFBL}/: theirs is the configured feed")
    return Dataset(printable(folder.resolve().name or "dataset", 80), printable(protocol, 80), videos, tuple(notices))


def _rows(path: Path) -> list[_Row]:
    rows: list[_Row] = []
    lines: dict[str, int] = {}
    ids: dict[str, int] = {}
    for line, values in read_rows(path, LABELS, COLUMNS):
        where = f"{LABELS}:{line}"
        video, label = values["video"], values["label"]
        if not video:
            raise ConfigError(f"{where}: names no video; give the name of its file")
        if not any(label.casefold() in vocabulary for vocabulary in VOCABULARIES):
            known = ", ".join("/".join(vocabulary) for vocabulary in VOCABULARIES)
            raise ConfigError(f"{where}: label is {printable(label, 40)!r}, expected one of {known}")
        if video in lines:
            raise ConfigError(f"{where}: {printable(video)} is labelled twice, first in line {lines[video]}; keep one")
        name = values.get("id") or video
        if name in ids:
            raise ConfigError(f"{where}: the id {printable(name)} is there twice, first in line {ids[name]}; keep one")
        lines[video], ids[name] = line, line
        rows.append(_Row(line, video, name, label, values.get("split", "")))
    if not rows:
        raise ConfigError(f"{LABELS}: holds no labels; expected {COLUMNS.expected}")
    return rows


def _read_as(rows: Sequence[_Row]) -> tuple[str, str]:
    """What positive is written as, and a line that says so; ConfigError where the file mixes two ways."""
    first = rows[0]
    vocabulary = next(one for one in VOCABULARIES if first.label.casefold() in one)
    other = next((row for row in rows if row.label.casefold() not in vocabulary), None)
    if other is not None:
        raise ConfigError(
            f"{LABELS}:{other.line}: label is {printable(other.label, 40)!r}, but line {first.line} says "
            f"{printable(first.label, 40)!r}; write all labels in one way"
        )
    return vocabulary[0], f"labels: {vocabulary[0]!r} is read as positive, {vocabulary[1]!r} as negative"


def _chosen(folder: Path, rows: list[_Row], protocol: str) -> list[_Row]:
    if protocol == FULL:
        return rows
    lists = [folder / SPLITS / f"{protocol}.txt"] if PurePath(protocol).name == protocol else []
    for path in (*lists, Path(protocol)):
        if path.is_file():
            return _listed(path, rows)
    chosen = [row for row in rows if row.split == protocol]
    if not chosen:
        raise ConfigError(
            f"protocol {printable(protocol)}: it is no file, and the dataset has neither {SPLITS}/"
            f"{printable(PurePath(protocol).name)}.txt nor a column split that says so; the paper's list of ids is not "
            f"part of this program: write it there, {_LISTED}"
        )
    return chosen


def _listed(path: Path, rows: list[_Row]) -> list[_Row]:
    """The rows that a list names by id, by file name or by its stem, in the order of labels.csv."""
    name = printable(path.name, 120)
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for key in {row.id, row.video, PurePath(row.video).name, PurePath(row.video).stem}:
            places.setdefault(key, []).append(place)
    chosen: dict[int, int] = {}
    for line, text in enumerate(read_text(path, name, _LISTED).splitlines(), start=1):
        entry = text.strip()
        if not entry or entry.startswith("#"):
            continue
        match places.get(entry, []):
            case [place]:
                if place in chosen:
                    raise ConfigError(
                        f"{name}:{line}: {printable(entry)} is there twice, first in line {chosen[place]}; keep one"
                    )
                chosen[place] = line
            case []:
                raise ConfigError(f"{name}:{line}: {printable(entry)} is not in {LABELS}; expected {_LISTED}")
            case _:
                raise ConfigError(f"{name}:{line}: {printable(entry)} may mean several rows of {LABELS}; use the id")
    if not chosen:
        raise ConfigError(f"{name}: names no video; expected {_LISTED}")
    return [rows[place] for place in sorted(chosen)]


class _Files:
    """The files of a folder and those below it, by name and by stem."""

    def __init__(self, folder: Path, leave_out: Path | None) -> None:
        self._folder = folder
        left_out = None if leave_out is None else leave_out.resolve()
        known = {(folder / name).resolve() for name in (NFBL, SPLITS)}
        self._by_name: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            above = path.resolve().parents
            if path.is_file() and not known.intersection(above) and (left_out is None or left_out not in above):
                for key in {path.name, path.stem}:
                    self._by_name.setdefault(key, []).append(path)

    def find(self, row: _Row) -> Path:
        where, shown = f"{LABELS}:{row.line}", printable(row.video)
        parts = PurePath(row.video).parts
        if PurePath(row.video).is_absolute() or ".." in parts:
            raise ConfigError(f"{where}: {shown} leaves the dataset; give the file's name, or its path in the folder")
        if len(parts) > 1:
            path = self._folder / row.video
            if not path.is_file():
                raise ConfigError(f"{where}: {shown}: no such recording in the dataset; check the column video")
            return path
        # A whole name comes before a stem: `a.b` may be both the one file and the other without its suffix.
        found = self._by_name.get(row.video, [])
        found = [path for path in found if path.name == row.video] or found
        if not found:
            raise ConfigError(f"{where}: {shown}: no such recording in the dataset; check the column video")
        if len(found) > 1:
            one, other = (printable(str(path.relative_to(self._folder)), 100) for path in found[:2])
            raise ConfigError(f"{where}: {shown} may be {one} or {other}; write the path of the one that is meant")
        return found[0]


def _check_paths(videos: Iterable[Video]) -> None:
    taken: dict[Path, str] = {}
    for video in videos:
        if video.path in taken:
            raise ConfigError(
                f"{LABELS}: {printable(taken[video.path])} and {printable(video.id)} are the same file "
                f"{printable(video.path.name)}; keep one row"
            )
        taken[video.path] = video.id


def _annotations(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file() and not path.name.startswith("."):
            found.setdefault(path.stem, []).append(path)
    return found


def _of(annotations: Mapping[str, Sequence[Path]], stem: str) -> Path | None:
    found = annotations.get(stem, [])
    if len(found) > 1:
        first, second = (printable(path.name) for path in found[:2])
        raise ConfigError(f"{NFBL}/{first} and {NFBL}/{second} are both for {printable(stem)}; keep one")
    return found[0] if found else None
