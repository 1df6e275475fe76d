"""Opens recordings with libav and says in one line why one cannot be opened. Reads nothing but local files."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream

from buffers.records import Track
from configs.errors import ConfigError, SourceUnreadable

_NO_RECORDINGS: Final = {
    "concat": "a list of files",
    "dash": "a playlist",
    "hls": "a playlist",
    "sdp": "a session description",
    "tty": "text",
}
"""What libav opens as video though it is none, or though its content lies elsewhere (by format name)."""

_MP4_MARK: Final = b"ftyp"
"""Bytes 4 to 8 of MP4 and MOV files."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The streams that are read, by index, and what was left aside."""

    streams: dict[Track, int]
    notices: tuple[str, ...]


def shown_name(path: Path) -> str:
    """The file's name without its folders, fit for one line of text."""
    return "".join(char if char.isprintable() else "?" for char in path.name) or "?"


def check_file(path: Path) -> None:
    """Refuse what cannot be a recording before libav could block on it: `ConfigError`, or empty: `SourceUnreadable`."""
    name = shown_name(path)
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{name}: cannot be reached ({reason_of(error)}); check the path and its permissions"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise ConfigError(f"{name}: is a folder; name one recording in it")
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{name}: is a device or a pipe, not a file; name a recording")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{name}: may not be read; grant yourself permission to read it")
    if status.st_size == 0:
        raise SourceUnreadable(f"{name}: is empty; copy or record it again")


def open_container(path: Path) -> InputContainer:
    """Open a checked file. `SourceUnreadable` where libav finds no media in it."""
    name = shown_name(path)
    try:
        container = av.open(
            # The prefix keeps a name with a colon from being read as a protocol.
            f"file:{path}",
            mode="r",
            # A playlist in disguise must not make the program fetch anything.
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError, ValueError) as error:
        raise SourceUnreadable(f"{name}: {_unopened(path, error)}") from None
    what = _NO_RECORDINGS.get(container.format.name)
    if what is not None:
        container.close()
        raise SourceUnreadable(f"{name}: is {what}, not a recording; name a video or sound file")
    return container


def choose(container: InputContainer) -> Choice:
    """Pick the first video and the first audio stream; pictures attached to sound (cover art) are no video."""
    chosen: dict[Track, int] = {}
    notices = []
    kinds = {Track.VIDEO: [s for s in container.streams if s.type == "video" and not _is_cover(s)]}
    kinds[Track.AUDIO] = [s for s in container.streams if s.type == "audio"]
    for track, streams in kinds.items():
        if streams:
            chosen[track] = streams[0].index
        if len(streams) > 1:
            notices.append(f"{len(streams)} {track} streams: only the first is used")
    return Choice(chosen, tuple(notices))


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _unopened(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    if head[4:8] == _MP4_MARK:
        return "has lost its index or was cut off before it was written; repair it or copy it again"
    return f"is no video or sound that can be read ({reason_of(error)}); convert it to MP4, MKV or WAV"


def reason_of(error: Exception) -> str:
    """What an error of the system or libav says, in its own words and without the path that comes with them."""
    text = getattr(error, "strerror", None)
    return str(text or type(error).__name__).lower()
