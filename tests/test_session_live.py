"""Sessions of live sources: what the journal, the horizon and the exit code say of what the source did."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from buffers.evidence import Cadence, EvidencePlan, Window
from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError, SourceLost
from configs.settings import Settings
from monitor.outputs.base import Command
from monitor.session.session import Session
from monitor.snapshot import SessionState, Snapshot
from streams.sources import open as opening
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.live.link import SupervisedLink
from streams.synthetic import Interview
from tests.made_captors import Script, ScriptedCaptor, deliver, fail, flow, infos
from tests.sessions import Line, kinds, lines, plan

pytestmark = [pytest.mark.media, pytest.mark.usefixtures("models")]

QUICK = ("windows.first_s=1", "windows.local_every_s=1", "windows.wake_cooldown_s=1", "live.backoff_first_s=0.2")

Made = Callable[..., Session]


class Watcher:
    """An output that does something once the session looks as it waits for."""

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []
        self.steps: list[tuple[Callable[[Snapshot], bool], Callable[[], object]]] = []

    def then(self, when: Callable[[Snapshot], bool], do: Callable[[], object]) -> None:
        self.steps.append((when, do))

    async def start(self) -> None:
        return

    def record(self, line: str) -> None:
        return

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)
        if self.steps and self.steps[0][0](snapshot):
            self.steps.pop(0)[1]()

    async def close(self, last: Snapshot | None) -> None:
        assert last is not None
        self.shown.append(last)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    """Makes a session of a scripted source; its journal is `journal.jsonl`."""

    def make(
        *scripts: Script,
        max_duration_s: float | None = 20.0,
        settings: tuple[str, ...] = (),
        record: Path | None = None,
    ) -> Session:
        def captor(_address: str, _settings: Settings) -> ScriptedCaptor:
            return ScriptedCaptor(*scripts)

        monkeypatch.setitem(opening.CAPTORS, "made", captor)
        asked = plan(Path("made:x"), tmp_path / "journal.jsonl", *QUICK, *settings, speed=1.0)
        return Session(replace(asked, max_duration_s=max_duration_s, consent="agreed on tape", record=record))

    return make


@pytest.fixture
def journal(tmp_path: Path) -> Callable[[], list[Line]]:
    return lambda: lines(tmp_path / "journal.jsonl")


def recorded(path: Path) -> tuple[int, float]:
    """The brightest pixel and the loudest sample of a recording."""
    with av.open(str(path)) as container:
        brightest = max(int(frame.to_ndarray(format="gray").max()) for frame in container.decode(video=0))
    with av.open(str(path)) as container:
        loudest = max(float(np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0))
    return brightest, loudest


def states(records: list[Line]) -> list[str]:
    return [record["state"] for record in records if record["kind"] == "link"]


def live(snapshot: Snapshot) -> bool:
    return snapshot.state is SessionState.LIVE


def judged(snapshot: Snapshot) -> bool:
    return snapshot.judged > 0


def test_a_live_session_runs_until_its_longest_duration(made: Made, journal: Callable[[], list[Line]]) -> None:
    assert asyncio.run(made(flow(), max_duration_s=3.0).run()) == 0
    found = journal()
    first, last = found[0], found[-1]
    assert (first["mode"], first["consent"], first["session"][:2]) == ("live", "agreed on tape", "l-")
    assert states(found) == ["connecting", "live", "ended"]
    assert "verdict" in kinds(found)
    assert (last["kind"], last["reason"]) == ("end", "ended")
    assert 3.0 <= last["media_s"] < 5.0
    health = next(record for record in found if record["kind"] == "health")
    assert health["lag_p50_s"] <= health["lag_max_s"] < 3.0


def test_a_source_that_is_not_there_at_first_is_waited_for(made: Made, journal: Callable[[], list[Line]]) -> None:
    session, watcher = made(fail(CaptureFailed("refused")), flow()), Watcher()
    watcher.then(judged, session.stop)
    assert asyncio.run(session.run(watcher)) == 0
    found = journal()
    assert states(found) == ["connecting", "lost", "connecting", "live", "ended"]
    assert "not yet connected" in {record["reason"] for record in found if record["kind"] == "gap"}
    assert SessionState.LOST in {shown.state for shown in watcher.shown}
    assert found[-1]["reason"] == "interrupted"


def test_the_horizon_and_the_estimate_survive_a_reconnect(made: Made, journal: Callable[[], list[Line]]) -> None:
    gone = threading.Event()

    def breaks_off(post: Post) -> None:
        post.opened(infos())
        while not gone.is_set():
            deliver(post)
            post.wait(0.02)
        raise CaptureFailed("unplugged")

    session, watcher = made(breaks_off, flow()), Watcher()
    watcher.then(judged, gone.set)
    watcher.then(lambda shown: live(shown) and shown.links[0].reconnects == 1, lambda: None)
    watcher.then(lambda shown: shown.judged >= 3, session.stop)
    asyncio.run(session.run(watcher))
    found = journal()
    assert states(found)[:4] == ["connecting", "live", "lost", "connecting"]
    estimates = [record["overall"]["windows"] for record in found if record["kind"] == "estimate"]
    assert estimates == sorted(estimates)
    evidence = session._horizon.evidence(Window(1, 0.0, 60.0, Cadence.LOCAL), EvidencePlan(64, 2))
    lost = next(record for record in found if record["kind"] == "link" and record["state"] == "lost")
    assert evidence.frames[0].t_s < lost["media_s"] < evidence.frames[-1].t_s


def test_a_source_that_stays_away_is_lost_for_good(made: Made, journal: Callable[[], list[Line]]) -> None:
    session = made(fail(CaptureFailed("host unknown")), settings=("live.give_up_after_s=1",))
    with pytest.raises(SourceLost, match="made") as caught:
        asyncio.run(session.run())
    assert caught.value.exit_code == 3
    found = journal()
    assert found[-1]["reason"] == "lost"
    assert states(found)[-1] == "ended"


def test_nothing_of_a_pause_is_kept(made: Made, journal: Callable[[], list[Line]], tmp_path: Path) -> None:
    """The captor goes on delivering while paused, white pictures and loud sound: none may be found anywhere."""
    paused = threading.Event()

    def rude(post: Post) -> None:
        post.opened(infos())
        for _ in range(3000):
            picture = Picture.blank(64, 48)
            picture.y[:] = 235 if paused.is_set() else 60
            post.frame(picture, captured_s=post.now_s())
            loud = 0.5 if paused.is_set() else 0.0
            post.sound(np.full(AUDIO_RATE_HZ // 50, loud, np.float32), captured_s=post.now_s() - 0.02)
            if not post.wanted and not paused.is_set():
                return
            post.wait(0.02) if post.wanted else threading.Event().wait(0.02)

    session, watcher = made(rude, record=tmp_path / "clean.mkv"), Watcher()
    began: list[float] = []

    def pause() -> None:
        paused.set()
        began.append(session._clock.now_s())
        session.command(Command.TOGGLE_PAUSE)

    def resume() -> None:
        began.append(session._clock.now_s())
        session.command(Command.TOGGLE_PAUSE)
        paused.clear()

    watcher.then(lambda shown: live(shown) and shown.media_s > 1.5, pause)
    watcher.then(lambda shown: shown.state is SessionState.PAUSED and shown.media_s > began[0] + 2.0, resume)
    watcher.then(lambda shown: live(shown) and shown.media_s > began[1] + 2.0, session.stop)
    asyncio.run(session.run(watcher))
    from_s, to_s = began
    evidence = session._horizon.evidence(Window(1, 0.0, 60.0, Cadence.LOCAL), EvidencePlan(256, 8))
    assert not [frame.t_s for frame in evidence.frames if from_s < frame.t_s < to_s]
    assert max(int(frame.thumbnail.max()) for frame in evidence.frames) < 120
    assert max((float(np.abs(clip.samples).max()) for clip in evidence.clips), default=0.0) < 0.1
    found = journal()
    assert states(found)[:3] == ["connecting", "live", "paused"]
    gaps = [record for record in found if record["kind"] == "gap" and record["reason"] == "paused for privacy"]
    for track in ("video", "audio"):
        spans = [(gap["start_s"], gap["end_s"]) for gap in gaps if gap["track"] == track]
        assert min(span[0] for span in spans) <= from_s + 0.05
        assert max(span[1] for span in spans) >= to_s - 0.3
    assert not [record for record in found if record["kind"] == "nfbl"]
    brightest, loudest = recorded(tmp_path / "clean.mkv")
    assert brightest < 120
    assert loudest < 0.1


def test_who_asks_for_privacy_before_the_session_begins_has_it_from_the_first_frame_on(
    made: Made, journal: Callable[[], list[Line]]
) -> None:
    session, watcher = made(flow()), Watcher()
    assert session.command(Command.PAUSE)
    watcher.then(lambda shown: shown.state is SessionState.PAUSED, lambda: session.command(Command.RESUME))
    watcher.then(live, session.stop)
    asyncio.run(session.run(watcher))
    assert "paused" in states(journal())[:2]
    assert not watcher.steps


def test_a_mark_is_made_only_while_the_session_runs(tmp_path: Path, interview: Interview) -> None:
    path = tmp_path / "journal.jsonl"
    session = Session(plan(interview.video, path))
    assert not session.command(Command.MARK, "early")
    asyncio.run(session.run())
    before = path.read_bytes()
    assert not session.command(Command.MARK, "late")
    assert path.read_bytes() == before
    assert "mark" not in [record["kind"] for record in lines(path)]


def test_a_recording_has_nothing_to_pause(tmp_path: Path, interview: Interview) -> None:
    session, watcher = Session(plan(interview.video, tmp_path / "journal.jsonl", speed=8.0)), Watcher()
    watcher.then(live, lambda: session.command(Command.TOGGLE_PAUSE))
    asyncio.run(session.run(watcher))
    assert "a recording is played: there is nothing to pause for privacy" in watcher.shown[-1].notices


def test_a_recording_never_replaces_what_is_played(tmp_path: Path, interview: Interview) -> None:
    asked = replace(plan(interview.video, tmp_path / "journal.jsonl"), record=interview.video, force=True)
    before = interview.video.read_bytes()
    with pytest.raises(ConfigError, match="record to another file"):
        asyncio.run(Session(asked).run())
    assert interview.video.read_bytes() == before


@pytest.mark.parametrize("address", ["loop:{}", "file://{}", "av:camera=loop:{},mic=loop:{}"])
def test_nothing_that_is_played_is_recorded_over_however_it_is_addressed(
    address: str, tmp_path: Path, interview: Interview
) -> None:
    played = tmp_path / "played.mkv"
    shutil.copy(interview.video, played)
    before = played.read_bytes()
    asked = plan(Path("x"), tmp_path / "journal.jsonl", speed=1.0)
    asked = replace(asked, source=address.format(played, played), record=played, force=True)
    with pytest.raises(ConfigError, match="record to another file"):
        asyncio.run(Session(asked).run())
    assert played.read_bytes() == before
    assert not (tmp_path / "journal.jsonl").exists()


def test_sound_that_is_not_to_be_read_is_not_captured(made: Made, journal: Callable[[], list[Line]]) -> None:
    session = made(flow(), max_duration_s=2.0, settings=("voice.mode=drop",))
    asyncio.run(session.run())
    found = journal()
    assert [track["track"] for track in found[0]["tracks"]] == ["video"]
    assert "sound not read" in " ".join(found[0]["notices"])
    assert states(found) == ["connecting", "live", "ended"]


def test_an_unexpected_fault_still_leaves_a_journal_with_an_end(
    made: Made, journal: Callable[[], list[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = made(flow())

    def break_down(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(type(session._intake), "take", break_down)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(session.run())
    assert (journal()[-1]["kind"], journal()[-1]["reason"]) == ("end", "failed")


def test_two_links_to_one_address_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def captor(_address: str, _settings: Settings) -> ScriptedCaptor:
        return ScriptedCaptor(flow())

    monkeypatch.setitem(opening.CAPTORS, "made", captor)
    source = opening.open_source("av:camera=made:x,mic=made:x")
    assert [link.name for link in source.links if isinstance(link, SupervisedLink)] == ["made (video)", "made (audio)"]
