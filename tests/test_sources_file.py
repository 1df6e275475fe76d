"""A recording is played as it is: what is seen and heard, when, in which order, and what is said of it."""

from __future__ import annotations

import gc
import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from buffers.records import Track
from configs.errors import ConfigError, SourceUnreadable
from streams.media import RawAudio, RawEnd, RawFrame, RawGap, RawMedia
from streams.sources.file import FileSource
from streams.sources.open import open_source
from tests.clips import Moving, Tone, joined, number_of, spoil, write

pytestmark = pytest.mark.media


def play(path: Path) -> tuple[FileSource, list[RawMedia]]:
    source = FileSource(path)
    items = list(source.items())
    source.close()
    return source, items


def frames(items: list[RawMedia]) -> list[RawFrame]:
    return [item for item in items if isinstance(item, RawFrame)]


def blocks(items: list[RawMedia]) -> list[RawAudio]:
    return [item for item in items if isinstance(item, RawAudio)]


def test_every_frame_is_shown_once_at_its_time(tmp_path: Path) -> None:
    _, items = play(write(tmp_path / "a.mp4", Moving(codec="libx264", frames=60, rate_hz=30)))
    shown = frames(items)
    assert [number_of(frame.picture) for frame in shown] == list(range(60))
    assert [frame.index for frame in shown] == list(range(60))
    assert [frame.t_s for frame in shown] == pytest.approx([number / 30 for number in range(60)])


def test_tracks_are_merged_in_order_of_time_however_they_are_interleaved(tmp_path: Path) -> None:
    # The generator writes all video before all audio, and MP4 leaves it so.
    _, items = play(write(tmp_path / "a.mp4", Moving(frames=100), Tone(seconds=4.0, codec="aac")))
    times_s = [item.start_s if isinstance(item, RawGap) else item.t_s for item in items]
    assert times_s == sorted(times_s)
    assert len(frames(items)) == 100
    assert sum(len(block.samples) for block in blocks(items)) == pytest.approx(4 * 16_000, abs=1024)


@pytest.mark.parametrize(("video_s", "audio_s"), [(0.48, 0.0), (0.0, 0.48), (7.0, 7.48)])
def test_an_offset_between_the_tracks_is_kept(tmp_path: Path, video_s: float, audio_s: float) -> None:
    source, items = play(write(tmp_path / "a.mkv", Moving(start_s=video_s), Tone(start_s=audio_s)))
    assert source.info.av_offset_s == pytest.approx(video_s - audio_s, abs=0.002)
    assert frames(items)[0].t_s - blocks(items)[0].t_s == pytest.approx(video_s - audio_s, abs=0.002)
    assert min(frames(items)[0].t_s, blocks(items)[0].t_s) == 0.0


def test_a_session_is_told_which_track_is_over_where_the_other_goes_on(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "a.mkv", Moving(frames=25), Tone(seconds=3.0)))
    (link,) = source.links
    assert link.tracks == {Track.VIDEO, Track.AUDIO}
    items = list(link.items())
    link.close()
    (end,) = (place for place, item in enumerate(items) if isinstance(item, RawEnd))
    assert items[end] == RawEnd(Track.VIDEO)
    assert sum(isinstance(item, RawFrame) for item in items[:end]) == 25
    assert {type(item) for item in items[end + 1 :]} == {RawAudio}


@pytest.mark.parametrize("layout", ["mono", "stereo", "4.0"])
def test_sound_is_cut_into_blocks_of_100_ms_at_its_own_level(tmp_path: Path, layout: str) -> None:
    _, items = play(write(tmp_path / "a.wav", Tone(seconds=1.25, layout=layout, rate_hz=44_100)))
    heard = blocks(items)
    assert [len(block.samples) for block in heard] == [1600] * 12 + [800]
    assert [block.t_s for block in heard] == pytest.approx([0.1 * number for number in range(13)])
    assert max(float(np.abs(block.samples).max()) for block in heard) == pytest.approx(0.5, abs=0.005)
    assert heard[0].samples.dtype == np.float32


