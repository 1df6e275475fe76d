"""`deidentify` as its users meet it: whole files in, whole files out, or a line that says why not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from buffers.records import MaskOrigin, MaskState
from cli import main
from streams.media import RawAudio, RawFrame
from streams.recording.boxes import read_boxes
from streams.sources.file import FileSource
from streams.synthetic import Interview
from tests.clips import Moving, Tone, write

pytestmark = [pytest.mark.media, pytest.mark.usefixtures("models")]


def deidentify(*arguments: str | Path) -> int:
    return main(["deidentify", *map(str, arguments)])


def frame_times_s(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def played(path: Path) -> tuple[list[RawFrame], list[RawAudio]]:
    source = FileSource(path)
    items = list(source.items())
    source.close()
    return [i for i in items if isinstance(i, RawFrame)], [i for i in items if isinstance(i, RawAudio)]


def sound(blocks: list[RawAudio]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.concatenate([block.samples for block in blocks])


@pytest.fixture(scope="module")
def rewritten(interview: Interview, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up interview, de-identified, with its trail beside it."""
    out = tmp_path_factory.mktemp("rewritten") / "out.mp4"
    assert deidentify(interview.video, out, "--boxes", out.with_suffix(".jsonl")) == 0
    return out


def test_every_frame_comes_out_at_its_own_time(interview: Interview, rewritten: Path) -> None:
    before, after = frame_times_s(interview.video), frame_times_s(rewritten)
    assert len(after) == len(before)
    assert np.abs(np.array(after) - np.array(before)).max() <= 0.001


def test_the_face_is_covered_and_the_trail_says_where(interview: Interview, rewritten: Path) -> None:
    trail = read_boxes(rewritten.with_suffix(".jsonl"))
    frames, _ = played(rewritten)
    assert [frame.index for frame in trail.frames] == [frame.index for frame in frames]
    assert {frame.state for frame in trail.frames} == {MaskState.MASKED}
    for frame, line in zip(frames, trail.frames, strict=True):
        for mask in line.masks:
            assert mask.origin is MaskOrigin.DETECTED
            box = mask.box
            hidden = frame.picture.y[int(box.y0) + 4 : int(box.y1) - 4, int(box.x0) + 4 : int(box.x1) - 4]
            assert np.abs(hidden.astype(int) - 64).mean() < 2


def test_the_voice_is_altered_and_in_its_place(interview: Interview, rewritten: Path) -> None:
    before, after = (sound(played(path)[1]) for path in (interview.video, rewritten))
    length = min(len(before), len(after))
    assert abs(len(before) - len(after)) <= 0.05 * 16_000
    alike = np.corrcoef(before[:length], after[:length])[0, 1]
    assert abs(alike) < 0.5
    loud_before, loud_after = (np.convolve(np.abs(x[:length]), np.ones(1600) / 1600, "same") for x in (before, after))
    assert np.corrcoef(loud_before, loud_after)[0, 1] > 0.8


def test_nothing_but_the_two_tracks_is_in_the_file(interview: Interview, rewritten: Path, tmp_path: Path) -> None:
    tagged = tmp_path / "tagged.mkv"
    with av.open(str(interview.video)) as source, av.open(str(tagged), "w") as target:
        target.metadata.update({"title": "Jane Doe", "comment": "ward 7", "location": "+52+013/"})
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams if s.type in {"video", "audio"}}
        for packet in source.demux():
            if packet.dts is not None and packet.stream.index in streams:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    out = tmp_path / "out.mkv"
    assert deidentify(tagged, out) == 0
    with av.open(str(out)) as container:
        assert sorted(stream.type for stream in container.streams) == ["audio", "video"]
        assert not {"title", "comment", "location"} & {key.lower() for key in container.metadata}
    assert b"Jane Doe" not in out.read_bytes()
    assert b"ward 7" not in out.read_bytes()


