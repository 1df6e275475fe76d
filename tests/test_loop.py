"""A looped recording is like a camera with a microphone: in real time, without an end, with one clock."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError, SourceUnreadable
from streams.sources.live.captor import CaptureFailed
from streams.sources.live.loop import LoopCaptor
from tests.clips import Moving, Tone, number_of, write
from tests.made_streams import Recorded

pytestmark = pytest.mark.media


class Told(Recorded):
    """A `Post` whose time passes only by waiting; it wants nothing any more from `until_s` on."""

    def __init__(self, until_s: float) -> None:
        super().__init__()
        self._now_s = 100.0
        self._until_s = 100.0 + until_s
        self.passed: Callable[[float], None] = lambda _: None

    def now_s(self) -> float:
        return self._now_s

    def wait(self, timeout_s: float) -> bool:
        assert timeout_s >= 0
        self._now_s += timeout_s
        self.passed(self._now_s - 100.0)
        if self._now_s > self._until_s:
            self.end()
        return not self.wanted


def test_a_recording_is_played_in_real_time_and_begins_anew_without_a_hole(tmp_path: Path) -> None:
    captor = LoopCaptor(write(tmp_path / "a.mkv", Moving(frames=25), Tone(seconds=1.0)))
    post = Told(3.5)
    captor.capture(post)
    assert captor.name == "loop:a.mkv"
    assert captor.one_clock
    assert post.tracks == captor.tracks
    assert [number_of(picture) for _, _, picture in post.frames] == [index % 25 for index in range(len(post.frames))]
    stamps = [pts_s for _, pts_s, _ in post.frames if pts_s is not None]
    assert len(stamps) == pytest.approx(3.5 * 25, abs=2)
    assert np.diff(stamps) == pytest.approx(0.04, abs=0.002)
    assert all(-1e-6 <= at_s - 100.0 - pts_s <= 0.021 for at_s, pts_s, _ in post.frames if pts_s is not None)


def test_sound_arrives_once_it_was_heard_and_goes_on_across_the_loop_point(tmp_path: Path) -> None:
    captor = LoopCaptor(write(tmp_path / "a.wav", Tone(seconds=1.0, rate_hz=44_100)))
    post = Told(2.5)
    captor.capture(post)
    for at_s, pts_s, count in post.sounds:
        assert pts_s is not None
        assert at_s - 100.0 == pytest.approx(pts_s + count / AUDIO_RATE_HZ, abs=0.002)
    ends = [(pts_s or 0.0, (pts_s or 0.0) + count / AUDIO_RATE_HZ) for _, pts_s, count in post.sounds]
    assert all(later[0] == pytest.approx(earlier[1], abs=0.002) for earlier, later in pairwise(ends))
    assert ends[-1][1] == pytest.approx(2.5, abs=0.03)


def test_a_track_that_is_shorter_waits_for_the_other(tmp_path: Path) -> None:
    captor = LoopCaptor(write(tmp_path / "a.mkv", Moving(frames=10), Tone(seconds=1.0)))
    post = Told(1.9)
    captor.capture(post)
    stamps = [pts_s for _, pts_s, _ in post.frames if pts_s is not None]
    assert stamps[10] == pytest.approx(1.0, abs=0.03)


def test_a_recording_that_goes_away_while_it_is_looped_is_a_failure(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", Moving(frames=10))
    captor = LoopCaptor(path)
    post = Told(5.0)
    post.passed = lambda now_s: path.unlink(missing_ok=True) if now_s > 0.2 else None
    with pytest.raises(CaptureFailed, match="cannot be opened any more"):
        captor.capture(post)
    assert len(post.frames) == 10


def test_what_is_no_recording_is_refused_before_anything_is_captured(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        LoopCaptor(tmp_path / "absent.mp4")
    (tmp_path / "text.mp4").write_text("nothing to see\n" * 100)
    with pytest.raises(SourceUnreadable, match=r"text\.mp4"):
        LoopCaptor(tmp_path / "text.mp4")
