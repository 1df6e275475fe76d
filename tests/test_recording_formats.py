"""A file's name says what is written into it; names that cannot be meant are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import ConfigError
from streams.recording import formats
from streams.recording.formats import FileFormat, format_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", FileFormat("mp4", "libx264", "aac")),
        ("A.MP4", FileFormat("mp4", "libx264", "aac")),
        ("a.m4v", FileFormat("mp4", "libx264", "aac")),
        ("a.mov", FileFormat("mov", "libx264", "aac")),
        ("a.mkv", FileFormat("matroska", "libx264", "libopus")),
        ("a.webm", FileFormat("webm", "libvpx-vp9", "libopus")),
        ("a.avi", FileFormat("avi", "mpeg4", "pcm_s16le")),
        ("a.ts", FileFormat("mpegts", "libx264", "aac")),
        ("a.3gp", FileFormat("3gp", "libx264", "aac")),
        ("a.flv", FileFormat("flv", "libx264", "aac")),
        ("a.wav", FileFormat("wav", None, "pcm_s16le")),
        ("a.flac", FileFormat("flac", None, "flac")),
        ("a.mp3", FileFormat("mp3", None, "libmp3lame")),
        ("a.m4a", FileFormat("ipod", None, "aac")),
        ("a.ogg", FileFormat("ogg", None, "libopus")),
        ("a.opus", FileFormat("opus", None, "libopus")),
        ("a.aac", FileFormat("adts", None, "aac")),
    ],
)
def test_usual_names_stand_for_what_every_player_reads(name: str, expected: FileFormat) -> None:
    assert format_of(Path(name)) == expected


def test_other_names_are_written_as_libav_would() -> None:
    assert format_of(Path("a.nut")).container == "nut"
    assert format_of(Path("a.nut")).video_codec is not None
    assert format_of(Path("a.aiff")) == FileFormat("aiff", None, "pcm_s16be")


@pytest.mark.parametrize("name", ["a.txt", "a.jpg", "a.m3u8", "a.mpd", "a.yuv", "a.y4m", "a.h264", "a.unheard"])
def test_names_of_what_cannot_be_written_are_refused_with_those_that_can(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        format_of(Path("/some/where") / name)
    message = str(refused.value)
    assert message.startswith(f"{name}: {Path(name).suffix} files cannot be written; use one of .mp4 ")
    assert "\n" not in message
    assert "/some/where" not in message


def test_a_name_without_a_suffix_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^out: has no suffix to tell the kind of file by; use one of \.mp4 "):
        format_of(Path("out"))


def test_a_missing_encoder_is_replaced_by_the_next_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_has_encoder", lambda codec: codec == "mpeg4")
    assert format_of(Path("a.mp4")).video_codec == "mpeg4"
    with pytest.raises(ConfigError, match=r"a\.webm: .* lacks libvpx-vp9 and libvpx; reinstall PyAV"):
        format_of(Path("a.webm"))


def test_asking_for_a_format_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    format_of(Path("a.nut"))
    assert list(tmp_path.iterdir()) == []