@pytest.mark.parametrize(("rotation_deg", "mirrored"), [(90, False), (180, False), (270, False), (0, True), (90, True)])
def test_turned_and_mirrored_pictures_are_set_upright(tmp_path: Path, rotation_deg: int, mirrored: bool) -> None:
    moving = Moving(width_px=80, height_px=48, rotation_deg=rotation_deg, mirrored=mirrored)
    source, items = play(write(tmp_path / "a.mp4", moving))
    info = source.info.track(Track.VIDEO)
    assert info is not None
    assert (info.width_px, info.height_px) == (80, 48)
    assert [number_of(frame.picture) for frame in frames(items)] == list(range(25))


@pytest.mark.parametrize(("aspect", "width_px"), [(Fraction(4, 3), 85), (Fraction(1, 2), 32), (Fraction(99, 1), 64)])
def test_pixels_are_made_square_unless_their_shape_cannot_be(tmp_path: Path, aspect: Fraction, width_px: int) -> None:
    _, items = play(write(tmp_path / "a.mp4", Moving(pixel_aspect=aspect)))
    picture = frames(items)[3].picture
    assert (picture.width_px, picture.height_px) == (width_px, 48)
    assert number_of(picture) == 3


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mkv", "mjpeg", "yuvj420p"),
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mkv", "ffv1", "yuv444p"),
        ("a.mkv", "ffv1", "yuva420p"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mov", "png", "rgb24"),
        ("a.mov", "png", "rgba"),
    ],
)
def test_every_pixel_format_becomes_limited_range_planes(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    _, items = play(write(tmp_path / name, Moving(codec=codec, pix_fmt=pix_fmt)))
    luma = frames(items)[5].picture.y
    # Drawn are 16 and 235 of 255: about 30 and 218 in limited range; full-range planes would hold 16 and 235.
    assert np.median(luma[2:8, 2:6]) == pytest.approx(218, abs=6)
    assert np.median(luma[2:8, 10:14]) == pytest.approx(30, abs=6)
    assert number_of(frames(items)[5].picture) == 5


def test_planes_are_contiguous_and_survive_the_decoder(tmp_path: Path) -> None:
    _, items = play(write(tmp_path / "a.mp4", Moving(width_px=63, height_px=47)))
    for plane in (frames(items)[0].picture.y, frames(items)[0].picture.u, frames(items)[0].picture.v):
        assert plane.flags.c_contiguous
        assert plane.flags.owndata


def test_a_change_of_size_in_mid_stream_is_followed(tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"{width_px}.h264", Moving(codec="libx264", width_px=width_px, height_px=64, frames=10))
        for width_px in (64, 96)
    ]
    _, items = play(joined(tmp_path / "a.h264", *parts))
    assert [frame.picture.width_px for frame in frames(items)] == [64] * 10 + [96] * 10


def test_variable_rates_keep_their_times(tmp_path: Path) -> None:
    times_s = (0.0, 0.04, 0.2, 0.21, 0.5, 0.9)
    _, items = play(write(tmp_path / "a.mkv", Moving(times_s=times_s)))
    assert [frame.t_s for frame in frames(items)] == pytest.approx(times_s, abs=0.001)


def test_holes_are_named_in_both_tracks(tmp_path: Path) -> None:
    seen = tuple(number / 25 for number in range(150) if not 25 <= number < 75)
    _, items = play(write(tmp_path / "a.mkv", Moving(times_s=seen), Tone(seconds=6.0, hole_s=(3.0, 4.0))))
    video, audio = (item for item in items if isinstance(item, RawGap))
    assert (video.track, audio.track) == (Track.VIDEO, Track.AUDIO)
    assert (video.start_s, video.end_s) == pytest.approx((1.0, 3.0), abs=0.01)
    assert (audio.start_s, audio.end_s) == pytest.approx((3.0, 4.0), abs=0.03)


