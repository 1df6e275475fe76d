from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

import cli
from streams.synthetic import Interview
from tests.clips import Tone, write

pytestmark = pytest.mark.media

ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HEAVY = ("torch", "transformers", "aiortc", "ray", "mediapipe", "openai", "matplotlib")


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error; nothing else may stand on stderr."""
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("replay", "nowhere.mp4"), 2, "nowhere.mp4"),
        (("replay", "."), 2, "folder"),
        (("replay", "x.mp4", "--set", "faces.maskk=solid"), 2, "faces.mask"),
        (("replay", "x.mp4", "--set", "faces.mask=opaque"), 2, "solid"),
        (("replay", "x.mp4", "--profile", "fast"), 2, "low-power"),
        (("replay", "x.mp4", "--describer", "oracle"), 2, "one of auto, cues"),
        (("config", "check", "--set", "horizon.dense_s=4"), 2, "dense_s"),
        (("models", "fetch", "resnet"), 2, "resnet"),
        (("demo", "--nfbl", "x.csv"), 2, "demo"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_thing(
    words: tuple[str, ...], code: int, says: str, tmp_path: Path
) -> None:
    result = command(*words, XDG_STATE_HOME=str(tmp_path))
    assert says in one_line(result)
    assert result.returncode == code
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words", [(), ("dance",), ("replay",), ("replay", "x", "--speed", "0"), ("replay", "x", "--ui", "gtk")]
)
def test_wrong_usage_is_told_and_ends_with_2(words: tuple[str, ...]) -> None:
    result = command(*words)
    assert result.returncode == 2
    assert "usage:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_holds_nothing_to_play_fails_with_1(models: None, tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("Dear reader, this is no film.")
    result = command("replay", str(path), XDG_STATE_HOME=str(tmp_path))
    assert "letter.mp4" in one_line(result)
    assert result.returncode == 1


def test_json_on_stdout_is_the_journal_and_nothing_else(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=3.0))
    journal = tmp_path / "j.jsonl"
    result = command("replay", str(clip), "--speed", "max", "--ui", "json", "--journal", str(journal))
    assert result.returncode == 0
    assert result.stdout == journal.read_text(encoding="utf-8")
    assert json.loads(result.stdout.splitlines()[0])["kind"] == "session"


def test_without_a_path_the_journal_goes_to_the_state_folder(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=1.0))
    result = command("replay", str(clip), "--speed", "max", "--ui", "none", XDG_STATE_HOME=str(tmp_path / "state"))
    assert result.returncode == 0
    (journal,) = (tmp_path / "state").rglob("*.jsonl")
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_leaves_early_is_no_error(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=30.0))
    line = f"{sys.executable} -m cli replay {clip} --speed max --ui json --journal {tmp_path / 'j.jsonl'} | head -1"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_session_is_flushed_and_ends_with_130(
    number: signal.Signals, interview: Interview, tmp_path: Path
) -> None:
    journal = tmp_path / "j.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "replay", str(interview.video), "--ui", "json", "--journal", str(journal)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == ""
    assert json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])["reason"] == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back_whatever_ends_the_session(
    number: signal.Signals, interview: Interview, tmp_path: Path
) -> None:
    person, program = pty.openpty()
    before = termios.tcgetattr(program)
    words = ["replay", str(interview.video), "--ui", "full", "--journal", str(tmp_path / "j.jsonl")]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        stdin=program,
        stdout=program,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        assert ENTER_SCREEN in read_until(person, b"LIVE")
        process.send_signal(number)
        read_until(person, LEAVE_SCREEN)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert termios.tcgetattr(program) == before
    os.close(person)
    os.close(program)


def read_until(fd: int, word: bytes) -> bytes:
    """What comes out of a terminal up to and with `word`."""
    seen = b""
    while word not in seen:
        ready, _, _ = select.select([fd], [], [], 60)
        assert ready, f"{word!r} never came, only {seen[-300:]!r}"
        seen += os.read(fd, 65536)
    return seen


def test_the_default_path_imports_nothing_heavy(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=1.0))
    journal = tmp_path / "j.jsonl"
    script = (
        "import sys, cli\n"
        f"code = cli.main(['replay', {str(clip)!r}, '--speed', 'max', '--ui', 'none', '--journal', {str(journal)!r}])\n"
        f"print(code, sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.strip() == "0 []"


def test_models_are_listed_with_their_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "centerface" in out
    assert "Apache-2.0" in out


def test_the_settings_shown_are_the_ones_in_force_with_their_origins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_MONITOR__FACES__MASK", "soft")
    assert cli.main(["config", "show", "--profile", "interview", "--set", "seed=3"]) == 0
    out = capsys.readouterr().out
    assert "EMOTION_MONITOR__FACES__MASK" in out
    assert "interview.yaml" in out
    assert "--set" in out


def test_every_shipped_profile_is_valid() -> None:
    for profile in ("default", "interview", "paper", "low-power"):
        assert cli.main(["config", "check", "--profile", profile]) == 0


def test_a_feed_named_off_is_no_feed(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=1.0))
    journal = str(tmp_path / "j.jsonl")
    assert cli.main(["replay", str(clip), "--nfbl", "off", "--speed", "max", "--ui", "none", "--journal", journal]) == 0


def test_waiting_for_models_is_told_and_a_server_that_is_away_is_named(
    models: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=5.0))
    words = ["replay", str(clip), "--speed", "max", "--ui", "plain", "--journal", str(tmp_path / "j.jsonl")]
    assert cli.main([*words, "--server", "http://127.0.0.1:9/v1"]) == 0
    said = capsys.readouterr()
    assert "Starting the models" in said.err
    assert "cannot be reached" in said.out + said.err
    assert cli.main([*words[:-1], str(tmp_path / "k.jsonl")]) == 0
    assert "Starting the models" not in capsys.readouterr().err
