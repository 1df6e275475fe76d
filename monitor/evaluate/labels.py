"""Reads what people labelled: one CSV over all clips. A class is mapped exactly or listed, never guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buffers.records import Group
from configs.csvfile import Columns, read_number, read_rows
from configs.errors import ConfigError
from configs.taxonomy import taxonomy
from configs.yamlfile import printable

SIDES: Final = ("left", "right", "both", "none")
COLUMNS: Final = Columns(
    required=("clip", "class", "start_s", "end_s"),
    optional=("side", "certainty", "alt", "rater"),
    expected="a CSV with the columns clip,class,start_s,end_s and perhaps side,certainty,alt,rater,note",
)


@dataclass(frozen=True, slots=True)
class Label:
    """One piece of body language as a person saw it; `alternatives` are classes that would be right as well.

    `certainty` is the rater's own, 0-1; `line` is where the file says so.
    """

    clip: str
    class_id: str
    start_s: float
    end_s: float
    side: str = "none"
    certainty: float | None = None
    alternatives: tuple[str, ...] = ()
    rater: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class LabelFile:
    """All labels of a file, its clips in the order they come, its raters, and what the reader should know."""

    name: str
    labels: tuple[Label, ...]
    clips: tuple[str, ...]
    raters: tuple[str, ...]
    notices: tuple[str, ...]


def group_of(class_id: str) -> Group:
    """The body region of a class of the taxonomy."""
    found = taxonomy().find(class_id)
    assert found is not None, class_id
    return Group(found.group)


def read_labels(path: Path, *, rater: str | None = None) -> LabelFile:
    """Read a file of labels, of one `rater` where several labelled the same clips.

    Raises:
        ConfigError: the file cannot be read, a row is not what it must be, no row has a class of the taxonomy, or two
            raters labelled one clip and none was chosen; the message names the line.
    """
    name = printable(path.name, 120)
    labels: list[Label] = []
    clips: dict[str, set[str]] = {}
    unmapped: Counter[str] = Counter()
    for line, values in read_rows(path, name, COLUMNS):
        if rater is not None and values.get("rater") != rater:
            continue
        label = _label(f"{name}:{line}", line, values, unmapped)
        clips.setdefault(values["clip"], set()).add(values.get("rater", ""))
        if label is not None:
            labels.append(label)
    if not clips:
        whom = "" if rater is None else f" by rater {printable(rater, 40)!r}"
        raise ConfigError(f"{name}: holds no labels{whom}; expected {COLUMNS.expected}")
    if not labels:
        raise ConfigError(f"{name}: no class of it is in the taxonomy ({_listed(unmapped)}); use N-ids such as N7")
    for clip, several in clips.items():
        if len(several) > 1:
            listed = ", ".join(sorted(printable(one, 40) or "(none)" for one in several))
            raise ConfigError(
                f"{name}: {printable(clip, 80)} has labels of several raters ({listed}); choose by --rater"
            )
    raters = tuple(sorted({label.rater for label in labels if label.rater}))
    return LabelFile(name, tuple(labels), tuple(clips), raters, tuple(_notices(name, unmapped)))


def _notices(name: str, unmapped: Counter[str]) -> Iterator[str]:
    if unmapped:
        yield (
            f"{name}: {unmapped.total()} classes are not in the taxonomy and count for nothing; what was reported "
            f"there is false: {_listed(unmapped)}"
        )


def _listed(unmapped: Counter[str]) -> str:
    listed = ", ".join(f"{printable(label, 40)!r} ({count})" for label, count in unmapped.most_common(10))
    return listed + (f" and {len(unmapped) - 10} more" if len(unmapped) > 10 else "")


def _label(where: str, line: int, values: Mapping[str, str], unmapped: Counter[str]) -> Label | None:
    """The row's label, None where its class is unknown; unknown names are counted."""
    if not values["clip"]:
        raise ConfigError(f"{where}: names no clip; give the name of the recording")
    start_s, end_s = (read_number(where, column, values[column]) for column in ("start_s", "end_s"))
    if end_s <= start_s:
        raise ConfigError(f"{where}: end_s {end_s:g} is not after start_s {start_s:g}; an event ends after it starts")
    side = values.get("side", "").casefold() or "none"
    if side not in SIDES:
        raise ConfigError(f"{where}: side is {printable(side, 40)!r}, expected {', '.join(SIDES)} or nothing")
    certainty = read_number(where, "certainty", values["certainty"]) if values.get("certainty") else None
    if certainty is not None and certainty > 1:
        raise ConfigError(f"{where}: certainty is {certainty:g}, expected a number from 0 to 1 or nothing")
    found = taxonomy().find(values["class"])
    alternatives: list[str] = []
    for name in filter(None, (part.strip() for part in values.get("alt", "").split("|"))):
        other = taxonomy().find(name)
        if other is None:
            unmapped[name] += 1
        else:
            alternatives.append(other.id)
    if found is None:
        unmapped[values["class"]] += 1
        return None
    return Label(
        clip=values["clip"],
        class_id=found.id,
        start_s=start_s,
        end_s=end_s,
        side=side,
        certainty=certainty,
        alternatives=tuple(alternatives),
        rater=values.get("rater", ""),
        line=line,
    )
