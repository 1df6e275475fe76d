from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from buffers.evidence import Cadence, EvidencePlan, Window
from configs.errors import JournalError, ModelUnavailable
from monitor.outputs.base import Command
from monitor.schema import schema_text
from monitor.session.session import Session
from monitor.snapshot import SessionState, Snapshot
from streams.synthetic import Interview
from tests.clips import Moving, Tone, write
from tests.sessions import kinds, lines, plan, replay, run

pytestmark = pytest.mark.media


class Watching:
    """An output that remembers, and asks to quit after `quit_after` snapshots."""

    def __init__(self, session: Session, quit_after: int | None = None) -> None:
        self.shown: list[Snapshot] = []
        self.lines: list[str] = []
        self.closed = False
        self._session, self._quit_after = session, quit_after

    async def start(self) -> None:
        return

    def record(self, line: str) -> None:
        self.lines.append(line)

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)
        if len(self.shown) == self._quit_after:
            self._session.command(Command.QUIT)

    async def close(self, last: Snapshot | None) -> None:
        assert last is not None
        self.shown.append(last)
        self.closed = True


def test_a_recording_goes_in_and_a_judged_estimate_comes_out(interview: Interview, tmp_path: Path) -> None:
    records = replay(interview.video, tmp_path / "j.jsonl", f"nfbl.source={interview.nfbl}")
    schema = json.loads(schema_text())
    for record in records:
        jsonschema.validate(record, schema)
    found = kinds(records)
    assert found[0] == "session"
    assert found[-1] == "end"
    assert {"nfbl", "description", "verdict", "estimate", "health"} <= set(found)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert records[-1]["media_s"] == pytest.approx(16.0, abs=0.1)
    assert records[-1]["reason"] == "ended"


def test_equal_runs_at_max_speed_write_equal_bytes_though_the_voice_is_altered_anew(
    interview: Interview, tmp_path: Path
) -> None:
    journals, voices = [], []
    for name in ("one.jsonl", "two.jsonl"):
        session = Session(plan(interview.video, tmp_path / name, f"nfbl.source={interview.nfbl}"))
        assert run(session) == 0
        journals.append((tmp_path / name).read_bytes())
        window = Window(99, 0.0, 16.0, Cadence.LOCAL)
        clips = session._horizon.evidence(window, EvidencePlan(frames=1, clips=8)).clips
        voices.append(np.concatenate([clip.samples for clip in clips]))
    assert journals[0] == journals[1]
    assert voices[0].shape == voices[1].shape
    assert np.abs(voices[0] - voices[1]).max() > 0.01


def test_a_seed_makes_the_altered_voice_repeatable_and_says_that_it_is_unsafe(
    interview: Interview, tmp_path: Path
) -> None:
    voices = []
    for name in ("one.jsonl", "two.jsonl"):
        session = Session(plan(interview.video, tmp_path / name, "seed=7"))
        assert run(session) == 0
        clips = session._horizon.evidence(Window(99, 0.0, 16.0, Cadence.LOCAL), EvidencePlan(1, 8)).clips
        voices.append(np.concatenate([clip.samples for clip in clips]))
    assert np.array_equal(voices[0], voices[1])
    assert any("seeded" in notice for notice in lines(tmp_path / "one.jsonl")[0]["notices"])


def test_sound_alone_is_judged_on_what_can_be_heard(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "tone.wav", Tone(seconds=12.0))
    records = replay(clip, tmp_path / "j.jsonl")
    assert [track["track"] for track in records[0]["tracks"]] == ["audio"]
    verdicts = [record for record in records if record["kind"] == "verdict"]
    assert verdicts
    assert all(verdict["coverage"]["video"] == 0.0 for verdict in verdicts)
    assert all(verdict["coverage"]["audio"] > 0.99 for verdict in verdicts)


def test_pictures_alone_play_and_say_that_no_face_was_found(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "silent.mp4", Moving(frames=300, rate_hz=25, width_px=160, height_px=120))
    records = replay(clip, tmp_path / "j.jsonl")
    assert [track["track"] for track in records[0]["tracks"]] == ["video"]
    assert any("no face was found in 300 frames" in notice for notice in records[-1]["notices"])


@pytest.mark.parametrize(("style", "words"), [("gaussian", "partly undone"), ("soft", "averages"), ("solid", None)])
def test_a_mask_that_is_not_solid_is_warned_of_once_and_before_anything_is_read(
    models: None, tmp_path: Path, style: str, words: str | None
) -> None:
    clip = write(tmp_path / "silent.mp4", Moving(frames=300, rate_hz=25, width_px=160, height_px=120))
    session = Session(plan(clip, tmp_path / "j.jsonl", f"faces.mask={style}"))
    assert run(session) == 0
    records = lines(tmp_path / "j.jsonl")
    for record in (records[0], records[-1]):
        told = [notice for notice in record["notices"] if "use solid" in notice]
        assert len(told) == (words is not None)
        assert words is None or words in told[0]


def test_the_offset_between_sound_and_pictures_survives_to_journal_and_evidence(models: None, tmp_path: Path) -> None:
    clip = write(tmp_path / "late.mkv", Moving(frames=100, start_s=0.84), Tone(seconds=5.0))
    session = Session(plan(clip, tmp_path / "j.jsonl"))
    assert run(session) == 0
    assert lines(tmp_path / "j.jsonl")[0]["av_offset_s"] == pytest.approx(0.84, abs=0.001)
    evidence = session._horizon.evidence(Window(99, 0.0, 5.0, Cadence.LOCAL), EvidencePlan(32, 2))
    assert evidence.av_offset_s == pytest.approx(0.84, abs=0.001)
    assert evidence.frames[0].t_s == pytest.approx(0.84, abs=0.001)
    assert evidence.clips[0].t_s == 0.0


