"""What an output name stands for: which container, and which encoders of PyAV's libav fill it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import av
from av.codec.codec import Codec, UnknownCodecError
from av.format import Flags

from configs.errors import ConfigError
from streams.sources.probe import shown_name


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A container by the name of libav's muxer, and the encoders for what it holds.

    None where it holds no video, or no sound.
    """

    container: str
    video_codec: str | None
    audio_codec: str | None


_USUAL: Final = {
    # H.264 and AAC: what every player and browser reads.
    ".mp4": ("mp4", ("libx264", "mpeg4"), "aac"),
    ".m4v": ("mp4", ("libx264", "mpeg4"), "aac"),
    ".mov": ("mov", ("libx264", "mpeg4"), "aac"),
    # Opus in Matroska: its delay of 6.5 ms is told apart from the sound by every player, AAC's 64 ms is not.
    ".mkv": ("matroska", ("libx264", "mpeg4"), "libopus"),
    ".mka": ("matroska", (), "libopus"),
    ".3gp": ("3gp", ("libx264", "mpeg4"), "aac"),
    ".flv": ("flv", ("libx264",), "aac"),
    # A transport stream cannot tell AAC's delay apart: all of it is shown one AAC frame (64 ms) later, in step.
    ".ts": ("mpegts", ("libx264", "mpeg2video"), "aac"),
    # VP9 before VP8, whose pictures are BT.601 whatever the source was, and look a shade different then.
    ".webm": ("webm", ("libvpx-vp9", "libvpx"), "libopus"),
    # Old players that want AVI want MPEG-4 in it. MP3 would come 69 ms late: AVI cannot tell its delay apart.
    ".avi": ("avi", ("mpeg4",), "pcm_s16le"),
    ".wav": ("wav", (), "pcm_s16le"),
    ".flac": ("flac", (), "flac"),
    ".mp3": ("mp3", (), "libmp3lame"),
    ".m4a": ("ipod", (), "aac"),
    ".aac": ("adts", (), "aac"),
    ".ogg": ("ogg", (), "libopus"),
    ".opus": ("opus", (), "libopus"),
}
"""Muxer, video encoders (the first that this build has is taken) and audio encoder, by suffix."""

_STILLS: Final = frozenset({"png", "mjpeg", "bmp", "tiff", "webp"})
"""Codecs that libav names as the video of sound files (for cover art) and of pictures."""

_LOSE_TIMES: Final = frozenset({"yuv4mpegpipe", "ogv"})
"""Muxers that shift or lose the times of frames without saying so: YUV4MPEG at a variable rate, VP8 in Ogg."""


def format_of(path: Path) -> FileFormat:
    """The format for an output name: from a table for the usual suffixes, libav's own guess for others.

    Raises:
        ConfigError: the name has no suffix, or one for which nothing with timestamps can be written.
    """
    suffix = path.suffix.lower()
    if suffix in _USUAL:
        container, video_codecs, audio_codec = _USUAL[suffix]
        return FileFormat(container, _available(path, video_codecs), audio_codec)
    guess = _guessed(suffix) if suffix else None
    if guess is None:
        what = f"{suffix} files cannot be written" if suffix else "has no suffix to tell the kind of file by"
        raise ConfigError(f"{shown_name(path)}: {what}; use one of {' '.join(_USUAL)}")
    return guess


def _available(path: Path, codecs: Sequence[str]) -> str | None:
    """The first encoder of several that this build of libav has, None where none is asked for."""
    found = next((codec for codec in codecs if _has_encoder(codec)), None)
    if codecs and found is None:
        raise ConfigError(f"{shown_name(path)}: this build of libav lacks {' and '.join(codecs)}; reinstall PyAV")
    return found


def _has_encoder(codec: str) -> bool:
    try:
        Codec(codec, "w")
    except UnknownCodecError:
        return False
    return True


def _guessed(suffix: str) -> FileFormat | None:
    """What libav would write under that suffix, None where it is nothing that keeps pictures and sound in time."""
    try:
        with av.open(f"file:guess{suffix}", "w") as container:
            form = container.format
            codecs = (container.default_video_codec, container.default_audio_codec)
    except ValueError:
        return None
    video, audio = (codec if _has_encoder(codec) else None for codec in codecs)
    if form.flags & cast("int", Flags.no_timestamps.value) or form.name in _LOSE_TIMES or codecs[0] in _STILLS:
        # Sound alone needs none; pictures without any would be played at some other speed.
        video = None
    if form.no_file or (video is None and audio is None):
        return None
    return FileFormat(form.name, video, audio)
