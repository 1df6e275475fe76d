from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import JournalError
from monitor.reading import Reader, read_journal
from monitor.records import MarkRecord
from tests.made_journal import SESSION, made_journal, made_records

pytestmark = pytest.mark.unit


def lines(count: int) -> list[bytes]:
    return [
        MarkRecord(media_s=float(n), note=f"note {n}").to_line("s", n).encode() + b"\n" for n in range(1, count + 1)
    ]


def changed(line: bytes, **fields: Any) -> bytes:  # noqa: ANN401 - whatever a hostile file may hold
    return json.dumps(json.loads(line) | fields).encode() + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "j.jsonl"


def test_a_whole_session_is_read_back_as_it_was_written(path: Path) -> None:
    entries = list(read_journal(made_journal(path)))
    lines = [entry.record.to_line(entry.session, entry.seq) for entry in entries]
    assert lines == path.read_text("utf-8").splitlines()
    assert [type(entry.record) for entry in entries] == [type(record) for record in made_records()]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert {entry.session for entry in entries} == {SESSION}


def test_a_reader_goes_on_where_it_was_and_knows_where_that_is(path: Path) -> None:
    made = lines(5)
    path.write_bytes(b"".join(made[:3]))
    with Reader(path) as reader:
        assert [entry.seq for entry in reader.read(2)] == [1, 2]
        assert (reader.seq, reader.end, reader.session) == (2, len(made[0] + made[1]), "s")
        assert [entry.seq for entry in reader.read()] == [3]
        assert reader.read() == []
        with path.open("ab") as file:
            file.write(made[3] + made[4])
        assert [entry.seq for entry in reader.read()] == [4, 5]


def test_a_torn_last_line_waits_until_it_is_whole(path: Path) -> None:
    made = lines(2)
    path.write_bytes(made[0] + made[1][:-5])
    with Reader(path) as reader:
        assert [entry.seq for entry in reader.read()] == [1]
        assert reader.read() == []
        with path.open("ab") as file:
            file.write(made[1][-5:])
        assert [entry.seq for entry in reader.read()] == [2]


def test_lines_before_the_wanted_ones_are_checked_all_the_same(path: Path) -> None:
    made = lines(4)
    path.write_bytes(b"".join(made))
    with Reader(path, after=3) as reader:
        assert [entry.seq for entry in reader.read()] == [4]
    path.write_bytes(b"".join([made[0], made[2], made[3]]))
    with Reader(path, after=3) as reader, pytest.raises(JournalError, match="damaged at line 2: keep the 1 lines"):
        reader.read()


def test_kinds_and_fields_of_a_newer_version_are_passed_over(path: Path) -> None:
    made = lines(3)
    path.write_bytes(b"".join([made[0], changed(made[1], kind="smell", nose=1), changed(made[2], later=True)]))
    assert [entry.seq for entry in read_journal(path)] == [1, 3]


@pytest.mark.parametrize(
    "bad",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"null\n",
        b"\xff\xfe\n",
        b'{"schema":1\n',
        b"[" * 100_000 + b"\n",
        b"9" * 5000 + b"\n",
        changed(lines(2)[1], schema=2),
        changed(lines(2)[1], session="other"),
        changed(lines(2)[1], session=["s"]),
        changed(lines(2)[1], seq=3),
        changed(lines(2)[1], seq="2"),
        changed(lines(2)[1], media_s="soon"),
        changed(lines(2)[1], media_s=None),
        lines(2)[1].replace(b"2.0", b"NaN"),
        lines(2)[1].replace(b'"kind":"mark",', b""),
    ],
    ids=range(17),
)
def test_a_damaged_line_ends_the_reading_in_one_line_that_says_where(path: Path, bad: bytes) -> None:
    made = lines(3)
    path.write_bytes(made[0] + bad + made[2])
    with Reader(path) as reader:
        found = []
        for _ in range(2):  # it stays damaged
            with pytest.raises(JournalError) as told:
                found += list(reader.whole_lines())
            assert str(told.value) == f"journal {path} is damaged at line 2: keep the 1 lines before it"
    assert not found
    assert reader.seq == 1


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("j") / "j.jsonl"
    path.write_bytes(content)
    if b"\n" in content:
        with pytest.raises(JournalError, match="is damaged at line 1"):
            list(read_journal(path))
    else:
        assert list(read_journal(path)) == []


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"^journal .*/none.jsonl: No such file or directory: check the path"):
        Reader(tmp_path / "none.jsonl")
    with pytest.raises(JournalError, match="Is a directory"):
        Reader(tmp_path)


def test_a_file_that_was_replaced_or_cut_is_noticed_and_one_that_grew_or_went_is_none(path: Path) -> None:
    made = lines(3)
    path.write_bytes(made[0] + made[1])
    with Reader(path) as reader:
        reader.read()
        with path.open("ab") as file:
            file.write(made[2])
        assert not reader.replaced()
        os.truncate(path, len(made[0]))
        assert reader.replaced()
    with Reader(path) as reader:
        path.unlink()
        assert not reader.replaced()
        path.write_bytes(b"".join(made))
        assert reader.replaced()
