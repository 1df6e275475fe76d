"""Body language watched in whole sessions over a real clip: repeatable at max speed, hardy and out of the way live."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import psutil
import pytest

from buffers.records import Group
from monitor.session.session import Session
from monitor.snapshot import Snapshot
from tests.made_engine import Start, eventually, spawner_of
from tests.made_feed import spawn_with
from tests.sessions import Line, kinds, lines, plan, replay, run

pytestmark = pytest.mark.media

ENGINE = "streams.nfbl.engine.process"
"""The module that an engine's process runs."""


def engines(host: int) -> list[psutil.Process]:
    """The engine processes of a host."""
    return [child for child in psutil.Process(host).children() if ENGINE in child.cmdline()]


def start_of(clip: Path, target: Path, seconds: float) -> Path:
    """The first seconds of a clip, as they are encoded in it."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as copy:
        streams = {stream.index: copy.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None and packet.dts * packet.time_base < seconds:
                packet.stream = streams[packet.stream.index]
                copy.mux(packet)
    return target


@pytest.fixture
def clip(models: None, media_dir: Path, tmp_path: Path) -> Path:
    """Somebody who touches the face from 2.4 to 9.5 s, with sound."""
    return start_of(media_dir / "video" / "pyfeat_WolfgangLanger_Pexels.mp4", tmp_path / "clip.mp4", 8.0)


def of_kind(records: Sequence[Line], kind: str) -> list[Line]:
    return [record for record in records if record["kind"] == kind]


def heads(records: Sequence[Line]) -> list[Line]:
    """What was reported of the head's group."""
    return [record for record in of_kind(records, "nfbl") if record["group"] == Group.HEAD]


def watched(records: Sequence[Line]) -> None:
    """Skip where this machine has no engine."""
    if records[0]["nfbl"] == "off":
        pytest.skip(next(notice for notice in records[0]["notices"] if "not watched live" in notice))


class Killing:
    """An output that kills the engine's process once media time has come so far."""

    def __init__(self, session: Session, at_s: float) -> None:
        self.killed_s: float | None = None
        self._session, self._at_s = session, at_s

    async def start(self) -> None:
        return

    def record(self, line: str) -> None:
        return

    def show(self, snapshot: Snapshot) -> None:
        if self.killed_s is None and snapshot.media_s >= self._at_s:
            for process in engines(os.getpid()):
                process.kill()
                self.killed_s = self._session._clock.now_s()

    async def close(self, last: Snapshot | None) -> None:
        return


def test_equal_runs_at_max_speed_write_equal_bytes_with_what_was_seen(clip: Path, tmp_path: Path) -> None:
    one = replay(clip, tmp_path / "one.jsonl", "nfbl.source=live")
    watched(one)
    replay(clip, tmp_path / "two.jsonl", "nfbl.source=live")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert one[0]["nfbl"] == "live (rules)"
    assert {"open", "close"} <= {record["phase"] for record in heads(one)}
    assert all(record["end_s"] <= record["media_s"] for record in heads(one))
    assert one[-2]["nfbl_looks"] == pytest.approx(80, abs=5)
    assert one[-2]["nfbl_skipped"] == 0
    assert engines(os.getpid()) == []


def test_an_engine_that_is_killed_is_replaced_while_the_masks_go_on(
    models: None, media_dir: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "j.jsonl"
    clip = start_of(media_dir / "video" / "pyfeat_WolfgangLanger_Pexels.mp4", tmp_path / "clip.mp4", 12.0)
    session = Session(plan(clip, journal, "nfbl.source=live", speed=1.0))
    # Before the first touch, which would have to be found from its middle on.
    killing = Killing(session, at_s=0.5)
    assert asyncio.run(session.run(killing)) == 0
    records = lines(journal)
    watched(records)
    assert killing.killed_s is not None
    told = [(record["state"], record["media_s"]) for record in of_kind(records, "nfbl_feed")]
    assert [state for state, _ in told] == ["live", "restarting", "live"]
    lost_s, again_s = told[1][1], told[2][1]
    assert killing.killed_s - 0.3 <= lost_s <= killing.killed_s + 2.0
    assert lost_s < again_s <= lost_s + 5.0
    assert "signal 9" in of_kind(records, "nfbl_feed")[1]["reason"]
    blind = [record for record in of_kind(records, "nfbl_blind") if "signal 9" in record["reason"]]
    assert {record["group"] for record in blind} == set(Group) - {Group.ILLUSTRATIVE}
    assert [record["start_s"] for record in heads(records) if record["start_s"] >= again_s]
    health = of_kind(records, "health")[-1]
    assert health["nfbl_losses"] == 1
    assert health["whole_frames"] == 0
    assert health["tracks"][0]["dropped"] <= 0.05 * health["tracks"][0]["received"]
    assert engines(os.getpid()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_engine_outlives_its_session(number: signal.Signals, clip: Path, tmp_path: Path) -> None:
    words = ["replay", str(clip), "--set", "nfbl.source=live", "--ui", "json", "--journal", str(tmp_path / "j.jsonl")]
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        watched([json.loads(process.stdout.readline())])
        children = engines(process.pid)
        assert len(children) == 1
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert errors == ""
    assert process.returncode == (-number if number is signal.SIGKILL else 130)
    assert eventually(lambda: not children[0].is_running(), 5.0)


@pytest.mark.parametrize("speed", [None, 4.0])
def test_a_session_without_the_engine_says_so_and_runs_to_its_end(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed: float | None
) -> None:
    spawn_with(monkeypatch, spawner_of(tmp_path, Start.REFUSE))
    assert run(Session(plan(clip, tmp_path / "j.jsonl", "nfbl.source=live", speed=speed))) == 0
    records = lines(tmp_path / "j.jsonl")
    assert records[0]["nfbl"] == "off"
    notice = "body language is not watched live: the made-up package is missing: pip install it"
    assert notice in records[0]["notices"]
    assert not {"nfbl", "nfbl_feed", "nfbl_blind"} & set(kinds(records))
    assert records[-1]["reason"] == "ended"
    assert records[-1]["media_s"] == pytest.approx(8.0, abs=0.2)
