"""What an export was asked for, and where it goes: everything that can be wrong with it is said before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from configs.errors import ConfigError
from configs.yamlfile import printable
from monitor.export import tiers, webvtt
from monitor.export.sinks import free
from monitor.export.tables import TABLES


class Form(StrEnum):
    """What is made of a journal."""

    CSV = "csv"
    PARQUET = "parquet"
    EAF = "eaf"
    VTT = "vtt"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a form can hold: kinds of lines, and those it holds unless others are asked for.

    A form of `tables` has a file for each kind. What is `timed` lies over a media file. What `grows` can be read while
    a session goes on; the rest is written at its end.
    """

    kinds: tuple[str, ...]
    usual: tuple[str, ...]
    tables: bool = False
    timed: bool = False
    grows: bool = False


_LINES: Final = tuple(TABLES)

RULES: Final[Mapping[Form, Rules]] = MappingProxyType(
    {
        Form.CSV: Rules(_LINES, _LINES, tables=True, grows=True),
        Form.PARQUET: Rules(_LINES, _LINES, tables=True),
        Form.EAF: Rules(tiers.KINDS, tiers.KINDS, timed=True),
        Form.VTT: Rules(webvtt.KINDS, webvtt.USUAL, timed=True),
        Form.JSONL: Rules(_LINES, _LINES, grows=True),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for.

    Attributes:
        journal: what is read.
        to: what is made of it.
        kinds: which lines, empty for the usual ones.
        out: file or folder, None for standard output.
        folder: whether `out` is meant as a folder, also where none is there yet.
        follow: whether to go on until the session ends.
        force: whether files are replaced.
        share: whether everything that may not be passed on is left out.
        media: the recording that annotations are linked to.
        offset_s: where in the recording the session's zero is.
        date: when this is (ISO 8601), for the files that say so.
    """

    journal: Path
    to: Form
    kinds: tuple[str, ...] = ()
    out: Path | None = None
    folder: bool = False
    follow: bool = False
    force: bool = False
    share: bool = False
    media: Path | None = None
    offset_s: float | None = None
    date: str = ""

    @property
    def rules(self) -> Rules:
        """What the form can hold."""
        return RULES[self.to]

    @property
    def media_beside(self) -> str | None:
        """Where the recording lies beneath the folder of `out`; None elsewhere, for folders may tell whose it is.

        Of what is shared no folder is told, so the recording has to lie right there.
        """
        if self.media is None:
            return None
        here = (Path() if self.out is None else self.out.parent).resolve()
        there = self.media.parent.resolve()
        if not there.is_relative_to(here) or (self.share and there != here):
            return None
        return (there.relative_to(here) / self.media.name).as_posix()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The kinds that are written, in the form's own order."""
        return tuple(kind for kind in self.rules.kinds if kind in (self.kinds or self.rules.usual))


_SEVERAL: Final = "several kinds go to a folder; name one, or one of --kinds"
_FOLDER: Final = "is no folder; name one"


def targets(order: Order) -> Mapping[str, Path] | None:
    """The files by the kinds of lines that go into them, one name for all where it is one file; None for no file.

    Raises:
        ConfigError: what is asked for does not go together, or a name is taken.
        ExportError: a name cannot be looked at.
    """
    _check(order)
    if order.out is None:
        if order.to is Form.PARQUET:
            raise ConfigError("export: parquet is no text; name a file or folder with --out")
        if order.rules.tables and len(order.chosen) > 1:
            raise ConfigError(
                f"export: a {order.to} table holds one kind of line; name a folder with --out, or one of --kinds"
            )
        return None
    if order.folder and not order.rules.tables:
        raise ConfigError(f"{_shown(order.out)}: {order.to} is one file; name it without a slash at its end")
    if order.rules.tables and (len(order.chosen) > 1 or order.folder or order.out.is_dir()):
        if order.out.exists() and not order.out.is_dir():
            raise ConfigError(f"{_shown(order.out)}: {_FOLDER if order.folder else _SEVERAL}")
        files = {kind: order.out / f"{kind}.{order.to}" for kind in order.chosen}
    else:
        files = dict.fromkeys(order.chosen, order.out)
    for path in set(files.values()):
        if path.exists() and order.journal.exists() and path.samefile(order.journal):
            raise ConfigError(f"{_shown(path)}: is the journal itself; name another file")
        free(path, force=order.force)
    return files


def _check(order: Order) -> None:
    unknown = [kind for kind in order.kinds if kind not in order.rules.kinds]
    if unknown:
        shown = ", ".join(printable(kind, 40) for kind in unknown)
        raise ConfigError(f"--kinds {shown}: {order.to} holds {', '.join(order.rules.kinds)}")
    if order.media is not None and order.to is not Form.EAF:
        raise ConfigError(f"--media: nothing is linked in {order.to}; it is for eaf")
    if order.media is not None and not order.media.is_file():
        raise ConfigError(f"--media {_shown(order.media)}: is no file; name the recording")
    if order.offset_s is not None and not order.rules.timed:
        raise ConfigError(f"--offset: {order.to} has the session's own times; it is for eaf and vtt")


def _shown(path: Path) -> str:
    return printable(path.name or str(path))
