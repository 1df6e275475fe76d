"""A table as Parquet: typed columns that say their units, and metadata that names the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from configs.errors import ConfigError
from monitor.export.columns import Cell, Row, Type
from monitor.export.sinks import WholeFile, told
from monitor.export.tables import COMMON, TABLES
from monitor.record import SCHEMA
from monitor.records import SessionRecord

_ROWS: Final = 4096
"""Rows that are held before they are written: hours of a session are never in memory."""


def arrow() -> Any:  # noqa: ANN401 - pyarrow has no types
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError("export: parquet needs pyarrow; pip install 'emotion-monitor[export]'") from None
    return pa, pq


class ParquetTable:
    """One table, written to a file in groups of rows."""

    def __init__(self, kind: str, session: str, head: SessionRecord, file: WholeFile) -> None:
        """Write the table of a kind of record to `file`; `head` is the journal's first record."""
        self._pa, pq = arrow()
        self._file = file
        self._schema = self._of(kind).with_metadata(
            {
                "emotion_monitor.session": session,
                "emotion_monitor.kind": kind,
                "emotion_monitor.says": TABLES[kind].says,
                "emotion_monitor.version": head.version,
                "emotion_monitor.journal_schema": str(SCHEMA),
                "emotion_monitor.heuristic": str(head.judge.heuristic).lower(),
                "emotion_monitor.calibrated": str(head.judge.calibrated).lower(),
            }
        )
        self._rows: list[Row] = []
        with told(file.path):
            self._writer = pq.ParquetWriter(file.file, self._schema, compression="zstd")

    def add(self, row: Row) -> None:
        """Add a row. Raises `ExportError`."""
        self._rows.append(row)
        if len(self._rows) >= _ROWS:
            self._write()

    def close(self) -> None:
        """Write what is left, and the end of the file; the file itself is finished by its owner."""
        self._write()
        with told(self._file.path):
            self._writer.close()

    def abandon(self) -> None:
        """Let go of the file before its owner does."""
        self._rows.clear()
        with contextlib.suppress(Exception):  # whatever the library says of a file that nobody wants any more
            self._writer.close()

    def _write(self) -> None:
        if not self._rows:
            return
        columns = [
            self._pa.array(_values(cells, times=self._pa.types.is_timestamp(field.type)), type=field.type)
            for cells, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
        ]
        self._rows.clear()
        with told(self._file.path):
            self._writer.write_table(self._pa.Table.from_arrays(columns, schema=self._schema))

    def _of(self, kind: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        pa = self._pa
        types = {
            Type.TEXT: pa.string(),
            Type.NAME: pa.string(),
            Type.NUMBER: pa.float64(),
            Type.COUNT: pa.int64(),
            Type.FLAG: pa.bool_(),
            Type.TIME: pa.timestamp("ms", tz="UTC"),
        }
        columns = [*COMMON, *((one.name, one.type, one.unit, one.meaning) for one in TABLES[kind].columns)]
        return pa.schema(
            [
                pa.field(name, types[type_], metadata={"unit": unit, "meaning": meaning})
                for name, type_, unit, meaning in columns
            ]
        )


def _values(cells: Iterable[Cell], *, times: bool) -> list[object]:
    if times:
        return [None if cell is None else datetime.fromisoformat(str(cell)) for cell in cells]
    return [str(cell) if isinstance(cell, str) else cell for cell in cells]
