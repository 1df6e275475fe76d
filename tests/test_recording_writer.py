"""What is written is what was handed in: frames, times, sound, colours, and nothing else; or nothing at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Track
from streams.media import Colour, RawAudio, RawFrame
from streams.recording.formats import format_of
from streams.recording.writer import CleanWriter, VideoShape
from streams.sources.file import FileSource
from tests.clips import Moving, Tone, number_of, write
from tests.made_clean import clean_blocks, clean_frame, click, numbered_frames, read_back, written

pytestmark = pytest.mark.media

VARIABLE_S = (0.0, 0.0371, 0.08, 0.2, 0.2333, 0.3, 0.5, 0.51, 0.52, 1.0, 1.7, 1.9)
LATE_S = tuple(t_s + 0.852 for t_s in VARIABLE_S)
BEST = ("mp4", "mov", "mkv", "webm")


@pytest.mark.parametrize("suffix", [*BEST, "m4v", "avi"])
def test_every_frame_is_shown_once_at_its_own_time(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a.{suffix}", numbered_frames(VARIABLE_S), clean_blocks(0.0, click(2.0, 1.0)))
    back = read_back(path)
    assert [number_of(frame.picture) for frame in back.frames] == list(range(len(VARIABLE_S)))
    assert [frame.t_s for frame in back.frames] == pytest.approx(VARIABLE_S, abs=0.001)
    assert back.info.notices == ()


@pytest.mark.parametrize("suffix", BEST)
@pytest.mark.parametrize(("video_s", "audio_s"), [(0.852, 0.0), (0.0, 0.852), (0.0, 0.008), (0.3, 0.02), (0.25, 0.75)])
def test_each_track_begins_at_its_own_time(tmp_path: Path, suffix: str, video_s: float, audio_s: float) -> None:
    frames = numbered_frames([t_s + video_s for t_s in VARIABLE_S])
    back = read_back(written(tmp_path / f"a.{suffix}", frames, clean_blocks(audio_s, click(2.0, 1.0))))
    assert back.frames[0].t_s == pytest.approx(video_s, abs=0.001)
    assert [frame.t_s for frame in back.frames] == pytest.approx([f.t_s for f in frames], abs=0.001)
    assert back.blocks[0].t_s == pytest.approx(audio_s, abs=0.002)
    assert back.loudest_s == pytest.approx(audio_s + 1.0, abs=0.002)
    assert back.info.av_offset_s == pytest.approx(video_s - audio_s, abs=0.002)


@pytest.mark.parametrize("suffix", [*BEST, "avi", "wav", "flac", "mp3", "m4a", "ogg", "opus", "mka"])
def test_the_delay_of_sound_encoders_is_made_up_for(tmp_path: Path, suffix: str) -> None:
    frames = numbered_frames(VARIABLE_S) if suffix in {*BEST, "avi"} else []
    back = read_back(written(tmp_path / f"a.{suffix}", frames, clean_blocks(0.0, click(2.0, 1.25))))
    assert back.loudest_s == pytest.approx(1.25, abs=0.002)
    assert back.blocks[0].t_s == 0.0
    assert sum(len(block.samples) for block in back.blocks) == pytest.approx(2.0 * 16_000, abs=1024)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "avi"])
def test_late_sound_follows_silence_where_no_offset_can_be_written(tmp_path: Path, suffix: str) -> None:
    frames = numbered_frames(VARIABLE_S) if suffix == "avi" else []
    back = read_back(written(tmp_path / f"a.{suffix}", frames, clean_blocks(0.5, click(1.0, 0.75))))
    assert back.blocks[0].t_s == 0.0
    assert back.loudest_s == pytest.approx(1.25, abs=0.002)


def test_video_that_begins_late_is_shown_from_zero_in_avi_and_in_step(tmp_path: Path) -> None:
    back = read_back(written(tmp_path / "a.avi", numbered_frames(LATE_S), clean_blocks(0.0, click(3.0, 1.0))))
    assert [number_of(frame.picture) for frame in back.frames] == list(range(len(LATE_S)))
    assert [frame.t_s for frame in back.frames] == pytest.approx((0.0, *LATE_S[1:]), abs=0.001)
    assert back.loudest_s == pytest.approx(1.0, abs=0.002)


def test_a_transport_stream_keeps_its_tracks_in_step(tmp_path: Path) -> None:
    back = read_back(written(tmp_path / "a.ts", numbered_frames(LATE_S), clean_blocks(0.0, click(3.0, 1.0))))
    assert [number_of(frame.picture) for frame in back.frames] == list(range(len(LATE_S)))
    assert back.frames[0].t_s - back.loudest_s == pytest.approx(LATE_S[0] - 1.0, abs=0.002)
    assert back.loudest_s == pytest.approx(1.0, abs=0.065)


@pytest.mark.parametrize("suffix", [*BEST, "wav"])
def test_a_hole_in_the_sound_becomes_silence_and_an_overlap_is_left_out(tmp_path: Path, suffix: str) -> None:
    frames = numbered_frames(VARIABLE_S) if suffix in BEST else []
    before, after = clean_blocks(0.0, click(1.0, 0.5) * np.float32(0.5)), clean_blocks(13.0, click(1.0, 0.5))
    overlapping = clean_blocks(0.95, click(0.1, 0.01))
    back = read_back(written(tmp_path / f"a.{suffix}", frames, [*before, *overlapping, *after]))
    assert back.gaps == [gap for gap in back.gaps if gap.track is Track.VIDEO]
    assert back.loudest_s == pytest.approx(13.5, abs=0.002)
    assert back.blocks[-1].t_s + 0.1 == pytest.approx(14.0, abs=0.1)
    quiet = np.concatenate([block.samples for block in back.blocks if 0.9 < block.t_s < 12.9])
    assert float(np.abs(quiet).max()) < 0.01


@pytest.mark.parametrize("suffix", [*BEST, "avi"])
def test_the_last_frame_lasts_as_long_as_it_is_told(tmp_path: Path, suffix: str) -> None:
    back = read_back(written(tmp_path / f"a.{suffix}", numbered_frames(VARIABLE_S), end_s=2.75))
    assert back.info.duration_s == pytest.approx(2.75, abs=0.002)
    usual = read_back(written(tmp_path / f"b.{suffix}", numbered_frames([0.0, 0.04, 0.08])))
    assert usual.info.duration_s == pytest.approx(0.12, abs=0.002)


@pytest.mark.parametrize("suffix", BEST)
@pytest.mark.parametrize(("width_px", "height_px"), [(63, 47), (64, 47), (63, 48), (8, 4)])
def test_odd_sizes_keep_all_their_pixels(tmp_path: Path, suffix: str, width_px: int, height_px: int) -> None:
    luma = np.tile(np.linspace(40, 200, width_px).astype(np.uint8), (height_px, 1))
    chroma = np.full(((height_px + 1) // 2, (width_px + 1) // 2), 128, np.uint8)
    picture = Picture(luma, chroma, chroma.copy())
    back = read_back(written(tmp_path / f"a.{suffix}", [clean_frame(0.0, picture), clean_frame(0.04, picture)]))
    shown = back.frames[0].picture
    assert shown.width_px - width_px in ({0} if suffix == "webm" else {width_px % 2})
    assert shown.height_px - height_px in ({0} if suffix == "webm" else {height_px % 2})
    assert shown.y[:height_px, :width_px].astype(int) == pytest.approx(luma.astype(int), abs=12)
    assert shown.y[-1, -1] == pytest.approx(luma[-1, -1], abs=12)


def test_a_picture_of_another_size_is_fitted_in(tmp_path: Path) -> None:
    grey = [clean_frame(0.0, Picture.blank(64, 48, 180)), clean_frame(0.04, Picture.blank(30, 48, 180))]
    shown = read_back(written(tmp_path / "a.mp4", grey)).frames[1].picture
    assert (shown.width_px, shown.height_px) == (64, 48)
    assert float(shown.y[:, 24:40].mean()) == pytest.approx(180, abs=5)
    assert float(shown.y[:, :12].mean()) < 30
    assert float(shown.y[:, -12:].mean()) < 30


def test_frames_within_one_tick_all_stay(tmp_path: Path) -> None:
    times_s = [0.0, 0.0101, 0.0103, 0.0104, 0.05]
    back = read_back(written(tmp_path / "a.mkv", numbered_frames(times_s)))
    assert [number_of(frame.picture) for frame in back.frames] == [0, 1, 2, 3, 4]


@settings(max_examples=15)
@given(
    steps_ms=st.lists(st.integers(min_value=1, max_value=2500), min_size=1, max_size=12),
    start_ms=st.integers(min_value=0, max_value=1000),
    suffix=st.sampled_from(["mp4", "mkv"]),
)
def test_any_rhythm_of_frames_is_kept(steps_ms: list[int], start_ms: int, suffix: str) -> None:
    times_s = list(np.cumsum([start_ms, *steps_ms]) / 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / f"a.{suffix}", numbered_frames(times_s), end_s=times_s[-1] + 0.5)
        back = read_back(path)
    assert [number_of(frame.picture) for frame in back.frames] == list(range(len(times_s)))
    assert [frame.t_s for frame in back.frames] == pytest.approx(times_s, abs=0.001)


@pytest.mark.parametrize("colour", [Colour(1, 1, 1), Colour(6, 6, 6), Colour(9, 9, 16)])
@pytest.mark.parametrize("suffix", BEST)
def test_colours_are_meant_as_in_the_source(tmp_path: Path, suffix: str, colour: Colour) -> None:
    shape = VideoShape(64, 48, 25.0, colour)
    path = written(tmp_path / f"a.{suffix}", numbered_frames([0.0, 0.04]), shape=shape)
    info = read_back(path).info.track(Track.VIDEO)
    assert info is not None
    assert info.colour == colour
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.color_range == 1


def test_colours_that_nobody_told_stay_untold(tmp_path: Path) -> None:
    info = read_back(written(tmp_path / "a.mp4", numbered_frames([0.0, 0.04]))).info.track(Track.VIDEO)
    assert info is not None
    assert info.colour is None


def test_rgb_sources_say_which_matrix_their_pictures_have(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "a.mkv", Moving(codec="libx264rgb", pix_fmt="bgr24", frames=2)))
    info = source.info.track(Track.VIDEO)
    source.close()
    assert info is not None
    assert info.colour is not None
    assert info.colour.matrix == 6


@pytest.mark.parametrize("suffix", [*BEST, "avi", "ts", "wav", "flac", "mp3", "m4a", "ogg"])
def test_nothing_but_the_media_is_in_the_file(tmp_path: Path, suffix: str) -> None:
    video = suffix in {*BEST, "avi", "ts"}
    frames = numbered_frames(VARIABLE_S) if video else []
    path = written(tmp_path / f"a secret name.{suffix}", frames, clean_blocks(0.0, click(2.0, 1.0)))
    with av.open(str(path)) as container:
        assert {stream.type for stream in container.streams} == ({"video", "audio"} if video else {"audio"})
        assert len(container.streams) == 1 + video
        assert container.chapters() == []
        told = dict(container.metadata)
        for stream in container.streams:
            told |= stream.metadata
    harmless = {"major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id", "language"}
    # Opus and FLAC streams must name an encoder: bit-exact ones name libav, without a version.
    assert {key for key, value in told.items() if key.lower() != "encoder" and "DURATION" not in key} <= harmless
    assert "secret" not in str(told)
    data = path.read_bytes()
    assert b"secret" not in data
    assert str(tmp_path).encode() not in data


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("suffix", BEST)
def test_another_program_reads_the_same_tracks_and_no_more(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"a.{suffix}", numbered_frames(VARIABLE_S), clean_blocks(0.852, click(2.0, 1.0)))
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_chapters", "-show_format", "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert [stream["codec_type"] for stream in told["streams"]] == ["video", "audio"]
    # In Matroska this is where the encoder's delay begins.
    assert float(told["streams"][1]["start_time"]) == pytest.approx(0.852, abs=0.008)
    assert told["chapters"] == []
    tags = [told["format"].get("tags", {}), *(stream.get("tags", {}) for stream in told["streams"])]
    assert not {"creation_time", "title", "comment", "artist"} & {key.lower() for tag in tags for key in tag}


def test_several_threads_write_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    writer = CleanWriter(path, format_of(path), video=VideoShape(64, 48, 25.0), audio=False, quality=18, threads=2)
    for frame in numbered_frames(VARIABLE_S):
        writer.frame(frame)
    writer.finish()
    back = read_back(path)
    assert [number_of(frame.picture) for frame in back.frames] == list(range(len(VARIABLE_S)))
    assert [frame.t_s for frame in back.frames] == pytest.approx(VARIABLE_S, abs=0.001)


def test_equal_media_give_equal_files(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "webm"):
        one, two = (
            written(tmp_path / f"{name}.{suffix}", numbered_frames(VARIABLE_S), clean_blocks(0.0, click(1.0, 0.5)))
            for name in "ab"
        )
        assert one.read_bytes() == two.read_bytes()


def copied(source: FileSource, path: Path) -> tuple[list[float], float]:
    """Write a source's media as they are; returns the frames' times and where the sound begins."""
    info, sound = source.info.track(Track.VIDEO), source.info.track(Track.AUDIO)
    assert info is not None
    assert info.width_px is not None
    assert info.height_px is not None
    shape = VideoShape(info.width_px, info.height_px, info.rate_hz or 25.0, info.colour)
    writer = CleanWriter(path, format_of(path), video=shape, audio=sound is not None)
    times_s, heard_s = [], []
    for item in source.items():
        if isinstance(item, RawFrame):
            times_s.append(item.t_s)
            writer.frame(clean_frame(item.t_s, item.picture, index=item.index))
        elif isinstance(item, RawAudio):
            heard_s.append(item.t_s)
            writer.audio(clean_blocks(item.t_s, item.samples)[0])
    writer.finish()
    source.close()
    return times_s, heard_s[0]


@pytest.mark.parametrize("suffix", BEST)
@pytest.mark.parametrize("clip", ["pyfeat_noface_face.mov", "facerec_short_hamilton_clip.mp4"])
def test_real_recordings_keep_frames_times_offset_length_and_colours(
    media_dir: Path, tmp_path: Path, clip: str, suffix: str
) -> None:
    source = FileSource(media_dir / "video" / clip)
    times_s, heard_s = copied(source, tmp_path / f"a.{suffix}")
    back = read_back(tmp_path / f"a.{suffix}")
    assert [frame.t_s for frame in back.frames] == pytest.approx(times_s, abs=0.001)
    assert back.blocks[0].t_s == pytest.approx(heard_s, abs=0.002)
    assert back.info.av_offset_s == pytest.approx(source.info.av_offset_s, abs=0.002)
    assert back.info.duration_s == pytest.approx(source.info.duration_s, abs=0.01)
    before, after = source.info.track(Track.VIDEO), back.info.track(Track.VIDEO)
    assert before is not None
    assert after is not None
    assert after.colour == before.colour


def test_an_mp3_begins_with_its_first_sound(tmp_path: Path) -> None:
    heard = read_back(write(tmp_path / "a.mp3", Tone(codec="libmp3lame", rate_hz=44_100)))
    assert heard.blocks[0].t_s == 0.0
