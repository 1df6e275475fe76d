"""Looks at a journal line by line: whole, numbered, of the published form, in order, and readable by its user alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from configs.yamlfile import printable
from monitor.journals.rules import Order
from monitor.journals.writer import being_written
from monitor.reading import parsed, refused
from monitor.record import SCHEMA
from monitor.records import record_types

Form = Callable[[dict[str, Any]], Iterator[str]]
"""Says what of a line is not as the published schema has it."""

_LONGEST: Final = 16 * 2**20
"""A line that is longer than this is none (bytes)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at which line; 0 is the file itself."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in the file. `state` is `ended`, `running` or `without an end`.

    `unknown` counts lines of kinds that a newer version added: they are passed over, and no problem.
    """

    session: str
    lines: int
    state: str
    unknown: int


class Verification:
    """Looks at one journal once; `problems` first, then `found`."""

    def __init__(self, path: Path, *, form: Form | None = None) -> None:
        """Look at `path`; `form` is asked of every line besides."""
        self._path = path
        self._form = form
        self._session: str | None = None
        self._seq = 0
        self._order = Order()
        self.found = Verified("", 0, "without an end", 0)
        """What was found, once every problem was told."""

    def problems(self) -> Iterator[Problem]:
        """Every problem, in the order of lines.

        Raises:
            JournalError: the file cannot be read.
        """
        lines = unknown = 0
        try:
            with self._path.open("rb") as file:
                yield from self._permissions(os.fstat(file.fileno()))
                written = being_written(file)
                while data := file.readline(_LONGEST):
                    lines += 1
                    if not data.endswith(b"\n"):
                        lines -= 1
                        if not written:
                            yield Problem(lines + 1, "torn: readers pass it over")
                        break
                    told = list(self._line(data))
                    unknown += told == [None]
                    yield from (Problem(lines, text) for text in told if text is not None)
        except OSError as error:
            refused(self._path, error)
        if not lines:
            yield Problem(0, "holds no line")
        state = "ended" if self._order.ended else "running" if written else "without an end"
        self.found = Verified(self._session or "", lines, state, unknown)

    def _permissions(self, there: os.stat_result) -> Iterator[Problem]:
        mode = stat.S_IMODE(there.st_mode)
        if mode & 0o077:
            yield Problem(0, f"others may read or write it (mode {mode:04o}): chmod 600 it")
        folder = stat.S_IMODE(self._path.absolute().parent.stat().st_mode)
        if folder & stat.S_IWOTH and not folder & stat.S_ISVTX:
            yield Problem(0, f"others may delete or replace it: its folder has mode {folder:04o}")

    def _line(self, data: bytes) -> Iterator[str | None]:
        """What is wrong with a whole line; None where it is of a kind that is not known."""
        try:
            line = parsed(data)
        except ValueError as error:
            self._seq += 1
            yield f"is no JSON object: {printable(str(error), 100)}"
            return
        yield from self._head(line)
        try:
            record = record_types().validate_python(line)
        except ValidationError as error:
            problem = error.errors()[0]
            if problem["type"] == "union_tag_invalid" and line.get("schema") == SCHEMA:
                yield None
                return
            # The first place is the kind; what stands there is never shown: it may be a model's words.
            where = ".".join(map(str, problem["loc"][1:])) or "kind"
            yield f"{printable(where, 80)}: {printable(problem['msg'], 120)}"
            return
        yield from self._order.take(record)
        if self._form is not None:
            yield from self._form(line)

    def _head(self, line: dict[str, Any]) -> Iterator[str]:
        schema, session, seq = line.get("schema"), line.get("session"), line.get("seq")
        if schema != SCHEMA:
            yield f"schema {printable(str(schema), 20)}, not {SCHEMA}"
        self._session = self._session or (session if isinstance(session, str) else None)
        if session != self._session or session is None:
            yield f"session {printable(str(session), 80)}, not {self._session}"
        self._seq += 1
        if seq != self._seq:
            yield f"number {printable(str(seq), 20)}, not {self._seq}"
            if isinstance(seq, int) and not isinstance(seq, bool):
                self._seq = seq


def published_form() -> Form:
    """Asks the published schema (`configs/journal.schema.json`).

    Raises:
        ImportError: the package jsonschema is not installed.
    """
    import json
    from importlib.resources import files

    from jsonschema import Draft202012Validator

    schema = json.loads(files("configs").joinpath("journal.schema.json").read_text(encoding="utf-8"))
    # Asked for the form of its own kind alone: all thirteen take thirteen times as long.
    records = [each["$ref"] for each in schema.pop("oneOf")]
    kinds = {schema["$defs"][ref.rpartition("/")[2]]["properties"]["kind"]["const"]: ref for ref in records}
    validators = {kind: Draft202012Validator({**schema, "$ref": ref}) for kind, ref in kinds.items()}

    def form(line: dict[str, Any]) -> Iterator[str]:
        for error in validators[line["kind"]].iter_errors(line):
            yield f"{error.json_path}: not as {error.validator} of the published schema asks"

    return form
