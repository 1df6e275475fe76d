"""Several sessions in one process: each ends for itself, and signals reach those that can obey."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import ConfigError
from configs.settings import Settings
from monitor.session.plan import Plan
from monitor.session.runner import run
from streams.sources import open as opening
from tests.made_captors import ScriptedCaptor, flow
from tests.sessions import lines, plan

pytestmark = [pytest.mark.media, pytest.mark.usefixtures("models")]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Plan, Plan]:
    """Two live sources, with a journal each."""

    def captor(_address: str, _settings: Settings) -> ScriptedCaptor:
        return ScriptedCaptor(flow())

    monkeypatch.setitem(opening.CAPTORS, "made", captor)
    first, second = (
        replace(
            plan(Path(f"made:{name}"), tmp_path / f"{name}.jsonl", "windows.first_s=1", speed=1.0), max_duration_s=2.0
        )
        for name in ("a", "b")
    )
    return first, second


def end_of(journal: Path) -> str:
    return str(lines(journal)[-1].get("reason"))


def test_sessions_run_side_by_side_and_end_for_themselves(two: tuple[Plan, Plan], tmp_path: Path) -> None:
    assert run(two, ui="none", ascii_only=True) == 0
    assert [end_of(tmp_path / f"{name}.jsonl") for name in ("a", "b")] == ["ended", "ended"]


def test_one_that_cannot_begin_is_told_and_the_other_goes_on(
    two: tuple[Plan, Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = replace(two[1], record=tmp_path / "clip.mp4")
    assert run([two[0], bad], ui="none", ascii_only=True) == ConfigError.exit_code
    assert "clip.mp4" in capsys.readouterr().err
    assert end_of(tmp_path / "a.jsonl") == "ended"


def test_an_interrupt_lets_a_running_session_end_in_order_though_another_never_began(
    two: tuple[Plan, Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = replace(two[1], record=tmp_path / "clip.mp4")
    good = replace(two[0], max_duration_s=60.0)
    sleep = asyncio.sleep

    async def interrupt_once_judged(seconds: float) -> None:
        """The session's tick sleeps by this: the signal comes once there is a verdict."""
        journal = tmp_path / "a.jsonl"
        if journal.exists() and '"verdict"' in journal.read_text("utf-8"):
            monkeypatch.setattr(asyncio, "sleep", sleep)
            os.kill(os.getpid(), signal.SIGINT)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", interrupt_once_judged)
    assert run([good, bad], ui="none", ascii_only=True) == 130
    assert end_of(tmp_path / "a.jsonl") == "interrupted"
    assert json.loads((tmp_path / "a.jsonl").read_text("utf-8").splitlines()[-1])["kind"] == "end"
    assert "clip.mp4" in capsys.readouterr().err
