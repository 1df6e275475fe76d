from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from buffers.records import Group, Phase
from configs.errors import ConfigError
from monitor import records
from monitor.export.columns import Type
from monitor.export.export import export
from monitor.export.order import Form, Order
from monitor.export.tables import COMMON, TABLES
from monitor.record import Record
from streams.nfbl.annotations.declaration import Declaration
from streams.nfbl.annotations.read import read_annotations
from tests.made_journal import SESSION, made_journal, made_records

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[1] / "docs" / "export.md"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return made_journal(tmp_path / "session.jsonl")


def table(journal: Path, kind: str, *, to: Form = Form.CSV, share: bool = False) -> list[dict[str, str]]:
    out = journal.parent / f"{kind}.{to}"
    export(Order(journal=journal, to=to, kinds=(kind,), out=out, force=True, share=share))
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines(journal: Path, kind: str) -> list[dict[str, Any]]:
    parsed = [json.loads(line) for line in journal.read_text().splitlines()]
    return [line for line in parsed if line["kind"] == kind]


def event(phase: Phase, known_s: float, name: str = "e1", **more: Any) -> Record:  # noqa: ANN401 - any field
    made: dict[str, Any] = {
        "id": name,
        "phase": phase,
        "group": Group.HEAD,
        "class_id": "N7",
        "name": "Touching nose",
        "side": "left",
        "start_s": 1.0,
        "end_s": known_s,
        "score": 0.5,
        "alternatives": (("N5", 0.2), ("N6", 0.1)),
        "source": "rules",
        "speaking": None,
    }
    return records.NfblRecord(media_s=known_s, **made | more)


def test_every_kind_of_line_has_a_table() -> None:
    kinds = {kind.__dataclass_fields__["kind"].default for kind in get_args(get_args(records.AnyRecord)[0])}
    assert set(TABLES) == kinds


def test_a_table_has_a_row_for_every_line_of_its_kind_and_says_what_the_line_says(journal: Path) -> None:
    verdicts = lines(journal, "verdict")
    rows = table(journal, "verdict")
    assert [int(row["seq"]) for row in rows] == [line["seq"] for line in verdicts]
    first, line = rows[0], verdicts[0]
    assert first["session"] == SESSION
    assert first["ts"] == "2026-11-22T09:00:30.000Z"
    assert (first["label"], float(first["p_positive"]), first["calibrated"]) == ("positive", 0.7, "false")
    assert float(first["end_s"]) == line["window"]["end_s"]
    assert float(first["coverage_video"]) == line["coverage"]["video"]
    assert first["rationale"] == line["rationale"]


def test_what_is_not_known_is_an_empty_cell(journal: Path) -> None:
    abstained = next(row for row in table(journal, "verdict") if row["label"] == "abstain")
    assert abstained["p_positive"] == ""
    assert abstained["confidence"] == ""


def test_a_recording_has_no_wall_time(tmp_path: Path) -> None:
    journal = made_journal(tmp_path / "j.jsonl", made_records(mode=records.Mode.MAX))
    assert {row["ts"] for row in table(journal, "verdict")} == {""}


def test_an_event_is_one_row_as_it_was_told_last(journal: Path) -> None:
    rows = {row["id"]: row for row in table(journal, "nfbl")}
    assert sorted(rows) == ["e1", "e2", "e3", "e4"]
    folding = rows["e3"]
    assert (float(folding["start_s"]), float(folding["end_s"]), folding["closed"]) == (240.0, 290.0, "true")
    assert float(folding["known_s"]) == 240.6
    assert (folding["class"], folding["group"], folding["side"]) == ("N17", "arms", "both")
    assert folding["alternatives"] == "N5:0.2"


def test_an_event_that_was_never_over_is_a_row_too(tmp_path: Path) -> None:
    head = made_records()[0]
    journal = made_journal(tmp_path / "j.jsonl", [head, event(Phase.OPEN, 1.5), event(Phase.UPDATE, 3.0, score=0.9)])
    (row,) = table(journal, "nfbl")
    assert (row["closed"], row["known_s"], row["end_s"], row["score"]) == ("false", "1.5", "3.0", "0.9")


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_words_become_a_formula(tmp_path: Path, words: str) -> None:
    journal = made_journal(tmp_path / "j.jsonl", [made_records()[0], records.MarkRecord(media_s=1.0, note=words)])
    assert table(journal, "mark")[0]["note"] == f"'{words}"


def test_numbers_are_never_taken_for_formulas(tmp_path: Path) -> None:
    head = made_records()[0]
    health = records.HealthRecord(
        media_s=1.0,
        tracks=(),
        whole_frames=0,
        detector_failures=0,
        voice_failures=0,
        horizon_bytes=0,
        drift_ppm=-12.5,
    )
    assert table(made_journal(tmp_path / "j.jsonl", [head, health]), "health")[0]["drift_ppm"] == "-12.5"


def test_words_with_quotes_commas_and_line_ends_are_read_back_as_they_were(tmp_path: Path) -> None:
    words = 'She said: "no",\nthen; „yes“\r\n'
    journal = made_journal(tmp_path / "j.jsonl", [made_records()[0], records.MarkRecord(media_s=1.0, note=words)])
    assert table(journal, "mark")[0]["note"] == words


