"""A recording beside a session: nothing of what is clean is lost in it, and nothing that happens to it matters else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, CleanAudio, CleanFrame, CleanItem, Gap, Prosody, Track
from configs.errors import ConfigError, RecordingError
from streams.clock import monotonic_s
from streams.recording.live import LiveRecorder
from streams.recording.writer import CleanWriter
from tests.clips import number_of
from tests.made_clean import ReadBack, clean_blocks, clean_frame, click, numbered_frames, read_back

pytestmark = pytest.mark.media

BOTH = (Track.VIDEO, Track.AUDIO)


def times(first: int, last: int, fps: float = 10.0) -> list[float]:
    return [n / fps for n in range(first, last)]


def grey(t_s: float, luma: int = 180, width_px: int = 64, height_px: int = 48) -> CleanFrame:
    return clean_frame(t_s, Picture.blank(width_px, height_px, luma))


def recorded(
    path: Path, items: Sequence[CleanItem], tracks: Sequence[Track] = BOTH, *, force: bool = False
) -> LiveRecorder:
    """Record items in order of time, and close."""
    recorder = LiveRecorder(path, tracks=tracks, rate_hz=25.0, force=force)
    for item in sorted(items, key=lambda item: item.start_s if isinstance(item, Gap) else getattr(item, "t_s", 0.0)):
        recorder.take(item)
    recorder.close()
    return recorder


def luma(back: ReadBack) -> list[tuple[float, int]]:
    """The time and the brightness of each frame."""
    return [(round(frame.t_s, 3), round(float(frame.picture.y.mean()))) for frame in back.frames]


def test_pictures_and_sound_are_written_at_their_own_times(tmp_path: Path) -> None:
    # As live frames come: with jitter, and later than the sound.
    times_s = [0.31, 0.345, 0.4, 0.52, 0.56, 1.0, 1.03, 1.9]
    items: list[CleanItem] = [*numbered_frames(times_s), *clean_blocks(0.1, click(2.0, 1.0))]
    recorder = recorded(tmp_path / "a.mkv", items)
    assert (recorder.frames, recorder.dropped, recorder.failure) == (8, 0, None)
    back = read_back(recorder.path)
    assert [number_of(frame.picture) for frame in back.frames] == list(range(8))
    assert [frame.t_s for frame in back.frames] == pytest.approx(times_s, abs=0.001)
    assert back.blocks[0].t_s == pytest.approx(0.1, abs=0.002)
    assert back.loudest_s == pytest.approx(1.1, abs=0.002)


def test_file_time_is_media_time_also_of_a_session_that_began_long_ago(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "a.mkv", [*numbered_frames([600.0, 600.04]), *clean_blocks(600.0, click(0.3, 0.1))])
    with av.open(str(recorder.path)) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx([600.0, 600.04])
    with av.open(str(recorder.path)) as container:
        assert next(container.decode(audio=0)).time == pytest.approx(600.0, abs=0.01)


def test_the_file_ends_with_an_index_and_its_length(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "a.mkv", [*numbered_frames(times(0, 30)), *clean_blocks(0.0, click(3.0, 1.0))])
    with av.open(str(recorder.path)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(3.0, abs=0.05)
    assert b"\x1c\x53\xbb\x6b" in recorder.path.read_bytes()  # Cues


def test_nothing_but_clean_media_is_in_the_file(tmp_path: Path) -> None:
    items: list[CleanItem] = [*numbered_frames(times(0, 30)), *clean_blocks(0.0, click(3.0, 1.0))]
    items += [Prosody(0.0, 0.1, 0.5, 1.0, -3.0), Gap(Track.VIDEO, 1.0, 1.1, "a spoken reason")]
    recorder = recorded(tmp_path / "named.mkv", items)
    data = recorder.path.read_bytes()
    assert b"spoken" not in data
    assert b"named" not in data
    assert b"DateUTC" not in data
    with av.open(str(recorder.path)) as container:
        assert {key.lower() for key in container.metadata} <= {"encoder"}
    again = recorded(tmp_path / "again.mkv", items)
    assert again.path.read_bytes() == data


def test_a_picture_of_another_size_is_fitted_into_the_first_ones(tmp_path: Path) -> None:
    shown = read_back(recorded(tmp_path / "a.mkv", [grey(0.0), grey(0.04, width_px=30)], [Track.VIDEO]).path)
    assert {(frame.picture.width_px, frame.picture.height_px) for frame in shown.frames} == {(64, 48)}
    assert float(shown.frames[1].picture.y[:, :12].mean()) < 30


def test_a_long_gap_in_the_pictures_is_black_from_its_beginning(tmp_path: Path) -> None:
    items: list[CleanItem] = [grey(t_s) for t_s in times(0, 10) + times(50, 60)]
    items += [Gap(Track.VIDEO, 1.0, 5.0, "paused for privacy")]
    back = read_back(recorded(tmp_path / "a.mkv", items, [Track.VIDEO]).path)
    assert [t_s for t_s, value in luma(back) if value < 30] == [1.0]
    assert len(back.frames) == 21


def test_a_gap_that_is_told_in_pieces_is_black_once(tmp_path: Path) -> None:
    items: list[CleanItem] = [grey(t_s) for t_s in times(0, 10) + times(50, 60)]
    items += [Gap(Track.VIDEO, 1.0 + n / 2, 1.5 + n / 2, "the camera is away") for n in range(8)]
    back = read_back(recorded(tmp_path / "a.mkv", items, [Track.VIDEO]).path)
    assert [t_s for t_s, value in luma(back) if value < 30] == [1.0]


def test_a_short_gap_and_one_in_the_sound_leave_the_picture(tmp_path: Path) -> None:
    items: list[CleanItem] = [grey(t_s) for t_s in times(0, 10) + times(18, 40)]
    items += [Gap(Track.VIDEO, 1.0, 1.8, "short"), Gap(Track.AUDIO, 2.0, 3.9, "no sound")]
    back = read_back(recorded(tmp_path / "a.mkv", items, [Track.VIDEO]).path)
    assert all(value > 150 for _, value in luma(back))


def test_a_hole_in_the_sound_is_silent_and_what_follows_is_in_step(tmp_path: Path) -> None:
    items: list[CleanItem] = list(numbered_frames(times(0, 100)))
    items += [*clean_blocks(0.0, click(1.0, 0.5) * np.float32(0.5)), *clean_blocks(6.0, click(2.0, 1.25))]
    back = read_back(recorded(tmp_path / "a.mkv", items).path)
    assert back.loudest_s == pytest.approx(7.25, abs=0.002)
    assert [gap for gap in back.gaps if gap.track is Track.AUDIO] == []


@pytest.mark.parametrize("hole_s", [10.5, 3600.0, 8 * 3600.0])
@pytest.mark.parametrize("suffix", ["mkv", "mka"])
def test_a_hole_of_hours_costs_neither_time_nor_space(tmp_path: Path, suffix: str, hole_s: float) -> None:
    again_s = 1.0 + hole_s
    # Blocks that are no multiple of the encoder's frame, before and behind the hole.
    items: list[CleanItem] = [*clean_blocks(0.013, click(0.987, 0.5) * np.float32(0.5))]
    items += [*clean_blocks(again_s, click(1.0, 0.25)), *clean_blocks(2 * again_s, click(1.0, 0.25) * np.float32(0.7))]
    items += [clean_frame(t_s, Picture.blank(64, 48)) for t_s in (0.0, 0.5, again_s, again_s + 0.5, 2 * again_s)]
    started_s = monotonic_s()
    recorder = recorded(tmp_path / f"a.{suffix}", items)
    assert monotonic_s() - started_s < 3.0
    assert recorder.failure is None
    assert recorder.path.stat().st_size < 100_000
    heard: dict[float, float] = {}
    with av.open(str(recorder.path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray().ravel())
            assert frame.time is not None
            if samples.max() > 0.1:
                at_s = frame.time + int(samples.argmax()) / frame.sample_rate
                heard[round(at_s, 1)] = at_s
    expected = [0.513, again_s + 0.25, 2 * again_s + 0.25]
    found = [min(heard.values(), key=lambda t_s: abs(t_s - wanted)) for wanted in expected]
    assert found == pytest.approx(expected, abs=0.003)
    if suffix == "mkv":
        with av.open(str(recorder.path)) as container:
            shown = [frame.time for frame in container.decode(video=0)]
        assert shown == pytest.approx([0.0, 0.5, again_s, again_s + 0.5, 2 * again_s], abs=0.001)


def test_sound_that_comes_first_waits_for_the_first_picture(tmp_path: Path) -> None:
    items: list[CleanItem] = [*clean_blocks(0.0, click(5.0, 1.0)), *numbered_frames(times(40, 50), 160, 96)]
    back = read_back(recorded(tmp_path / "a.mkv", items).path)
    assert back.loudest_s == pytest.approx(1.0, abs=0.002)
    assert back.frames[0].t_s == pytest.approx(4.0, abs=0.001)
    assert (back.frames[0].picture.width_px, back.frames[0].picture.height_px) == (160, 96)


def test_where_pictures_come_late_they_begin_black_and_are_fitted(tmp_path: Path) -> None:
    items: list[CleanItem] = [*clean_blocks(0.0, click(8.0, 1.0)), *(grey(t_s) for t_s in times(70, 80))]
    back = read_back(recorded(tmp_path / "a.mkv", items).path)
    assert back.loudest_s == pytest.approx(1.0, abs=0.002)
    assert luma(back)[0] == (0.0, 16)
    assert [t_s for t_s, value in luma(back) if value > 100] == pytest.approx(times(70, 80))
    assert (back.frames[-1].picture.width_px, back.frames[-1].picture.height_px) == (1280, 720)


def test_pictures_that_never_come_lose_no_sound(tmp_path: Path) -> None:
    back = read_back(recorded(tmp_path / "a.mkv", clean_blocks(0.0, click(2.0, 1.0))).path)
    assert back.loudest_s == pytest.approx(1.0, abs=0.002)


def test_sound_that_never_comes_loses_no_pictures(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "a.mkv", numbered_frames(times(0, 20)))
    assert recorder.failure is None
    with av.open(str(recorder.path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


def test_one_picture_after_a_long_pause_does_not_last_as_long_as_the_pause(tmp_path: Path) -> None:
    items: list[CleanItem] = [*map(grey, times(0, 10)), Gap(Track.VIDEO, 1.0, 600.0, "paused"), grey(600.0)]
    items += clean_blocks(600.0, click(2.0, 1.0))
    with av.open(str(recorded(tmp_path / "a.mkv", items).path)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(602.0, abs=0.1)


def test_a_flash_and_a_beep_stay_together(tmp_path: Path) -> None:
    seconds = range(1, 10)
    sound = np.zeros(10 * AUDIO_RATE_HZ, np.float32)
    for second in seconds:
        sound[second * AUDIO_RATE_HZ] = 0.9
    # The camera's clock is not the sound's: 30 pictures a second, shifted by 7 ms.
    items: list[CleanItem] = [grey(n / 30 + 0.007, 200 if n % 30 == 0 and n else 40) for n in range(300)]
    back = read_back(recorded(tmp_path / "a.mkv", [*items, *clean_blocks(0.0, sound)]).path)
    flashes = [t_s for t_s, value in luma(back) if value > 150]
    heard = np.concatenate([block.samples for block in back.blocks])
    beeps = [
        second - 0.5 + int(np.abs(heard[second * 16_000 - 8000 :][:16_000]).argmax()) / 16_000 for second in seconds
    ]
    assert [flash - beep for flash, beep in zip(flashes, beeps, strict=True)] == pytest.approx([0.007] * 9, abs=0.002)


def test_a_track_that_ends_holds_nothing_of_the_other_back(tmp_path: Path) -> None:
    recorder = LiveRecorder(tmp_path / "a.mkv", tracks=BOTH, rate_hz=10.0)
    for frame in numbered_frames(times(0, 10)):
        recorder.take(frame)
    for block in clean_blocks(1.0, click(60.0, 30.0)):
        recorder.take(block)
    until_s = monotonic_s() + 10.0
    read = 0.0
    while read < 55.0 and monotonic_s() < until_s:
        threading.Event().wait(0.05)
        read = last_times(recorder.path).get("audio", 0.0)
    recorder.close()
    assert read >= 55.0
    assert len(read_back(recorder.path).frames) == 10


def test_a_name_that_would_not_survive_a_crash_is_refused(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mov", "a", "a.webm", "a.wav"):
        with pytest.raises(ConfigError, match=r"named \.mkv"):
            LiveRecorder(tmp_path / name, tracks=BOTH, rate_hz=25.0)
        assert not (tmp_path / name).exists()
    with pytest.raises(ConfigError, match=r"name an \.mkv file"):
        LiveRecorder(tmp_path / "a.mka", tracks=[Track.VIDEO], rate_hz=25.0)


def test_an_older_file_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(b"older")
    with pytest.raises(ConfigError, match="is there already") as refused:
        LiveRecorder(path, tracks=BOTH, rate_hz=25.0)
    assert "--force" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == b"older"
    assert len(read_back(recorded(path, numbered_frames(times(0, 5)), [Track.VIDEO], force=True).path).frames) == 5


def test_a_folder_that_is_not_there_and_a_name_that_is_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="make its folder first"):
        LiveRecorder(tmp_path / "none" / "a.mkv", tracks=BOTH, rate_hz=25.0)
    os.mkfifo(tmp_path / "pipe.mkv")
    with pytest.raises(RecordingError, match="no ordinary file"):
        LiveRecorder(tmp_path / "pipe.mkv", tracks=BOTH, rate_hz=25.0, force=True)


def test_a_session_in_which_nothing_was_seen_leaves_no_file(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "a.mkv", [Gap(Track.VIDEO, 0.0, 5.0, "no camera")])
    assert not recorder.path.exists()
    assert recorder.failure is None


def test_closing_twice_and_taking_after_the_end_do_nothing(tmp_path: Path) -> None:
    recorder = recorded(tmp_path / "a.mkv", numbered_frames(times(0, 5)), [Track.VIDEO])
    size = recorder.path.stat().st_size
    recorder.take(grey(9.0))
    recorder.close()
    assert (recorder.frames, recorder.path.stat().st_size) == (5, size)


def test_a_disk_that_is_full_ends_the_recording_with_one_line_and_what_is_there_plays(tmp_path: Path) -> None:
    import resource

    def refuse_beyond(most: int) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    noise = np.random.default_rng(1)
    path = tmp_path / "a.mkv"
    recorder = LiveRecorder(path, tracks=[Track.VIDEO], rate_hz=25.0)
    refuse_beyond(300_000)
    try:
        until_s, index = monotonic_s() + 20.0, 0
        while recorder.failure is None and monotonic_s() < until_s:
            picture = Picture.from_rgb(noise.integers(0, 255, (96, 128, 3), np.uint8))
            recorder.take(clean_frame(index / 25, picture))
            index += 1
            threading.Event().wait(0.002)
        recorder.close()
    finally:
        refuse_beyond(before)
    assert recorder.failure is not None
    assert recorder.failure.startswith("a.mkv: cannot be written (")
    assert "\n" not in recorder.failure
    assert path.stat().st_size <= 300_000
    with av.open(str(path)) as container:
        shown = sum(1 for _ in container.decode(video=0))
    assert shown > 10
    recorder.take(grey(99.0))


def test_a_disk_that_does_not_answer_holds_up_no_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, inside = threading.Event(), threading.Event()

    def stuck(writer: CleanWriter, frame: CleanFrame) -> None:
        inside.set()
        answer.wait(10)

    monkeypatch.setattr(CleanWriter, "frame", stuck)
    monkeypatch.setattr("streams.recording.live._CLOSE_S", 0.1)
    recorder = LiveRecorder(tmp_path / "a.mkv", tracks=[Track.VIDEO], rate_hz=25.0)
    recorder.take(grey(0.0))
    assert inside.wait(10)
    recorder.close()
    assert recorder.failure == "a.mkv: the disk does not answer; what was written until then stays"
    answer.set()
    recorder._writing.join(10)
    assert not recorder._writing.is_alive()


def test_whatever_breaks_the_encoder_ends_the_recording_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(writer: CleanWriter, frame: CleanFrame) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CleanWriter, "frame", broken)
    recorder = recorded(tmp_path / "a.mkv", [grey(0.0), grey(0.04)], [Track.VIDEO])
    assert recorder.failure == "a.mkv: recording failed (ZeroDivisionError); please report this"


def last_times(path: Path) -> dict[str, float]:
    """Media time of the last frame and of the last sound that can be decoded."""
    found: dict[str, float] = {}
    with av.open(str(path)) as container:
        for shown in container.decode(video=0):
            assert shown.time is not None
            found["video"] = shown.time
    with av.open(str(path)) as container:
        for heard in container.decode(audio=0):
            assert heard.time is not None
            found["audio"] = heard.time
    return found


def test_a_killed_session_leaves_a_file_that_plays_to_its_last_two_seconds(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    command = [sys.executable, "-m", "tests.made_live_recording", str(path), "60"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        given_s = 0.0
        while given_s < 5.3:
            given_s = float(process.stdout.readline())
        process.kill()
    last_s = last_times(path)
    assert given_s - 2.0 <= last_s["video"] <= given_s + 0.5
    assert given_s - 2.0 <= last_s["audio"] <= given_s + 0.5
    back = read_back(path)
    assert [number_of(frame.picture) for frame in back.frames] == [n % 256 for n in range(len(back.frames))]


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_other_programs_read_it_without_complaint(tmp_path: Path) -> None:
    items: list[CleanItem] = [*numbered_frames(times(0, 30)), *clean_blocks(0.0, click(1.0, 0.5))]
    items += [*clean_blocks(40.0, click(1.0, 0.5)), *numbered_frames(times(400, 410))]
    items += [Gap(Track.VIDEO, 3.0, 40.0, "paused")]
    recorder = recorded(tmp_path / "a.mkv", items)
    command = ["ffprobe", "-v", "warning", "-show_packets", "-of", "csv", str(recorder.path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    assert told.stdout.count("packet,video") == 41


def test_sound_alone_is_recorded_of_a_session_that_has_no_pictures(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mka"):
        blocks = clean_blocks(0.2, click(2.0, 1.0))
        back = read_back(recorded(tmp_path / name, blocks, [Track.AUDIO]).path)
        assert back.frames == []
        assert sum(len(block.samples) for block in back.blocks) == pytest.approx(2.0 * AUDIO_RATE_HZ, abs=1024)
        assert isinstance(blocks[0], CleanAudio)
