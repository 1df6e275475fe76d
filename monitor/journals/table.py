"""The list of journals as a table for people, and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from monitor.journals.listing import Ended, Listed, Listing
from monitor.outputs.cells import counted, harmless, mmss, pad
from monitor.outputs.theme import Theme

_HEAD: Final = ("SESSION", "BEGAN (UTC)", "LENGTH", "MODE", "WINDOWS", "ENDED", "SIZE", "NOT DELIVERED", "SOURCE")

_RIGHT: Final = frozenset({"LENGTH", "WINDOWS", "SIZE"})


def table(listing: Listing, theme: Theme) -> Iterator[str]:
    """A line for each journal under a head; columns are as wide as what stands in them, the source stands last."""
    rows = [_HEAD, *(_row(one, theme) for one in listing.journals)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    signs = [-1 if name in _RIGHT else 1 for name in _HEAD]
    for row in rows if listing.journals else ():
        cells = (pad(text, sign * width, theme) for text, sign, width in zip(row, signs, widths, strict=False))
        yield "  ".join((*cells, row[-1])).rstrip()
    if not listing.journals:
        yield "no journals there"
    if listing.strange:
        names = ", ".join(harmless(path.name, theme) for path in listing.strange[:3])
        more = ", ..." if len(listing.strange) > 3 else ""
        yield f"{counted(len(listing.strange), 'file')} without a session: {names}{more}"


def as_json(listing: Listing) -> str:
    """A JSON list of objects with the fields of `Listed`; `owed` is an object from destination to lines."""
    return json.dumps([_plain(one) for one in listing.journals], indent=1, ensure_ascii=False)


def _plain(one: Listed) -> dict[str, object]:
    return {**dataclasses.asdict(one), "path": str(one.path), "owed": dict(one.owed)}


def _row(one: Listed, theme: Theme) -> tuple[str, ...]:
    began = datetime.fromisoformat(one.began or one.written).astimezone(UTC)
    owed = ", ".join(f"{name} <= {lines}" for name, lines in one.owed)
    dash = theme.glyphs.dash
    return (
        harmless(one.session, theme),
        f"{began:%Y-%m-%d %H:%M}",
        mmss(one.length_s),
        harmless(one.mode, theme),
        dash if one.judged is None else str(one.judged),
        one.ended.value if one.ended is not Ended.RUNNING else f"{theme.glyphs.dot} running",
        size(one.nbytes),
        owed or dash,
        harmless(one.source, theme),
    )


def size(nbytes: int) -> str:
    """Bytes as KiB or MiB."""
    return f"{nbytes / 2**20:.1f} MiB" if nbytes >= 2**20 else f"{nbytes / 2**10:.0f} KiB"