def test_variable_rate_and_an_offset_between_the_tracks_are_kept(tmp_path: Path) -> None:
    times_s = (0.5, 0.52, 0.61, 0.9, 0.94, 1.4, 1.43, 2.0)
    clip = write(tmp_path / "odd.mkv", Moving(times_s=times_s, width_px=160, height_px=120), Tone(seconds=2.0))
    for suffix in (".mp4", ".mkv", ".mov", ".webm"):
        out = tmp_path / f"out{suffix}"
        assert deidentify(clip, out) == 0
        found = frame_times_s(out)
        assert np.abs(np.diff(found) - np.diff(times_s)).max() <= 0.001
        info = FileSource(out).info
        assert info.av_offset_s == pytest.approx(0.5, abs=0.02)


def test_sound_alone_becomes_sound_alone(tmp_path: Path) -> None:
    clip = write(tmp_path / "voice.wav", Tone(seconds=3.0, hz=220))
    for suffix in (".wav", ".flac", ".mp3"):
        out = tmp_path / f"altered{suffix}"
        assert deidentify(clip, out) == 0
        _, blocks = played(out)
        assert sum(len(block.samples) for block in blocks) / 16_000 == pytest.approx(3.0, abs=0.08)


def test_the_sound_of_a_video_can_be_had_alone_or_left_out(interview: Interview, tmp_path: Path) -> None:
    assert deidentify(interview.video, tmp_path / "voice.wav") == 0
    frames, blocks = played(tmp_path / "voice.wav")
    assert not frames
    assert blocks
    short = write(tmp_path / "short.mp4", Moving(frames=10), Tone(seconds=0.4, codec="aac"))
    assert deidentify(short, tmp_path / "silent.mp4", "--voice", "drop") == 0
    frames, blocks = played(tmp_path / "silent.mp4")
    assert len(frames) == 10
    assert not blocks


def test_several_recordings_go_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, Moving(frames=5))
    (tmp_path / "c.mp4").write_bytes(b"no video")
    trails = tmp_path / "trails"
    assert deidentify(tmp_path / "?.mp4", tmp_path / "out", "--boxes", trails) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "b.mp4"]
    assert sorted(path.name for path in trails.iterdir()) == ["a.mp4.boxes.jsonl", "b.mp4.boxes.jsonl"]
    said = capsys.readouterr()
    assert "c.mp4" in said.err
    assert said.err.count("\n") == 1
    assert said.out.count("->") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.mp4", "there.mp4"), "--force"),
        (("in.mp4", "in.mp4", "--force"), "is an original"),
        (("in.mp4", "out.xyz"), ".mp4"),
        (("in.mp4", "nowhere/out.mp4"), "folder"),
        (("missing.mp4", "out.mp4"), "no such file"),
        (("*.avi", "out"), "matches no file"),
        (("in.mp4",), "at least one recording"),
        (("in.mp4", "out.mp4", "--mask", "fog"), "solid"),
        (("in.mp4", "out.mp4", "--boxes", "out.mp4"), "twice"),
        (("in.mp4", "out.wav"), "cannot hold"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.mp4", Moving(frames=3))
    (tmp_path / "there.mp4").write_bytes(b"precious")
    assert deidentify(*arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert (tmp_path / "there.mp4").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "there.mp4"]


def test_force_replaces_a_file_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    clip = write(tmp_path / "in.mp4", Moving(frames=3))
    target = tmp_path / "out.mp4"
    target.write_bytes(b"old")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert deidentify(tmp_path / "broken.mp4", target, "--force") == 1
    assert target.read_bytes() == b"old"
    assert deidentify(clip, target, "--force") == 0
    assert len(frame_times_s(target)) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_leaves_nothing_behind(interview: Interview, tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "cli", "deidentify", str(interview.video), str(tmp_path / "out.mp4")]
    job = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}, text=True)
    while job.poll() is None and not any(tmp_path.iterdir()):
        threading.Event().wait(0.01)
    job.send_signal(number)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 130
    assert said == ""
    assert list(tmp_path.iterdir()) == []


def test_a_recording_of_another_rate_keeps_its_length(tmp_path: Path) -> None:
    clip = write(tmp_path / "slow.mp4", Moving(frames=6, rate_hz=2))
    out = tmp_path / "out.mp4"
    assert deidentify(clip, out) == 0
    assert [round(b - a, 3) for a, b in pairwise(frame_times_s(out))] == [0.5] * 5
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        assert before.duration is not None
        assert after.duration == pytest.approx(before.duration, abs=2000)
