"""Puts right where late sound begins in MP4 and MOV, which libav's muxer leaves at the start of the encoder's delay.

The muxer hides that delay for sound that begins at zero only; for later sound players would show it as a beginning
64 ms too early. Boxes and fields are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_EMPTY: Final = -1
"""Media time of an edit in which nothing is played."""

_NORMAL_RATE: Final = 0x0001_0000
"""Playing at 1.0, in 16.16 fixed point."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A box within a byte string: its kind, and where it begins, its content begins, and it ends."""

    kind: bytes
    start: int
    content: int
    end: int


def begin_sound_at(file: BinaryIO, start_s: float, delay_samples: int) -> None:
    """Rewrite the edit list of the only sound track of a finished file, whose index (`moov`) lies at its end.

    Nothing is played before `start_s`, and then the track without its first `delay_samples`. A file without sound
    is left as it is.
    """
    index = _index_start(file)
    if index is None:
        return
    file.seek(index)
    moov = bytearray(file.read())
    track = _sound_track(moov)
    if track is None:
        return
    tick_hz = _field(moov, _inner(moov, 8, len(moov), b"mvhd"), after_v0=8, after_v1=16, wide=False)
    lasts = _field(moov, _inner(moov, track.content, track.end, b"tkhd"), after_v0=16, after_v1=24, wide=True)
    empty = round(start_s * tick_hz)
    edits = struct.pack(
        # Version 1, so that neither length nor start can be too long for its field.
        ">IQqIQqI",
        2,
        *(empty, _EMPTY, _NORMAL_RATE),
        *(max(0, lasts - empty), delay_samples, _NORMAL_RATE),
    )
    edts = _box(b"edts", _box(b"elst", struct.pack(">I", 1 << 24) + edits))
    old = next((box for box in _boxes(moov, track.content, track.end) if box.kind == b"edts"), None)
    after = _inner(moov, track.content, track.end, b"tkhd").end
    start, end = (old.start, old.end) if old else (after, after)
    moov[start:end] = edts
    grown = len(edts) - (end - start)
    _resize(moov, track.start, track.end - track.start + grown)
    _resize(moov, 0, len(moov))
    file.seek(index)
    file.write(moov)


def _index_start(file: BinaryIO) -> int | None:
    """Where the index begins, None where there is none at the end."""
    file.seek(0, 2)
    length, at = file.tell(), 0
    while at + 8 <= length:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        if kind == b"moov" and at + size == length:
            return at
        at += max(8, size)
    return None


def _sound_track(moov: bytearray) -> _Box | None:
    for track in _boxes(moov, 8, len(moov)):
        if track.kind == b"trak":
            media = _inner(moov, track.content, track.end, b"mdia")
            handler = _inner(moov, media.content, media.end, b"hdlr")
            # Version and flags, then four bytes that QuickTime uses, then the kind of track.
            if moov[handler.content + 8 : handler.content + 12] == b"soun":
                return track
    return None


def _boxes(data: bytearray, start: int, end: int) -> Iterator[_Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield _Box(kind, start, start + 8, start + size)
        start += max(8, size)


def _inner(data: bytearray, start: int, end: int, kind: bytes) -> _Box:
    return next(box for box in _boxes(data, start, end) if box.kind == kind)


def _field(data: bytearray, box: _Box, *, after_v0: int, after_v1: int, wide: bool) -> int:
    """A number after the version and flags of a box, whose place, and size if `wide`, depends on the version."""
    version = data[box.content]
    place = box.content + 4 + (after_v1 if version else after_v0)
    return int(struct.unpack_from(">Q" if version and wide else ">I", data, place)[0])


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _resize(data: bytearray, start: int, size: int) -> None:
    struct.pack_into(">I", data, start, size)
