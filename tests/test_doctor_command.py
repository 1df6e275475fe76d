"""The command as a person runs it, and what it says of servers and sources that are really there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from configs.load import load_settings
from monitor.doctor import models as large
from monitor.doctor import source
from monitor.doctor.check import Check, Status
from monitor.doctor.probe import Asked, Section, answer
from streams.models.cache import FOLDER_VARIABLE
from streams.selftest import face_speed, voice_factor
from streams.sources.firstlook import first_look
from streams.synthetic import Interview
from tests.made_server import ScriptedServer

pytestmark = pytest.mark.media

SECTIONS = [
    "program",
    "terminal",
    "packages",
    "codecs",
    "system libraries",
    "devices",
    "model files",
    "models",
    "outputs",
    "machine",
    "de-identification",
]


def doctor(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "doctor", *words],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, **environment},
    )


def asked(section: Section, name: str, overrides: Sequence[str], uri: str | None = None) -> list[Check]:
    (probe,) = (probe for probe in section.probes if probe.name == name)
    return answer(section, probe, Asked(load_settings(None, overrides, os.environ).settings, source=uri))


def test_a_machine_is_examined_whole(models: None, interview: Interview) -> None:
    result = doctor("--json", "--source", str(interview.video))
    checks = json.loads(result.stdout)
    assert list(dict.fromkeys(check["section"] for check in checks)) == [*SECTIONS, "source"]
    assert [check for check in checks if check["status"] == "fail"] == []
    assert result.returncode == 0
    assert result.stderr == ""
    assert f"{Path.home()}/" not in result.stdout


def test_without_model_files_it_fails_and_says_how_to_get_them(tmp_path: Path) -> None:
    result = doctor(
        "--server", "http://user:secret@127.0.0.1:1/v1", "--set", "mllm.timeout_s=1", **{FOLDER_VARIABLE: str(tmp_path)}
    )
    assert result.returncode == 1
    assert "emotion-monitor models fetch core" in result.stdout
    assert "secret" not in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_wrong_settings_are_a_line_and_the_rest_is_examined_all_the_same(tmp_path: Path) -> None:
    result = doctor("--set", "faces.mask=opaque", "--json", **{FOLDER_VARIABLE: str(tmp_path)})
    checks = {(check["section"], check["name"]): check for check in json.loads(result.stdout)}
    assert result.returncode == 1
    assert "solid" in checks["program", "settings"]["found"]
    assert checks["packages", "av"]["status"] == "ok"


def test_this_machine_masks_faces_and_alters_voices(models: None) -> None:
    settings = load_settings(None, [], os.environ).settings
    speed = face_speed(settings, for_s=0.3)
    assert speed.faces == 1
    assert speed.failures == 0
    assert speed.frame_ms > 0
    assert (voice_factor(settings) or 0) > 1
    assert voice_factor(load_settings(None, ["voice.mode=drop"], {}).settings) is None


def test_a_server_is_told_with_its_models_and_never_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_MONITOR_MLLM_KEY", "very-secret")
    with ScriptedServer(["-"]) as server:
        (check,) = asked(large.SECTION, "server (mllm)", [f"mllm.url={server.url}"])
        (other,) = asked(large.SECTION, "server (mllm)", [f"mllm.url={server.url}", "mllm.model=absent"])
    assert check.status is Status.OK
    assert "with the key" in check.found
    assert "very-secret" not in check.found
    assert other.status is Status.WARN
    assert "absent is not among" in other.found


def test_a_server_that_is_away_fails_in_time() -> None:
    with socket.socket() as taken:
        # Bound and never listening: connections are refused.
        taken.bind(("127.0.0.1", 0))
        (check,) = asked(large.SECTION, "server (llm)", [f"llm.url=http://127.0.0.1:{taken.getsockname()[1]}/v1"])
    assert check.status is Status.FAIL
    assert "cannot be reached" in check.found


def test_a_recording_is_told_by_its_tracks(interview: Interview) -> None:
    look = first_look(str(interview.video), load_settings(None, [], {}).settings)
    assert look.satisfied
    checks = asked(source.SECTION, "source", [], str(interview.video))
    assert [check.status for check in checks] == [Status.OK] * 3
    assert "640x360" in checks[1].found


@pytest.mark.parametrize("uri", ["nowhere.mp4", "gopher://x", "camera:nobody's"])
def test_a_source_that_cannot_be_is_one_failure(uri: str) -> None:
    (check,) = asked(source.SECTION, "source", [], uri)
    assert check.status is Status.FAIL


def test_a_stream_that_is_away_is_told_with_the_reason() -> None:
    look = first_look("tcp://127.0.0.1:1", load_settings(None, [], {}).settings, for_s=2.0)
    assert not look.satisfied
    assert any("refused" in trouble for trouble in look.troubles)
