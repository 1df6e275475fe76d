"""`journal ls`, `tail`, `verify` and `prune` at the command line: what they print, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from monitor.journal import Journal, default_path
from tests.made_journal import SESSION, made_journal, made_records

pytestmark = pytest.mark.unit

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The usual folder of journals, in a home of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return default_path("any").parent


def ran(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> tuple[list[str], str]:
    try:
        got = cli.main(["journal", *args])
    except SystemExit as error:
        got = int(error.code or 0)
    said = capsys.readouterr()
    assert got == code, said
    return said.out.splitlines(), said.err


def test_ls_lists_the_usual_folder_and_another(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(capsys, "ls")[0] == [f"no journals yet in {folder}"]
    assert ran(capsys, "ls", "--json")[0] == ["[]"]
    made_journal(folder / f"{SESSION}.jsonl")
    assert any(line.startswith(SESSION) for line in ran(capsys, "ls")[0])
    (one,) = json.loads("\n".join(ran(capsys, "ls", str(folder), "--json")[0]))
    assert (one["session"], one["ended"], one["judged"]) == (SESSION, "ended", 39)
    assert "name a folder" in ran(capsys, "ls", str(tmp_path / "none"), code=1)[1]


def test_tail_shows_the_last_lines_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_journal(folder / f"{SESSION}.jsonl")
    lines, _ = ran(capsys, "tail", "latest", "-n", "3")
    assert [line.split()[1] for line in lines] == ["estimate", "health", "end"]
    lines, _ = ran(capsys, "tail", SESSION[:5], "--kinds", "nfbl,session", "--ascii")
    assert lines[0].split()[1] == "session"
    assert any("open since 01:01" in line for line in lines)
    assert all(line.isascii() for line in lines)
    assert ran(capsys, "tail", "latest", "-n", "0")[0] == []


def test_every_kind_of_line_has_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made_journal(folder / f"{SESSION}.jsonl")
    lines, _ = ran(capsys, "tail", "latest", "-n", "1000")
    assert len(lines) == len(path.read_text().splitlines())
    assert all(len(line.split()) > 2 for line in lines)


def test_tail_gives_the_lines_as_they_are(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = made_journal(folder / f"{SESSION}.jsonl")
    whole = path.read_text().splitlines()
    assert ran(capsys, "tail", str(path), "--json", "-n", "5", "--follow")[0] == whole[-5:]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("tail", "nothing"), "there are none in"),
        (("tail", "latest", "--kinds", "verdicts"), "no such kind"),
        (("tail", "latest", "-n", "-1"), "no count of lines"),
        (("prune", "--keep", "a while"), "as in 90m, 12h, 30d, 2w"),
        (("prune",), "--keep"),
        (("prune", "none", "--keep", "1d"), "is no folder"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_line(
    folder: Path, args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = ran(capsys, *args, code=2)
    assert said in told.splitlines()[-1]


def test_verify_passes_what_is_sound_and_names_file_and_line_of_what_is_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = made_journal(folder / f"{SESSION}.jsonl")
    assert ran(capsys, "verify", "latest", "--schema")[0] == [f"{sound}: sound, 151 lines, ended"]
    bad = made_journal(folder / "bad.jsonl", session="l-bad")
    bad.write_text(bad.read_text().replace('"kind":"mark"', '"kind":'))
    lines, _ = ran(capsys, "verify", "latest", "bad", str(folder / "gone.jsonl"), code=2)
    lines, _ = ran(capsys, "verify", str(sound), "bad", code=1)
    assert lines[0].endswith("sound, 151 lines, ended")
    assert lines[1].startswith(f"{bad}:")
    assert "is no JSON object" in lines[1]


def test_of_many_problems_some_are_told_and_the_rest_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("nonsense\n" * 100)
    lines, _ = ran(capsys, "verify", str(path), code=1)
    assert len(lines) == 21
    assert lines[-1].endswith(": 81 more")


def test_prune_says_what_it_deletes_and_mends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = (made_journal(folder / f"l-{name}.jsonl", session=f"l-{name}") for name in ("old", "new"))
    os.utime(old, (1_600_000_000.0, 1_600_000_000.0))
    new.chmod(0o644)
    assert ran(capsys, "prune", "--keep", "30d", "--dry-run")[0] == [
        f"would be deleted {old}",
        f"would be mended {old.parent / 'l-new.jsonl'} (mode 0644 to 0600)",
        "would delete 1 journal (49 KiB), 0 that are due kept",
    ]
    assert ran(capsys, "prune", "--keep", "30d")[0] == [
        f"deleted {old}",
        f"mended {new} (mode 0644 to 0600)",
        "deleted 1 journal (49 KiB), 0 that are due kept",
    ]
    assert not old.exists()
    assert new.exists()


def test_a_journal_is_followed_from_a_pipe_until_its_session_ends(folder: Path) -> None:
    made = made_records()
    path = folder / f"{SESSION}.jsonl"
    with Journal(path, SESSION, fsync=False) as journal:
        for record in made[:5]:
            journal.append(record)
        with follower(folder, "--kinds", "session,end") as process:
            assert process.stdout is not None
            assert process.stdout.readline().split()[1] == "session"
            for record in made[5:]:
                journal.append(record)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert out.splitlines()[-1].split()[1] == "end"


def test_ctrl_c_and_a_reader_who_leaves_end_it_quietly(folder: Path) -> None:
    with Journal(folder / f"{SESSION}.jsonl", SESSION, fsync=False) as journal:
        for record in made_records()[:5]:
            journal.append(record)
        with follower(folder) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[1] == ""
            assert process.returncode == 130
        with follower(folder) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.stdout.close()
            for record in made_records()[5:40]:
                journal.append(record)
            assert process.wait(30) == 0


def follower(folder: Path, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (sys.executable, "-m", "cli", "journal", "tail", "latest", "--follow", *args),
        cwd=REPO,
        env={**os.environ, "XDG_STATE_HOME": str(folder.parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
