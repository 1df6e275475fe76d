"""How checks look: aligned lines under the title of their section, the remedy below; or JSON."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.text import Text

from monitor.colours import GREEN, ORANGE, VERMILION
from monitor.doctor.check import Check, Status
from monitor.outputs.theme import GREY

_STYLES: Final = {Status.OK: GREEN, Status.WARN: ORANGE, Status.FAIL: f"bold {VERMILION}", Status.SKIP: GREY}
_WORDS: Final = {Status.OK: "ok", Status.WARN: "warn", Status.FAIL: "fail", Status.SKIP: "-"}

_INDENT: Final = " " * 9
"""Where remedies begin, and what is left of a longer line."""

_NAME: Final = 22
"""Columns of a name; longer ones push the rest to the right."""


def lines(checks: Iterable[Check], *, ascii_only: bool = False, width: int | None = None) -> Iterator[Text]:
    """A line for each check as it comes, titles and remedies between them, and the sum at the end.

    Longer lines than `width` columns go on below, indented; None never breaks a line.
    """
    counts: Counter[Status] = Counter()
    section = None
    for check in checks:
        if check.section != section:
            section = check.section
            yield Text(section, style="bold")
        counts[check.status] += 1
        yield _line(check, ascii_only=ascii_only, width=width)
        if check.remedy:
            arrow = "->" if ascii_only else "→"
            # Never broken: it is there to be copied.
            yield Text(f"{_INDENT}{arrow} {_fit(check.remedy, ascii_only=ascii_only)}", style="bold")
    yield Text(", ".join(f"{counts[status]} {word}" for status, word in _SUMMED))


_SUMMED: Final = (
    (Status.OK, "ok"),
    (Status.WARN, "warn"),
    (Status.FAIL, "fail"),
    (Status.SKIP, "not set or not there"),
)


def as_json(checks: Sequence[Check]) -> str:
    """A JSON list of objects with the fields of `Check`."""
    return json.dumps([dataclasses.asdict(check) for check in checks], indent=1, ensure_ascii=False)


def _line(check: Check, *, ascii_only: bool, width: int | None) -> Text:
    name, found = (_fit(text, ascii_only=ascii_only) for text in (check.name, check.found))
    text = Text(_broken(f"  {_WORDS[check.status]:<5}  {name:<{_NAME}}  {found}".rstrip(), width))
    text.stylize(_STYLES[check.status], 2, 7)
    return text


def _broken(text: str, width: int | None) -> str:
    """The text in lines of `width` columns; words and paths stay whole."""
    if width is None or len(text) <= width:
        return text
    return textwrap.fill(
        text.lstrip(),
        width,
        initial_indent=text[: len(text) - len(text.lstrip())],
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fit(text: str, *, ascii_only: bool) -> str:
    """One line without what could move a cursor: names of devices and words of servers are others' texts."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    return text.encode("ascii", "replace").decode() if ascii_only else text