def test_a_recording_is_identified_by_its_bytes_and_named_without_its_folders(tmp_path: Path) -> None:
    path = write(tmp_path / "Dr. Who talks.mp4", Moving(), Tone(codec="aac", layout="stereo"))
    source = FileSource(path)
    info = source.info
    assert info.name == "Dr. Who talks.mp4"
    assert source.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert info.duration_s == pytest.approx(1.0, abs=0.05)
    assert str(tmp_path) not in repr(info)
    video, audio = info.tracks
    assert (video.codec, video.rate_hz, video.width_px, video.height_px) == ("mpeg4", 25.0, 64, 48)
    assert (audio.codec, audio.rate_hz, audio.channels) == ("aac", 48_000.0, 2)


def test_the_same_file_gives_the_same_items(tmp_path: Path) -> None:
    path = spoil(write(tmp_path / "a.ts", Moving(codec="mpeg2video", frames=50), Tone(codec="mp2")), 0.3, 0.4)
    once, again = play(path)[1], play(path)[1]
    assert [type(item) for item in once] == [type(item) for item in again]
    for one, other in zip(frames(once), frames(again), strict=True):
        assert (one.t_s, one.index) == (other.t_s, other.index)
        assert np.array_equal(one.picture.y, other.picture.y)


def test_notices_grow_while_reading(tmp_path: Path) -> None:
    path = spoil(write(tmp_path / "a.mp4", Moving(codec="libx264", frames=100), movflags="faststart"), 0.5, 0.6)
    source = FileSource(path)
    before = source.info
    assert before.notices == ()
    assert len(list(source.items())) < 100
    assert any("damaged packets skipped" in notice for notice in source.info.notices)


def test_a_source_can_be_left_in_the_middle_and_closed_twice(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "a.mp4", Moving(frames=100), Tone(codec="aac", seconds=4.0)))
    items = source.items()
    for _ in range(10):
        next(items)
    source.close()
    source.close()
    assert len(list(items)) < 10


def test_no_decoded_frame_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "a.mp4", Moving(codec="libx264", frames=100)))
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in source.items()) == 100
        assert gc.collect() < 50
    finally:
        gc.enable()


@pytest.mark.parametrize("uri", ["{path}", "file:{path}", "file://{path}", "FILE://localhost{path}"])
def test_a_file_is_opened_by_path_or_address(tmp_path: Path, uri: str) -> None:
    path = write(tmp_path / "a clip.wav", Tone())
    source = open_source(uri.format(path=path if "file" not in uri.lower() else str(path).replace(" ", "%20")))
    assert source.info.name == "a clip.wav"
    source.links[0].close()


def test_a_file_whose_name_looks_like_an_address_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "talk.wav", Tone()).rename(tmp_path / "http:talk.wav")
    open_source("http:talk.wav").links[0].close()


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("", "no source"),
        ("nonsense://x", "understood are a path, file:"),
        ("file://elsewhere/a.mp4", "other machines"),
        ("missing.mp4", "no such file"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_in_one_line(uri: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        open_source(uri)
    assert "\n" not in str(refused.value)


def test_a_forbidden_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", Tone())
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ConfigError, match="may not be read"):
        FileSource(path)


def test_real_clips_keep_their_offset_their_frames_and_their_length(media_dir: Path) -> None:
    source, items = play(media_dir / "video" / "facerec_short_hamilton_clip.mp4")
    # First video timestamp 0.852 s, first audio timestamp 0.008 s on the file's own clock.
    assert source.info.av_offset_s == pytest.approx(0.844, abs=0.001)
    assert len(frames(items)) == 275
    assert frames(items)[0].t_s == pytest.approx(0.852, abs=0.001)
    assert sum(len(block.samples) for block in blocks(items)) / 16_000 == pytest.approx(10.008, abs=0.01)
    assert source.info.notices == ()


def test_a_real_clip_of_variable_rate_is_played_whole(media_dir: Path) -> None:
    source, items = play(media_dir / "video" / "pyfeat_noface_face.mov")
    assert len(frames(items)) == 169
    assert frames(items)[-1].t_s == pytest.approx(6.34, abs=0.1)
    assert source.info.notices == ()


def test_undecodable_files_say_so_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", Moving(codec="libx264", first_packet=1, frames=20))
    with pytest.raises(SourceUnreadable, match="no frame that can be decoded; copy or record it again"):
        FileSource(path)
