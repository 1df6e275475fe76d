from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from configs.errors import ConfigError, ExportError
from monitor.export import sinks
from monitor.export.export import export
from monitor.export.order import Form, Order
from tests.made_journal import made_journal

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return made_journal(tmp_path / "session.jsonl")


def run(journal: Path, *arguments: str) -> int:
    return cli.main(["export", str(journal), *arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


class TestFiles:
    def test_tables_go_to_a_folder_of_their_own(self, journal: Path, tmp_path: Path) -> None:
        assert run(journal, "--to", "csv", "--out", str(tmp_path / "tables"), "--kinds", "verdict,nfbl") == 0
        assert names(tmp_path / "tables") == ["nfbl.csv", "verdict.csv"]

    def test_one_table_goes_to_a_file_or_into_a_folder_that_is_there(self, journal: Path, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        assert run(journal, "--to", "csv", "--out", str(tmp_path / "v.csv"), "--kinds", "verdict") == 0
        assert run(journal, "--to", "csv", "--out", str(tmp_path / "there"), "--kinds", "verdict") == 0
        assert (tmp_path / "v.csv").read_bytes() == (tmp_path / "there" / "verdict.csv").read_bytes()

    def test_a_slash_at_the_end_names_a_folder_also_for_one_table(self, journal: Path, tmp_path: Path) -> None:
        assert run(journal, "--to", "csv", "--kinds", "verdict", "--out", f"{tmp_path / 'tables'}/") == 0
        assert names(tmp_path / "tables") == ["verdict.csv"]

    @pytest.mark.parametrize("to", ["csv", "eaf", "vtt", "jsonl"])
    def test_files_are_their_owners_alone(self, journal: Path, tmp_path: Path, to: str) -> None:
        out = tmp_path / "out"
        assert run(journal, "--to", to, "--out", str(out)) == 0
        for path in (out, *(out.iterdir() if out.is_dir() else ())):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)

    def test_nothing_is_replaced_unasked(
        self, journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out.vtt"
        out.write_text("mine")
        assert run(journal, "--to", "vtt", "--out", str(out)) == 2
        assert capsys.readouterr().err == (
            "emotion-monitor: out.vtt: is there already; name another file, or add --force\n"
        )
        assert out.read_text() == "mine"
        assert run(journal, "--to", "vtt", "--out", str(out), "--force") == 0
        assert out.read_text().startswith("WEBVTT")

    def test_one_name_that_is_taken_keeps_all_the_others_from_being_written(
        self, journal: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mark.csv").touch()
        assert run(journal, "--to", "csv", "--out", str(tmp_path / "out")) == 2
        assert names(tmp_path / "out") == ["mark.csv"]

    def test_the_journal_itself_is_never_written_over(self, journal: Path) -> None:
        before = journal.read_bytes()
        assert run(journal, "--to", "jsonl", "--out", str(journal), "--force", "--kinds", "verdict") == 2
        assert journal.read_bytes() == before

    def test_a_link_that_somebody_laid_is_not_written_through(self, journal: Path, tmp_path: Path) -> None:
        (tmp_path / "theirs").write_text("theirs")
        (tmp_path / "out.jsonl").symlink_to(tmp_path / "theirs")
        assert run(journal, "--to", "jsonl", "--out", str(tmp_path / "out.jsonl"), "--force") == 0
        assert (tmp_path / "theirs").read_text() == "theirs"
        with pytest.raises(ExportError):
            sinks.GrowingFile(_linked(tmp_path), force=True)

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (("--to", "csv"), "a csv table holds one kind of line; name a folder with --out, or one of --kinds"),
            (("--to", "parquet", "--kinds", "mark"), "parquet is no text; name a file or folder with --out"),
            (("--to", "csv", "--out", "{file}"), "file: several kinds go to a folder; name one, or one of --kinds"),
            (("--to", "csv", "--kinds", "verdicts"), "--kinds verdicts: csv holds session, verdict, description"),
            (("--to", "vtt", "--out", "{folder}/new/"), "new: vtt is one file; name it without a slash at its end"),
            (("--to", "csv", "--kinds", "mark", "--out", "{file}/"), "file: is no folder; name one"),
            (("--to", "vtt", "--out", "{folder}"), "folder: is a folder; name a file"),
            (("--to", "vtt", "--out", "/dev/null"), "null: is no ordinary file; name another one"),
        ],
    )
    def test_what_cannot_be_is_told_in_one_line(
        self,
        journal: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        arguments: tuple[str, ...],
        problem: str,
    ) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        filled = [one.format(file=tmp_path / "file", folder=tmp_path / "folder") for one in arguments]
        assert run(journal, *filled) == 2
        said = capsys.readouterr().err
        assert problem in said
        assert said.count("\n") == 1

    def test_a_folder_that_is_missing_is_told(
        self, journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(journal, "--to", "vtt", "--out", str(tmp_path / "absent" / "out.vtt")) == 1
        said = "out.vtt cannot be written: No such file or directory: check the path and its permissions"
        assert said in capsys.readouterr().err

    @pytest.mark.parametrize("words", ["verdict,", ",", "a,,b"])
    def test_a_list_with_nothing_in_it_is_refused(self, journal: Path, words: str) -> None:
        with pytest.raises(SystemExit) as ended:
            run(journal, "--to", "csv", "--kinds", words)
        assert ended.value.code == 2

    @pytest.mark.parametrize("words", ["nan", "inf", "soon"])
    def test_an_offset_that_is_no_number_is_refused(self, journal: Path, words: str) -> None:
        with pytest.raises(SystemExit) as ended:
            run(journal, "--to", "vtt", "--offset", words)
        assert ended.value.code == 2


class TestJournals:
    def test_one_that_is_missing_is_told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(tmp_path / "absent.jsonl", "--to", "vtt", "--out", str(tmp_path / "out.vtt")) == 2
        assert "absent.jsonl: `emotion-monitor journal ls` lists those there are" in capsys.readouterr().err
        assert names(tmp_path) == []

    @pytest.mark.parametrize(
        "text", ["", "hello\n", '{"schema":1,"session":"m-1","seq":1,"kind":"mark","media_s":0.0}\n']
    )
    def test_what_is_no_journal_leaves_nothing_behind(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "none.jsonl"
        path.write_text(text)
        for to in ("csv", "vtt", "eaf", "jsonl"):
            assert run(path, "--to", to, "--out", str(tmp_path / "out")) == 1
        assert names(tmp_path) == ["none.jsonl"]

    def test_one_that_is_damaged_in_the_middle_leaves_nothing_behind(self, journal: Path, tmp_path: Path) -> None:
        lines = journal.read_text().splitlines(keepends=True)
        journal.write_text("".join([*lines[:50], "{broken\n", *lines[50:]]))
        for to in ("csv", "vtt", "eaf", "jsonl"):
            assert run(journal, "--to", to, "--out", str(tmp_path / "out")) == 1
        assert names(tmp_path) == ["session.jsonl"]

    def test_one_of_a_killed_session_is_exported_as_far_as_it_goes(self, journal: Path, tmp_path: Path) -> None:
        journal.write_bytes(journal.read_bytes()[:-500])
        assert run(journal, "--to", "jsonl", "--out", str(tmp_path / "out.jsonl")) == 0
        written = (tmp_path / "out.jsonl").read_bytes()
        assert written.endswith(b"\n")
        assert journal.read_bytes().startswith(written)


class TestInterrupted:
    def test_a_whole_file_is_given_up(self, journal: Path, tmp_path: Path) -> None:
        left = iter(range(20))

        def check() -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        for to in (Form.CSV, Form.EAF, Form.JSONL):
            with pytest.raises(KeyboardInterrupt):
                export(Order(journal=journal, to=to, out=tmp_path / "out"), check=check)
        assert names(tmp_path) == ["session.jsonl"]

    @pytest.mark.parametrize("to", ["csv", "jsonl", "vtt", "eaf"])
    def test_a_disk_that_fills_up_leaves_nothing_behind(self, journal: Path, tmp_path: Path, to: str) -> None:
        command = f"ulimit -f 1; exec {sys.executable} -m cli export {journal} --to {to} --out {tmp_path / 'out'}"
        ended = shell(command)
        assert ended.returncode == 1
        assert "cannot be written: File too large" in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert names(tmp_path) == ["session.jsonl"]


class TestStandardOutput:
    @pytest.mark.parametrize(("to", "first"), [("vtt", "WEBVTT"), ("eaf", "<?xml"), ("jsonl", '{"schema":1')])
    def test_it_takes_what_is_one_text(
        self, journal: Path, capfd: pytest.CaptureFixture[str], to: str, first: str
    ) -> None:
        assert run(journal, "--to", to) == 0
        out, err = capfd.readouterr()
        assert out.startswith(first)
        assert err == ""

    def test_it_takes_one_table(self, journal: Path, capfd: pytest.CaptureFixture[str]) -> None:
        assert run(journal, "--to", "csv", "--kinds", "nfbl", "--out", "-") == 0
        rows = list(csv.DictReader(capfd.readouterr().out.splitlines()))
        assert [row["class"] for row in rows] == ["N7", "N14", "N17", "N5"]

    def test_a_reader_that_leaves_ends_it_quietly(self, journal: Path) -> None:
        command = f"{sys.executable} -m cli export {journal} --to jsonl | head -1; echo ${{PIPESTATUS[0]}}"
        ended = shell(command)
        assert ended.stdout.endswith("\n0\n")
        assert ended.stderr == ""

    def test_a_full_disk_behind_it_is_told(self, journal: Path) -> None:
        command = f"{sys.executable} -m cli export {journal} --to jsonl > /dev/full"
        ended = shell(command)
        assert ended.returncode == 1
        assert ended.stderr == ("emotion-monitor: standard output: No space left on device: free some on that disk\n")


class TestSinks:
    def test_a_name_that_is_taken_meanwhile_is_not_replaced(self, tmp_path: Path) -> None:
        sink = sinks.WholeFile(tmp_path / "out", force=False)
        sink.write(b"ours")
        sink.settle()
        (tmp_path / "out").write_text("theirs")
        with pytest.raises(ConfigError, match="is there already"):
            sink.finish()
        sink.abandon()
        assert names(tmp_path) == ["out"]
        assert (tmp_path / "out").read_text() == "theirs"

    def test_a_growing_file_that_nothing_came_for_is_not_left(self, tmp_path: Path) -> None:
        sinks.GrowingFile(tmp_path / "out", force=False).abandon()
        assert names(tmp_path) == []

    def test_a_folder_that_may_not_be_written_to_is_told(self, journal: Path, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(ExportError, match="Permission denied"):
            export(Order(journal=journal, to=Form.VTT, out=tmp_path / "closed" / "out.vtt"))


def _linked(folder: Path) -> Path:
    (folder / "new.jsonl").symlink_to(folder / "theirs")
    return folder / "new.jsonl"