@pytest.mark.parametrize("to", [Form.CSV, Form.JSONL])
def test_what_was_seen_can_be_replayed_with_its_sides_and_scores(journal: Path, to: Form) -> None:
    out = journal.parent / f"seen.{to}"
    export(Order(journal=journal, to=to, kinds=("nfbl",), out=out))
    found = read_annotations(out, Declaration())
    assert [(row.label, row.start_s, row.end_s, row.side, row.score) for row in found.rows] == [
        ("N7", 61.0, 64.5, "left", 0.7),
        ("N14", 118.0, 130.0, "both", 0.7),
        ("N17", 240.0, 290.0, "both", 0.7),
        ("N5", 301.0, 302.0, "right", 0.7),
    ]


def test_lines_by_kind_are_the_journals_own_bytes(journal: Path) -> None:
    out = journal.parent / "some.jsonl"
    export(Order(journal=journal, to=Form.JSONL, kinds=("verdict", "nfbl"), out=out))
    wanted = [line for line in journal.read_bytes().splitlines(True) if re.search(rb'"kind":"(verdict|nfbl)"', line)]
    assert out.read_bytes() == b"".join(wanted)


def test_all_lines_are_the_journal(journal: Path) -> None:
    out = journal.parent / "all.jsonl"
    export(Order(journal=journal, to=Form.JSONL, out=out))
    assert out.read_bytes() == journal.read_bytes()


class TestParquet:
    @pytest.fixture
    def folder(self, journal: Path) -> Path:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra export)")
        folder = journal.parent / "tables"
        export(Order(journal=journal, to=Form.PARQUET, out=folder))
        return folder

    def read(self, folder: Path, kind: str) -> Any:  # noqa: ANN401 - pyarrow has no types
        import pyarrow.parquet as pq

        return pq.read_table(folder / f"{kind}.parquet")

    def test_there_is_a_file_for_every_kind(self, folder: Path) -> None:
        assert sorted(path.name for path in folder.iterdir()) == sorted(f"{kind}.parquet" for kind in TABLES)

    @pytest.mark.parametrize("kind", TABLES)
    def test_it_holds_what_the_csv_holds(self, folder: Path, journal: Path, kind: str) -> None:
        rows = table(journal, kind)
        found = self.read(folder, kind)
        assert found.num_rows == len(rows)
        for column in found.schema.names:
            for cell, text in zip(found[column].to_pylist(), (row[column] for row in rows), strict=True):
                assert _as_text(cell) == text.removeprefix("'"), column

    def test_columns_are_typed_and_say_their_units(self, folder: Path) -> None:
        schema = self.read(folder, "verdict").schema
        types = {name: str(schema.field(name).type) for name in ("seq", "p_positive", "calibrated", "label", "ts")}
        assert types == {
            "seq": "int64",
            "p_positive": "double",
            "calibrated": "bool",
            "label": "string",
            "ts": "timestamp[ms, tz=UTC]",
        }
        assert schema.field("media_s").metadata[b"unit"] == b"s"

    def test_the_file_names_its_session_and_its_judge(self, folder: Path) -> None:
        found = self.read(folder, "verdict").schema.metadata
        assert found[b"emotion_monitor.session"] == SESSION.encode()
        assert found[b"emotion_monitor.heuristic"] == b"true"
        assert found[b"emotion_monitor.journal_schema"] == b"1"

    def test_more_rows_than_one_group_holds_are_all_there(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra export)")
        marks = [records.MarkRecord(media_s=float(at)) for at in range(5000)]
        journal = made_journal(tmp_path / "j.jsonl", [made_records()[0], *marks])
        export(Order(journal=journal, to=Form.PARQUET, out=tmp_path / "mark.parquet", kinds=("mark",)))
        assert self.read(tmp_path, "mark")["media_s"].to_pylist() == [float(at) for at in range(5000)]

    def test_without_the_package_it_says_what_to_install(self, journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ConfigError, match=r"pip install 'emotion-monitor\[export\]'"):
            export(Order(journal=journal, to=Form.PARQUET, out=journal.parent / "new"))
        assert not (journal.parent / "new").exists()


def _as_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if hasattr(cell, "isoformat"):
        return str(cell.isoformat(timespec="milliseconds")).replace("+00:00", "Z")
    return str(cell)


@pytest.mark.parametrize("to", [Form.CSV, Form.PARQUET])
def test_a_begin_that_is_no_time_is_not_known(tmp_path: Path, to: Form) -> None:
    if to is Form.PARQUET:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra export)")
    head, *others = made_records()
    assert isinstance(head, records.SessionRecord)
    path = made_journal(tmp_path / "odd.jsonl", [replace(head, started_at="yesterday"), *others])
    export(Order(journal=path, to=to, out=tmp_path / "out"))
    if to is Form.CSV:
        rows = list(csv.DictReader((tmp_path / "out" / "verdict.csv").read_text().splitlines()))
        assert {row["ts"] for row in rows} == {""}
        assert "yesterday" not in (tmp_path / "out" / "session.csv").read_text()


def test_the_docs_list_every_column() -> None:
    page = DOCS.read_text(encoding="utf-8")
    assert documented() in page, f"put this into docs/export.md:\n{documented()}"


def documented() -> str:
    """The columns as docs/export.md lists them."""
    out = io.StringIO()
    columns = [*COMMON]
    for kind, says, rows in [
        ("every table", "first come", columns),
        *(
            (f"`{kind}`", one.says, [(each.name, each.type, each.unit, each.meaning) for each in one.columns])
            for kind, one in TABLES.items()
        ),
    ]:
        out.write(f"### {kind}: {says}\n\n| column | type | unit | meaning |\n|---|---|---|---|\n")
        for name, type_, unit, meaning in rows:
            out.write(f"| `{name}` | {Type(type_).value} | {unit} | {meaning} |\n")
        out.write("\n")
    return out.getvalue().rstrip("\n")
