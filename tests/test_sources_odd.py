"""Files that are broken, odd or no recordings at all: each is refused in one line or played with a notice."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from configs.errors import ConfigError, MonitorError, SourceUnreadable
from streams.media import RawAudio, RawFrame, RawGap
from streams.sources.file import FileSource
from tests.clips import Moving, Tone, cut, joined, patch, spoil, with_cover, write

pytestmark = pytest.mark.media

H264 = Moving(codec="libx264", frames=100)
PLAIN = Moving(frames=100)
AAC = Tone(codec="aac", seconds=4.0)
KEY = "00112233445566778899aabbccddeeff"


@dataclass(frozen=True, slots=True)
class Refused:
    """The error's class and words of its line."""

    error: type[MonitorError]
    words: str


@dataclass(frozen=True, slots=True)
class Plays:
    """Frames (from, to), seconds of sound (from, to), holes, and words of a notice; no notice where None."""

    frames: tuple[int, int] = (0, 0)
    sound_s: tuple[float, float] = (0.0, 0.0)
    gaps: int = 0
    notice: str | None = None


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def data(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def renamed(path: Path, name: bytes) -> Path:
    new = Path(os.fsdecode(os.fsencode(path.parent) + b"/" + name))
    return path.rename(new)


def encrypted(path: Path, *tracks: Moving | Tone) -> Path:
    return write(path, *tracks, encryption_scheme="cenc-aes-ctr", encryption_key=KEY, encryption_kid=KEY)


def restarted(path: Path) -> Path:
    early = write(path.with_name("1.ts"), Moving(codec="libx264", start_s=5), Tone(codec="mp2", start_s=5))
    return joined(path, early, write(path.with_name("2.ts"), Moving(codec="libx264"), Tone(codec="mp2")))


def latin_tag(path: Path) -> Path:
    """A WAV file whose title is in Latin-1, which is no UTF-8."""
    body = write(path, Tone()).read_bytes()
    tag = b"INFOINAM" + struct.pack("<I", 6) + b"Gr\xfc\xdfe\0"
    return data(path, body + b"LIST" + struct.pack("<I", len(tag)) + tag)


def float_noise(path: Path) -> Path:
    """A float WAV with NaN and infinity among its samples."""
    path = write(path, Tone(codec="pcm_f32le"))
    return patch(path, path.read_bytes()[2000:2008], struct.pack("<ff", float("nan"), float("inf")))


SECOND = (0.98, 1.03)
CASES: dict[str, tuple[str, Callable[[Path], Path], Refused | Plays]] = {
    "missing": ("a.mp4", lambda p: p, Refused(ConfigError, "no such file")),
    "folder": ("a.mp4", folder, Refused(ConfigError, "is a folder")),
    "pipe": ("a.mp4", pipe, Refused(ConfigError, "device or a pipe")),
    "device": ("a", lambda _: Path("/dev/null"), Refused(ConfigError, "device or a pipe")),
    "name too long": ("a" * 300, lambda p: p, Refused(ConfigError, "cannot be reached")),
    "name with a zero byte": ("a\0.mp4", lambda p: p, Refused(ConfigError, "cannot be reached")),
    "empty": ("a.mp4", lambda p: data(p, b""), Refused(SourceUnreadable, "is empty")),
    "text as mp4": ("a.mp4", lambda p: text(p, "hello\n" * 99), Refused(SourceUnreadable, "convert it")),
    "text": ("a.txt", lambda p: text(p, "hello\n" * 99), Refused(SourceUnreadable, "is text")),
    "noise as mp4": ("a.mp4", lambda p: spoil(data(p, b"0" * 9999), 0, 1), Refused(SourceUnreadable, "a.mp4")),
    "subtitles": (
        "a.srt",
        lambda p: text(p, "1\n00:00:00,000 --> 00:00:01,000\nhello\n"),
        Refused(SourceUnreadable, "neither video nor sound"),
    ),
    "playlist to the network": (
        "a.m3u8",
        lambda p: text(p, "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n"),
        Refused(SourceUnreadable, "a.m3u8"),
    ),
    "session description": (
        "a.sdp",
        lambda p: text(p, "v=0\no=- 0 0 IN IP4 0.0.0.0\ns=x\nc=IN IP4 0.0.0.0\nt=0 0\nm=video 5004 RTP/AVP 26\n"),
        Refused(SourceUnreadable, "a.sdp"),
    ),
    "png header only": ("a.png", lambda p: data(p, b"\x89PNG\r\n\x1a\n"), Refused(SourceUnreadable, "a.png")),
    "mp4 cut before its index": ("a.mp4", lambda p: cut(write(p, PLAIN), 0.5), Refused(SourceUnreadable, "its index")),
    "encrypted": ("a.mp4", lambda p: encrypted(p, H264), Refused(SourceUnreadable, "video is encrypted; use an unpro")),
    "encrypted both": ("a.mp4", lambda p: encrypted(p, H264, AAC), Refused(SourceUnreadable, "audio is encrypted")),
    "unknown codec": (
        "a.avi",
        lambda p: patch(write(p, PLAIN), b"FMP4", b"ZZQQ"),
        Refused(SourceUnreadable, "not supported; convert it"),
    ),
    "no keyframe": (
        "a.mkv",
        lambda p: write(p, Moving(codec="libx264", frames=20, first_packet=1)),
        Refused(SourceUnreadable, "no frame that can be decoded"),
    ),
    "larger than any frame": (
        "a.mkv",
        lambda p: write(p, Moving(codec="ffv1", width_px=8208, height_px=16, frames=2)),
        Refused(SourceUnreadable, "8208x16 is above the limit of 8192x8192"),
    ),
    "unknown codec beside sound": (
        "a.avi",
        lambda p: patch(write(p, Moving(), Tone()), b"FMP4", b"ZZQQ"),
        Plays(sound_s=SECOND, notice="video has a codec that is not supported: left out"),
    ),
    "one pixel": ("a.mkv", lambda p: write(p, Moving(codec="ffv1", width_px=1, height_px=1)), Plays((25, 25))),
    "odd sides": ("a.mp4", lambda p: write(p, Moving(width_px=63, height_px=47)), Plays((25, 25))),
    "one frame": ("a.mp4", lambda p: write(p, Moving(frames=1)), Plays((1, 1))),
    "one picture": (
        "a.png",
        lambda p: write(p, Moving(codec="png", pix_fmt="rgb24", frames=1), update="1"),
        Plays((1, 1)),
    ),
    "gif": ("a.gif", lambda p: write(p, Moving(codec="gif", pix_fmt="rgb8")), Plays((25, 25))),
    "wider than 4k": (
        "a.mkv",
        lambda p: write(p, Moving(codec="ffv1", width_px=4000, height_px=20, frames=2)),
        Plays((2, 2), notice="4000x20 is scaled down to 3840 px"),
    ),
    "mp4 under another name": ("a.txt", lambda p: write(p.with_suffix(".mp4"), Moving()).rename(p), Plays((25, 25))),
    "index first, 25 %": (
        "a.mp4",
        lambda p: cut(write(p, PLAIN, AAC, movflags="faststart"), 0.25),
        Plays((5, 40), (0.1, 2.0), notice="the file is cut short"),
    ),
    "index first, 50 %": (
        "a.mp4",
        lambda p: cut(write(p, PLAIN, AAC, movflags="faststart"), 0.5),
        Plays((30, 60), (1.0, 3.0), notice="the file is cut short"),
    ),
    "index first, 75 %": (
        "a.mp4",
        lambda p: cut(write(p, PLAIN, AAC, movflags="faststart"), 0.75),
        Plays((55, 85), (2.0, 3.5), notice="the file is cut short"),
    ),
    "mkv, 25 %": ("a.mkv", lambda p: cut(write(p, PLAIN, AAC), 0.25), Plays((15, 35), (0.6, 1.4), 0, "cut short")),
    "mkv, 50 %": ("a.mkv", lambda p: cut(write(p, PLAIN, AAC), 0.5), Plays((40, 60), (1.6, 2.4), 0, "cut short")),
    "mkv, 75 %": ("a.mkv", lambda p: cut(write(p, PLAIN, AAC), 0.75), Plays((65, 85), (2.6, 3.4), 0, "cut short")),
    "noise inside mp4": (
        "a.mp4",
        lambda p: spoil(write(p, H264, movflags="faststart"), 0.5, 0.6),
        Plays((75, 95), notice="damaged packets skipped"),
    ),
    "noise inside ts": (
        "a.ts",
        lambda p: spoil(write(p, Moving(codec="mpeg2video", frames=100), Tone(codec="mp2", seconds=4.0)), 0.4, 0.6),
        Plays((70, 90), (2.8, 3.4), 1, "damaged packets skipped"),
    ),
    "two of each": (
        "a.mkv",
        lambda p: write(p, Moving(), Moving(), Tone(), Tone()),
        Plays((25, 25), SECOND, notice="2 audio streams: only the first is used"),
    ),
    "no timestamps": (
        "a.h264",
        lambda p: write(p, Moving(codec="libx264")),
        Plays((25, 25), notice="25 timestamps missing"),
    ),
    "timestamps start again": ("a.ts", restarted, Plays((50, 50), (1.98, 2.1), 0, "timestamps jumped 1 times")),
    "timestamps start late": ("a.ts", lambda p: write(p, Moving(codec="mpeg2video", start_s=5000)), Plays((25, 25))),
    "a hole": (
        "a.mkv",
        lambda p: write(p, Moving(times_s=tuple(n / 25 for n in range(99) if not 20 <= n < 70))),
        Plays((49, 49), gaps=1),
    ),
    "sound: flac": ("a.flac", lambda p: write(p, Tone(codec="flac", rate_hz=44_100)), Plays(sound_s=SECOND)),
    "sound: mp3": ("a.mp3", lambda p: write(p, Tone(codec="mp3", rate_hz=44_100)), Plays(sound_s=SECOND)),
    "sound: telephone": ("a.wav", lambda p: write(p, Tone(codec="pcm_mulaw", rate_hz=8000)), Plays(sound_s=SECOND)),
    "sound with a picture": (
        "a.mp3",
        lambda p: with_cover(p, Tone(codec="mp3", rate_hz=44_100)),
        Plays(sound_s=SECOND),
    ),
    "sound of nine samples": ("a.wav", lambda p: write(p, Tone(seconds=9 / 48_000)), Plays(sound_s=(0.0, 0.001))),
    "sound of 900 MHz": (
        "a.wav",
        lambda p: patch(write(p, Tone()), struct.pack("<I", 48_000), struct.pack("<I", 900_000_000)),
        Refused(SourceUnreadable, "sample rate of 900000000 Hz"),
    ),
    "sound of 233 channels": (
        "a.wav",
        lambda p: patch(write(p, Tone()), b"\x10\0\0\0\1\0\1\0", b"\x10\0\0\0\1\0\xe9\0"),
        Plays(notice="frames of an unusable layout left out"),
    ),
    "sound with NaN": ("a.wav", float_noise, Plays(sound_s=SECOND)),
    "sound cut": ("a.wav", lambda p: cut(write(p, Tone(seconds=4.0)), 0.5), Plays(sound_s=(1.9, 2.1))),
    "a tag in Latin-1": ("a.wav", latin_tag, Plays(sound_s=SECOND)),
    "a name in Latin-1": ("a.wav", lambda p: renamed(write(p, Tone()), b"Gr\xfc\xdfe.wav"), Plays(sound_s=SECOND)),
    "a name of two lines": ("a.wav", lambda p: renamed(write(p, Tone()), b"a\nb.wav"), Plays(sound_s=SECOND)),
}


@pytest.mark.parametrize(("name", "build", "expected"), CASES.values(), ids=CASES.keys())
def test_an_odd_file_is_refused_in_one_line_or_played_with_a_notice(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
    build: Callable[[Path], Path],
    expected: Refused | Plays,
) -> None:
    path = build(tmp_path / name)
    capfd.readouterr()
    if isinstance(expected, Refused):
        with pytest.raises(expected.error) as refused:
            FileSource(path)
        line = str(refused.value)
        assert expected.words in line
        assert "\n" not in line
        assert str(tmp_path) not in line
    else:
        check_played(path, expected)
    assert capfd.readouterr() == ("", ""), "libav may not speak to the terminal"


def check_played(path: Path, expected: Plays) -> None:
    source = FileSource(path)
    items = list(source.items())
    source.close()
    info = source.info
    assert info.name.isprintable()
    sound_s = sum(len(item.samples) for item in items if isinstance(item, RawAudio)) / 16_000
    assert expected.frames[0] <= sum(isinstance(item, RawFrame) for item in items) <= expected.frames[1]
    assert expected.sound_s[0] <= sound_s <= expected.sound_s[1]
    assert sum(isinstance(item, RawGap) for item in items) == expected.gaps
    times_s = [item.start_s if isinstance(item, RawGap) else item.t_s for item in items]
    assert times_s == sorted(times_s)
    if expected.notice is None:
        assert info.notices == ()
    else:
        assert any(expected.notice in notice for notice in info.notices), info.notices
