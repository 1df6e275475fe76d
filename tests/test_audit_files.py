"""What is found in files: frames that meet, frames that are missing, and what should not lie around them."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from configs.errors import ConfigError, SourceUnreadable
from streams.audit.container import container_figures
from streams.audit.pairs import Pair, Pairs
from tests.clips import Moving, Tone, number_of, with_cover, write

pytestmark = pytest.mark.unit


def walked(original: Path, deidentified: Path) -> tuple[Pairs, list[Pair]]:
    pairs = Pairs(original, deidentified)
    found = list(pairs)
    pairs.close()
    return pairs, found


def shows(pair: Pair) -> bool:
    """Whether source and output of a pair show the same number."""
    return number_of(pair.source.picture) == number_of(pair.output.picture)


def test_equal_files_meet_frame_by_frame(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.mp4", Moving(), Tone())
    pairs, found = walked(clip, clip)
    assert [pair.output.index for pair in found] == list(range(25))
    assert all(shows(pair) and pair.late_s == 0 and not pair.repeats for pair in found)
    assert (pairs.missing, pairs.source_frames, pairs.output_frames) == ([], 25, 25)


@pytest.mark.parametrize("gone", [0, 7, 24])
def test_a_dropped_frame_is_missing_and_no_other_is_blamed(tmp_path: Path, gone: int) -> None:
    times_s = [index / 25 for index in range(25)]
    original = write(tmp_path / "a.mkv", Moving(times_s=tuple(times_s), codec="libx264"), Tone())
    # Where the first is gone the pictures decide: it is not the whole video that was moved.
    kept = tuple(time_s for index, time_s in enumerate(times_s) if index != gone)
    output = write(
        tmp_path / "b.mkv", Moving(frames=24, times_s=kept, codec="libx264", first_number=int(gone == 0)), Tone()
    )
    pairs, found = walked(original, output)
    assert pairs.missing == [gone]
    assert not any(pair.repeats for pair in found)


def test_a_frame_shown_twice_is_one_too_many(tmp_path: Path) -> None:
    times_s = [index / 25 for index in range(25)]
    original = write(tmp_path / "a.mkv", Moving(times_s=tuple(times_s), codec="libx264"))
    output = write(tmp_path / "b.mkv", Moving(frames=26, times_s=tuple(sorted([*times_s, 0.49])), codec="libx264"))
    pairs, found = walked(original, output)
    assert sum(pair.repeats for pair in found) == 1
    assert pairs.missing == []


def test_pictures_that_begin_later_than_the_sound_meet_also_where_the_sound_was_dropped(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mkv", Moving(start_s=0.8), Tone(seconds=2.0))
    output = write(tmp_path / "b.mkv", Moving())
    pairs, found = walked(original, output)
    assert pairs.shift_s == pytest.approx(0.8, abs=0.002)
    assert len(found) == 25
    assert all(map(shows, found))


def test_a_smaller_output_is_scaled_to_be_compared(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mp4", Moving(width_px=128, height_px=96))
    output = write(tmp_path / "b.mp4", Moving())
    _, found = walked(original, output)
    assert {pair.output.picture.y.shape for pair in found} == {(96, 128)}
    assert all(map(shows, found))


def test_a_turned_original_meets_its_upright_copy(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mp4", Moving(rotation_deg=90))
    output = write(tmp_path / "b.mp4", Moving())
    assert all(map(shows, walked(original, output)[1]))


def test_pictures_off_by_one_frame_are_compared_with_the_one_they_show(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mp4", Moving(codec="libx264"))
    output = write(tmp_path / "b.mp4", Moving(codec="libx264", first_number=1))
    _, found = walked(original, output)
    for pair in found[:-1]:
        assert number_of(pair.output.picture) in {number_of(frame.picture) for frame in pair.sources}


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    clip, sound = write(tmp_path / "a.mp4", Moving()), write(tmp_path / "b.wav", Tone())
    for pair in ((clip, sound), (sound, clip)):
        with pytest.raises(SourceUnreadable, match="holds no video"):
            Pairs(*pair)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.mp4", Moving())
    with pytest.raises(ConfigError, match=r"none\.mp4: no such file"):
        Pairs(clip, tmp_path / "none.mp4")


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
def test_a_file_as_muxers_write_it_is_clean(tmp_path: Path, name: str) -> None:
    original = write(tmp_path / "a.mp4", Moving(), Tone())
    output = write(tmp_path / name, Moving(first_number=3), Tone(hz=300.0))
    found = container_figures(original, output)
    assert found.clean
    assert found.streams == ("video", "audio")


def test_tags_are_found_in_the_file_and_in_its_streams_and_known_ones_are_told(tmp_path: Path) -> None:
    for name, comment in (("a.mkv", "Anna at home"), ("b.mkv", "Anna at home")):
        with av.open(str(tmp_path / name), "w") as container:
            container.metadata["comment"] = comment
            stream = container.add_stream("mpeg4", rate=25)
            stream.metadata["title"] = name
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for _ in range(3):
                container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
            container.mux(stream.encode(None))
    found = container_figures(tmp_path / "a.mkv", tmp_path / "b.mkv")
    assert len(found.tags) == 2
    assert [tag.lower() for tag in found.kept_tags] == ["file: comment"]
    assert not any("Anna" in tag for tag in found.tags)
    assert not found.clean


def test_copied_sound_is_found_and_sound_encoded_anew_is_not(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mkv", Moving(), Tone(codec="aac", seconds=2.0))
    copied = write(tmp_path / "b.mkv", Moving(first_number=3), Tone(codec="aac", seconds=2.0))
    other = write(tmp_path / "c.mkv", Moving(), Tone(codec="aac", seconds=2.0, hz=300.0))
    assert container_figures(original, copied).copied_sound
    assert not container_figures(original, other).copied_sound


def test_second_streams_and_covers_are_found(tmp_path: Path) -> None:
    original = write(tmp_path / "a.mkv", Moving(), Tone())
    two = write(tmp_path / "b.mkv", Moving(), Tone(), Tone(hz=200.0), Moving())
    cover = with_cover(tmp_path / "c.mp3", Tone(codec="mp3"))
    assert sorted(container_figures(original, two).extra_streams) == ["1 audio", "1 video"]
    assert container_figures(original, cover).extra_streams == ("1 cover",)
