"""A whole session that publishes, as `mosquitto_sub` sees it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import ModelUnavailable
from monitor.session.runner import run
from monitor.session.session import Session
from streams.synthetic import Interview
from tests.made_broker import MadeBroker, free_port, until
from tests.sessions import lines, plan

pytestmark = [pytest.mark.broker, pytest.mark.media]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@contextmanager
def subscribed(port: int, heard: Path) -> Iterator[None]:
    """Writes `topic payload` of all that is published."""
    program = shutil.which("mosquitto_sub")
    if program is None:
        pytest.skip("mosquitto_sub is not installed: apt-get install mosquitto-clients")
    with heard.open("wb") as file:
        process = subprocess.Popen([program, "-p", str(port), "-q", "1", "-v", "-t", "#"], stdout=file)
        try:
            subprocess.run(
                [program.replace("_sub", "_pub"), "-p", str(port), "-r", "-t", "ready", "-m", "1"], check=True
            )
            until(lambda: b"ready 1" in heard.read_bytes())
            yield
        finally:
            process.terminate()
            process.wait()


def test_a_replay_is_heard_from_its_birth_to_its_end(interview: Interview, tmp_path: Path) -> None:
    heard, journal = tmp_path / "heard", tmp_path / "j.jsonl"
    with MadeBroker(tmp_path / "broker") as broker, subscribed(broker.port, heard):
        settings = ("enabled=true", f"port={broker.port}", "node=n")
        planned = plan(interview.video, journal, "windows.first_s=2", *(f"outputs.mqtt.{pair}" for pair in settings))
        assert run([replace(planned, name="talk")], ui="none", ascii_only=True) == 0
        until(lambda: b'"stopped_reason":"ended"' in heard.read_bytes())
    told = [line.split(" ", 1) for line in heard.read_text("utf-8").splitlines()]
    verdicts = [json.loads(payload) for topic, payload in told if topic == "emotion-monitor/n/streams/talk/verdict"]
    kept = [line for line in lines(journal) if line["kind"] == "verdict"]
    assert kept
    assert [(one["session"], one["seq"], one["p_positive"]) for one in verdicts] == [
        (one["session"], one["seq"], one["p_positive"]) for one in kept
    ]
    words = [payload for topic, payload in told if topic == "emotion-monitor/n/availability"]
    assert words == ["online", "offline"]
    assert interview.video.name not in heard.read_text("utf-8")


def test_a_broker_that_is_not_there_changes_nothing_of_what_is_judged_and_kept(
    interview: Interview, tmp_path: Path
) -> None:
    settings = ("enabled=true", f"port={free_port()}", "drain_s=0.1")
    overrides = ("windows.first_s=2", *(f"outputs.mqtt.{pair}" for pair in settings))
    journal = tmp_path / "j.jsonl"
    assert run([plan(interview.video, journal, *overrides)], ui="none", ascii_only=True) == 0
    *_, end = told = lines(journal)
    assert "verdict" in {line["kind"] for line in told}
    assert (end["kind"], end["reason"]) == ("end", "ended")
    assert not any("nobody listens" in notice for notice in end["notices"])


def test_a_session_whose_models_cannot_be_loaded_is_told_as_failed(
    interview: Interview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = tmp_path / "heard"

    async def load(_: Session) -> None:
        async with asyncio.timeout(15.0):
            while b"availability online" not in heard.read_bytes():  # noqa: ASYNC110 - said in another process
                await asyncio.sleep(0.05)
        raise ModelUnavailable("the seer is away: wait for it")

    monkeypatch.setattr(Session, "_start_models", load)
    with MadeBroker(tmp_path / "broker") as broker, subscribed(broker.port, heard):
        settings = (f"outputs.mqtt.{pair}" for pair in ("enabled=true", f"port={broker.port}", "node=n"))
        planned = plan(interview.video, tmp_path / "j.jsonl", *settings)
        with pytest.raises(ModelUnavailable):
            run([planned], ui="none", ascii_only=True)
        until(lambda: b'"stopped_reason":"failed"' in heard.read_bytes())
    assert "seer" not in heard.read_text("utf-8")