def test_the_journal_says_that_there_was_no_picture_before_it_began_and_after_it_ended(
    models: None, tmp_path: Path
) -> None:
    picture = Moving(frames=40, rate_hz=10, width_px=160, height_px=120, start_s=3.0)
    clip = write(tmp_path / "short.mkv", picture, Tone(seconds=12.0))
    records = replay(clip, tmp_path / "j.jsonl")
    gaps = [record for record in records if record["kind"] == "gap"]
    assert [(gap["track"], gap["reason"]) for gap in gaps] == [
        ("video", "the picture had not begun"),
        ("video", "the picture was over"),
    ]
    spans = [edge for gap in gaps for edge in (gap["start_s"], gap["end_s"])]
    assert spans == pytest.approx([0.0, 3.0, 7.0, 12.0], abs=0.1)
    assert records[-1]["totals"]["gaps"] == 2
    clip = write(tmp_path / "deaf.mkv", Moving(frames=80, rate_hz=10, width_px=160, height_px=120), Tone(seconds=3.0))
    gaps = [record for record in replay(clip, tmp_path / "k.jsonl") if record["kind"] == "gap"]
    assert [(gap["track"], gap["reason"]) for gap in gaps] == [("audio", "the sound was over")]
    assert (gaps[0]["start_s"], gaps[0]["end_s"]) == (pytest.approx(3.0, abs=0.1), pytest.approx(7.9, abs=0.2))


def test_a_track_that_ends_early_holds_media_time_up_in_no_mode(models: None, tmp_path: Path) -> None:
    picture = Moving(frames=40, rate_hz=10, width_px=160, height_px=120)
    clip = write(tmp_path / "short.mkv", picture, Tone(seconds=12.0))
    session = Session(plan(clip, tmp_path / "j.jsonl", speed=4.0))
    output = Watching(session)
    assert asyncio.run(session.run(output)) == 0
    running = [shown.media_s for shown in output.shown if shown.state is SessionState.LIVE]
    assert max(running) > 9.0
    journals = [tmp_path / name for name in ("k.jsonl", "l.jsonl")]
    for journal in journals:
        replay(clip, journal)
    assert journals[0].read_bytes() == journals[1].read_bytes()


def test_a_person_who_quits_gets_the_rest_judged_and_a_proper_end(interview: Interview, tmp_path: Path) -> None:
    session = Session(plan(interview.video, tmp_path / "j.jsonl", speed=1.0))
    output = Watching(session, quit_after=8)
    assert asyncio.run(session.run(output)) == 0
    records = lines(tmp_path / "j.jsonl")
    assert records[-1]["kind"] == "end"
    assert records[-1]["reason"] == "interrupted"
    assert 0.5 < records[-1]["media_s"] < 10.0
    assert output.closed
    assert output.shown[-1].state is SessionState.ENDED
    assert output.lines == (tmp_path / "j.jsonl").read_text(encoding="utf-8").splitlines()


def test_a_mark_is_written_at_the_media_time_of_now(interview: Interview, tmp_path: Path) -> None:
    session = Session(plan(interview.video, tmp_path / "j.jsonl"))

    class Marking(Watching):
        def record(self, line: str) -> None:
            if '"kind":"verdict"' in line and not self.lines:
                self.lines.append(line)
                session.command(Command.MARK)

    assert asyncio.run(session.run(Marking(session))) == 0
    marks = [record for record in lines(tmp_path / "j.jsonl") if record["kind"] == "mark"]
    assert [mark["media_s"] for mark in marks] == [10.0]


def test_a_session_whose_model_is_missing_never_opens_a_journal(
    models: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_MONITOR_MODELS", str(tmp_path / "empty"))
    clip = write(tmp_path / "tone.wav", Tone(seconds=1.0))
    with pytest.raises(ModelUnavailable, match="emotion-monitor models fetch"):
        Session(plan(clip, tmp_path / "j.jsonl"))
    assert not (tmp_path / "j.jsonl").exists()


def test_a_recording_that_was_moved_with_its_feed_gives_the_same_journal(interview: Interview, tmp_path: Path) -> None:
    journals = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        video, feed = shutil.copy(interview.video, folder), shutil.copy(interview.nfbl, folder)
        assert run(Session(plan(Path(video), folder / "j.jsonl", f"nfbl.source={feed}"))) == 0
        journals.append((folder / "j.jsonl").read_bytes())
    assert journals[0] == journals[1]


def test_a_journal_of_another_session_is_left_alone_and_everything_is_closed(
    interview: Interview, tmp_path: Path
) -> None:
    journal = tmp_path / "j.jsonl"
    journal.write_text('{"schema":1,"session":"m-other","seq":1,"kind":"mark","media_s":0.0,"note":""}\n')
    session = Session(plan(interview.video, journal))
    output = Watching(session)
    with pytest.raises(JournalError, match="m-other"):
        asyncio.run(session.run(output))
    assert "m-other" in journal.read_text(encoding="utf-8")
    assert output.shown == []
