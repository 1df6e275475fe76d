"""What is said of a live stream once it is open, and how much of a damaged one is survived."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import pytest

from buffers.records import Track
from streams.sources.live.captor import CaptureFailed
from streams.sources.live.decoding import Decoding
from tests.clips import Moving, Tone, number_of, write
from tests.made_streams import Recorded

pytestmark = pytest.mark.media


def test_both_tracks_are_posted_with_the_streams_own_times(tmp_path: Path) -> None:
    post = Recorded()
    with av.open(str(write(tmp_path / "a.mkv", Moving(start_s=3.0), Tone(start_s=3.5, rate_hz=44_100)))) as container:
        decoding = Decoding(container, post)
        assert [info.track for info in decoding.tracks] == [Track.VIDEO, Track.AUDIO]
        decoding.run()
    assert [number_of(picture) for _, _, picture in post.frames] == list(range(25))
    assert post.frames[0][1] == pytest.approx(3.0)
    assert post.sounds[0][1] == pytest.approx(3.5)
    assert sum(count for _, _, count in post.sounds) == pytest.approx(16_000, abs=100)
    assert decoding.damaged == 0


def test_pixels_that_are_not_square_are_told_as_the_pictures_will_be(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.mp4", Moving(width_px=72, height_px=48, pixel_aspect=Fraction(4, 3)))
    post = Recorded()
    with av.open(str(clip)) as container:
        decoding = Decoding(container, post)
        decoding.run()
    told = decoding.tracks[0]
    assert (told.width_px, told.height_px) == (96, 48)
    assert {(picture.width_px, picture.height_px) for _, _, picture in post.frames} == {(96, 48)}


def test_damage_is_passed_over_and_counted(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.mkv", Moving(frames=100, codec="mjpeg", pix_fmt="yuvj420p"))
    data = bytearray(clip.read_bytes())
    chance = random.Random(4)
    for _ in range(400):
        data[chance.randrange(len(data) // 2, len(data))] = chance.randrange(256)
    clip.write_bytes(data)
    post = Recorded()
    with av.open(str(clip)) as container:
        Decoding(container, post).run()
    assert len(post.frames) > 40


def test_nothing_is_read_for_one_who_wants_nothing(tmp_path: Path) -> None:
    post = Recorded()
    with av.open(str(write(tmp_path / "a.mkv", Moving()))) as container:
        decoding = Decoding(container, post)
        post.end()
        decoding.run()
    assert post.frames == []


def test_a_stream_without_a_track_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with av.open(str(tmp_path / "a.srt")) as container, pytest.raises(CaptureFailed, match="neither video nor sound"):
        Decoding(container, Recorded())
