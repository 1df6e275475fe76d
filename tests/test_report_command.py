"""`report JOURNAL` on the command line."""

from __future__ import annotations

import importlib
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli import main
from configs.errors import ExportError
from monitor.export import sinks
from monitor.journal import Journal
from tests.made_journal import SESSION, made_journal, made_records

pytestmark = pytest.mark.unit


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return made_journal(tmp_path / "talk.jsonl")


def full(sink: sinks.WholeFile) -> None:
    raise ExportError(f"{sink.path.name} cannot be written: No space left on device")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_report_is_written_here_under_the_name_of_its_journal(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(journal)]) == 0
    made = tmp_path / "talk.html"
    assert made.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert mode(made) == 0o600
    assert capsys.readouterr().out == "Written to talk.html (0.2 MB)\n"


def test_nothing_is_overwritten_unasked(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "talk.html"
    made.write_text("mine")
    assert main(["report", str(journal)]) == 2
    assert made.read_text() == "mine"
    assert "add --force" in capsys.readouterr().err
    assert main(["report", str(journal), "--force"]) == 0
    assert made.read_text() != "mine"


def test_plots_are_written_as_png_and_svg(journal: Path, tmp_path: Path) -> None:
    assert main(["report", str(journal), "--plots", "plots"]) == 0
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    charts = ("coverage", "estimate", "health", "rates", "timeline")
    assert names == {f"{name}.{ending}" for name in charts for ending in ("png", "svg")}
    assert mode(tmp_path / "plots") == 0o700
    assert {mode(path) for path in (tmp_path / "plots").iterdir()} == {0o600}
    assert (tmp_path / "plots" / "estimate.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_that_is_there_stops_the_whole_report(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "estimate.svg").write_text("mine")
    assert main(["report", str(journal), "--plots", "."]) == 2
    assert (tmp_path / "estimate.svg").read_text() == "mine"
    assert not (tmp_path / "talk.html").exists()


def test_share_leaves_out_whose_session_it_is(journal: Path, tmp_path: Path) -> None:
    assert main(["report", str(journal), "--share"]) == 0
    # A journal's name may be its session's id.
    assert not (tmp_path / "talk.html").exists()
    assert "carol" not in (tmp_path / "shared.html").read_text(encoding="utf-8")


def test_where_one_file_cannot_be_written_none_is(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.html").write_text("mine")
    folder = tmp_path / "plots"
    folder.mkdir()
    (folder / "timeline.svg").mkdir()
    assert main(["report", str(journal), "--plots", "plots", "--force"]) == 2
    assert (tmp_path / "talk.html").read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["timeline.svg"]


def test_a_folder_that_was_made_for_nothing_is_not_left(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks.WholeFile, "settle", full)
    assert main(["report", str(journal), "--plots", "plots"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["talk.jsonl"]


def test_a_report_needs_no_media_library(journal: Path) -> None:
    code = "import sys, cli; cli.main(sys.argv[1:]); sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, "report", str(journal)], check=False).returncode == 0


def test_a_journal_that_is_written_just_now_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Journal(tmp_path / "live.jsonl", SESSION, fsync=False) as journal:
        for record in made_records(ended=False)[:20]:
            journal.append(record)
        assert main(["report", "live.jsonl", "--out", "going.html"]) == 0
    assert main(["report", "live.jsonl", "--out", "killed.html"]) == 0
    assert "This session has not ended" in (tmp_path / "going.html").read_text(encoding="utf-8")
    assert "ended without an end record" in (tmp_path / "killed.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["none.jsonl"], 2, "no journal none.jsonl: `emotion-monitor journal ls` lists"),
        (["."], 1, "no ordinary file"),
        (["empty.jsonl"], 1, "is empty"),
        (["text.txt"], 1, "is no journal"),
        (["talk.jsonl", "--out", "."], 2, "is a folder"),
        (["talk.jsonl", "--out", "talk.jsonl", "--force"], 2, "is the journal itself"),
        (
            ["talk.jsonl", "--out", "none/x.html"],
            1,
            "x.html cannot be written: No such file or directory: check the path",
        ),
        (["talk.jsonl", "--plots", "text.txt"], 2, "is no folder"),
        (["talk.jsonl", "--plots", "text.txt/plots"], 1, "Not a directory"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "text.txt").write_text("hello\n")
    assert main(["report", *arguments]) == code
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_a_damaged_journal_is_no_report(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal.write_bytes(journal.read_bytes().replace(b'"seq":40,', b'"seq":41,'))
    assert main(["report", str(journal)]) == 1
    assert "damaged at line 40" in capsys.readouterr().err
    assert not (tmp_path / "talk.html").exists()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(
    journal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(("monitor.report.", f"{package}."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    importlib.invalidate_caches()
    assert main(["report", str(journal)]) == 2
    assert "pip install 'emotion-monitor[report]'" in capsys.readouterr().err
