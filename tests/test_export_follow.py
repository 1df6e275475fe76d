"""An export that follows a journal while it is written: the same in the end, whoever ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cli
from configs.errors import JournalError
from monitor.export import sinks
from monitor.export.export import ANOTHER, export
from monitor.export.files import Written
from monitor.export.order import Form, Order
from monitor.interrupts import Interrupts
from monitor.journal import Journal
from tests.made_journal import SESSION, made_journal, made_records
from tests.made_streams import wait_until

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]


def run(journal: Path, *arguments: str) -> int:
    return cli.main(["export", str(journal), *arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Live:
    """A journal that is written a piece at a time, each while the export waits for news."""

    def __init__(self, path: Path, *, ended: bool = True) -> None:
        self.path = path
        self._records = made_records(ended=ended)
        self._journal = Journal(path, SESSION, fsync=False)
        self.looks: list[Callable[[], None]] = []
        self.write(1)

    def write(self, count: int) -> None:
        for record in self._records[:count]:
            self._journal.append(record)
        del self._records[:count]

    def wait(self, _: float) -> None:
        for look in self.looks:
            look()
        self.write(40)
        if not self._records:
            self._journal.close()

    def interrupt_after(self, waits: int) -> Callable[[float], None]:
        left = iter(range(waits))

        def wait(time_s: float) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            self.wait(time_s)

        return wait

    def close(self) -> None:
        self._journal.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path / "live.jsonl")
    yield made
    made.close()


class TestFollowing:
    @pytest.mark.parametrize("to", [Form.CSV, Form.JSONL, Form.EAF, Form.VTT])
    def test_it_ends_with_the_session_and_has_what_an_export_at_its_end_has(
        self, live: Live, tmp_path: Path, to: Form
    ) -> None:
        order: dict[str, Any] = {"journal": live.path, "to": to, "date": "2026-11-22T00:00:00Z"}
        export(Order(out=tmp_path / "followed", follow=True, **order), wait=live.wait)
        export(Order(out=tmp_path / "whole", **order))
        for path in (tmp_path / "whole").iterdir() if to is Form.CSV else (tmp_path / "whole",):
            assert (tmp_path / "followed" / path.name if to is Form.CSV else tmp_path / "followed").read_bytes() == (
                path.read_bytes()
            )

    @pytest.mark.parametrize("to", [Form.CSV, Form.JSONL])
    def test_lines_can_be_read_as_they_come(self, live: Live, tmp_path: Path, to: Form) -> None:
        out, seen = tmp_path / "out", []

        def look() -> None:
            data = out.read_bytes()
            assert data.endswith(b"\n") or not data
            seen.append(data.count(b"\n"))

        live.looks.append(look)
        export(Order(journal=live.path, to=to, out=out, follow=True, kinds=("verdict",)), wait=live.wait)
        assert seen == sorted(seen)
        assert len(set(seen)) > 2

    def test_what_is_one_document_appears_when_it_is_whole(self, live: Live, tmp_path: Path) -> None:
        out = tmp_path / "out.eaf"
        live.looks.append(lambda: _assert_absent(out))
        export(Order(journal=live.path, to=Form.EAF, out=out, follow=True), wait=live.wait)
        assert out.exists()

    @pytest.mark.parametrize("to", [Form.CSV, Form.JSONL, Form.EAF, Form.VTT])
    def test_who_does_not_wait_for_the_end_keeps_what_came(self, live: Live, tmp_path: Path, to: Form) -> None:
        out = tmp_path / "out"
        order = Order(journal=live.path, to=to, out=out, follow=True, kinds=("verdict",))
        (written,) = export(order, wait=live.interrupt_after(2))
        assert written.count > 0
        assert out.stat().st_size > 0

    def test_a_session_that_was_killed_ends_it_too(self, tmp_path: Path) -> None:
        told: list[str] = []
        live = Live(tmp_path / "live.jsonl", ended=False)
        order = Order(journal=live.path, to=Form.JSONL, out=tmp_path / "out.jsonl", follow=True)
        export(order, wait=live.wait, tell=told.append)
        assert (tmp_path / "out.jsonl").read_bytes() == live.path.read_bytes()
        assert len(told) == 1

    def test_another_session_in_the_same_file_is_not_mixed_in(self, tmp_path: Path) -> None:
        told: list[str] = []
        path = tmp_path / "live.jsonl"
        made_journal(path, made_records(ended=False)[:20])
        before = path.read_bytes()

        def wait(_: float) -> None:
            path.unlink(missing_ok=True)
            made_journal(path, session="l-another")

        order = Order(journal=path, to=Form.JSONL, out=tmp_path / "out.jsonl", follow=True)
        export(order, wait=wait, tell=told.append)
        assert (tmp_path / "out.jsonl").read_bytes() == before
        assert ANOTHER in told

    @pytest.mark.parametrize("before", [None, "of before"])
    def test_a_file_that_is_finished_stays_though_nothing_was_to_be_written(
        self, tmp_path: Path, before: str | None
    ) -> None:
        first, *_, last = made_records()
        calm = made_journal(tmp_path / "calm.jsonl", [first, last])
        out = tmp_path / "out.jsonl"
        if before is not None:
            out.write_text(before)
        order = Order(journal=calm, to=Form.JSONL, out=out, follow=True, force=True, kinds=("stall",))
        assert export(order) == (Written(out, 0),)
        assert out.read_bytes() == b""

    def test_a_file_that_is_to_be_replaced_stays_where_nothing_came_of_it(self, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        out.write_text("of before")
        sinks.GrowingFile(out, force=True).abandon()
        assert out.read_text() == "of before"
        sink = sinks.GrowingFile(out, force=True)
        sink.write(b"new\n")
        sink.abandon()
        assert out.read_text() == "new\n"

    def test_ctrl_c_before_the_first_line_is_130_and_no_fault(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        empty = tmp_path / "live.jsonl"
        empty.touch()
        monkeypatch.setattr(Interrupts, "check", interrupted)
        assert run(empty, "--to", "jsonl", "--out", str(tmp_path / "out.jsonl"), "--follow") == 130
        assert capsys.readouterr().err == ""
        assert names(tmp_path) == ["live.jsonl"]

    def test_ctrl_c_ends_it_with_130_and_keeps_the_file(self, tmp_path: Path) -> None:
        live = Live(tmp_path / "live.jsonl")
        live.write(50)
        out = tmp_path / "out.jsonl"
        command = [
            sys.executable,
            "-m",
            "cli",
            "export",
            str(live.path),
            "--to",
            "jsonl",
            "--out",
            str(out),
            "--follow",
        ]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_until(lambda: out.exists() and out.read_bytes() == live.path.read_bytes(), 20.0)
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=20)
            finally:
                process.kill()
                live.close()
        assert process.returncode == 130
        assert "out.jsonl 51" in said
        assert out.read_bytes() == live.path.read_bytes()


def test_a_journal_that_cannot_be_opened_is_told_when_it_is_followed(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        export(Order(journal=tmp_path / "absent.jsonl", to=Form.JSONL, follow=True))


def test_every_kind_that_a_followed_table_holds_has_its_file_from_the_start(live: Live, tmp_path: Path) -> None:
    live.looks.append(lambda: _assert_there(tmp_path / "out" / "verdict.csv", tmp_path / "out" / "end.csv"))
    export(Order(journal=live.path, to=Form.CSV, out=tmp_path / "out", follow=True), wait=live.wait)


def interrupted(_: Interrupts) -> None:
    raise KeyboardInterrupt


def _assert_absent(path: Path) -> None:
    assert not path.exists()


def _assert_there(*paths: Path) -> None:
    assert all(path.exists() for path in paths)
