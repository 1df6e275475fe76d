"""A recording has its name when it is whole; until then, and after any failure, nothing does."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from configs.errors import RecordingError
from streams.recording.formats import FileFormat, format_of
from streams.recording.writer import CleanWriter, VideoShape
from tests.made_clean import clean_blocks, numbered_frames, read_back, written

pytestmark = pytest.mark.media

FRAMES = numbered_frames([number / 25 for number in range(12)])


def test_the_name_appears_with_the_whole_file_only(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")
    writer = CleanWriter(path, format_of(path), video=VideoShape(64, 48, 25.0), audio=False)
    for frame in FRAMES:
        writer.frame(frame)
    hidden = [entry.name for entry in tmp_path.iterdir() if entry != path]
    assert len(hidden) == 1
    assert hidden[0].startswith(".a.mp4.part-")
    assert path.read_bytes() == b"older"
    writer.finish()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]
    writer.abandon()
    assert len(read_back(path).frames) == len(FRAMES)


@pytest.mark.parametrize("frames", [0, 1, 12])
def test_an_abandoned_file_leaves_nothing(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "a.mkv"
    writer = CleanWriter(path, format_of(path), video=VideoShape(64, 48, 25.0), audio=True)
    for frame in FRAMES[:frames]:
        writer.frame(frame)
    writer.abandon()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


class FullDisk(io.BytesIO):
    """A file on a disk that has room for 20 kB."""

    def write(self, data: object) -> int:
        if self.tell() > 20_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(cast("bytes", data))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "wav"])
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{suffix}"

    def opened(hidden: Path, mode: str) -> io.BytesIO:
        hidden.touch()
        return FullDisk()

    monkeypatch.setattr(Path, "open", opened)
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 16_000 * 30).astype(np.float32)
    with pytest.raises(RecordingError) as refused:
        written(path, [], clean_blocks(0.0, noise))
    assert str(refused.value) == (
        f"a.{suffix}: cannot be written (no space left on device); free some space on that disk or write to another"
    )


def test_a_disk_that_is_full_at_the_very_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(RecordingError, match="no space left on device"):
        written(tmp_path / "a.mp4", FRAMES)
    assert list(tmp_path.iterdir()) == []


def test_names_that_cannot_be_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    shape = VideoShape(64, 48, 25.0)
    (tmp_path / "folder.mp4").mkdir()
    for path, said in (
        (tmp_path / "absent" / "a.mp4", "no such file or directory); make its folder first"),
        (tmp_path / f"{'x' * 252}.mp4", "file name too long); choose a shorter name"),
        (tmp_path / "folder.mp4", "is no ordinary file; write to another name"),
        (Path("/dev/null"), "is no ordinary file; write to another name"),
    ):
        with pytest.raises(RecordingError) as refused:
            CleanWriter(path, FileFormat("mp4", "libx264", "aac"), video=shape, audio=False)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
        assert str(tmp_path) not in str(refused.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.mp4"]


def test_long_and_odd_names_can_be_written(tmp_path: Path) -> None:
    for name in (f"{'ü' * 120}.mp4", "a:b.mp4", "%d.mkv", "-x.mov"):
        assert len(read_back(written(tmp_path / name, numbered_frames([0.0, 0.04]))).frames) == 2


def test_a_format_that_cannot_hold_what_comes_is_refused(tmp_path: Path) -> None:
    shape = VideoShape(64, 48, 25.0)
    for file_format, video, audio in (
        (FileFormat("wav", None, "pcm_s16le"), shape, True),
        (FileFormat("wav", "libx264", "pcm_s16le"), shape, True),
        (FileFormat("gif", "gif", None), None, True),
        (FileFormat("mp4", "libx264", "aac"), None, False),
    ):
        with pytest.raises(RecordingError, match=r"^a\.out: .*cannot .*; name an \.mp4"):
            CleanWriter(tmp_path / "a.out", file_format, video=video, audio=audio)
    assert list(tmp_path.iterdir()) == []


def test_a_recorder_that_dies_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    program = """
import os, sys
from pathlib import Path
from streams.recording.formats import format_of
from streams.recording.writer import CleanWriter, VideoShape
from tests.made_clean import numbered_frames
path = Path(sys.argv[1])
writer = CleanWriter(path, format_of(path), video=VideoShape(64, 48, 25.0), audio=False)
for frame in numbered_frames([0.0, 0.04, 0.08]):
    writer.frame(frame)
os._exit(9)
"""
    died = subprocess.run([sys.executable, "-c", program, str(path)], check=False, cwd=Path(__file__).parents[1])
    assert died.returncode == 9
    assert [entry.name.startswith(".a.mp4.part-") for entry in tmp_path.iterdir()] == [True]
    assert not path.exists()
