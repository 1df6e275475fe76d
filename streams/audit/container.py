"""Looks at the file around the pictures: streams, tags, chapters, attachments, covers, copied sound.

Decodes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream

from streams.sources.probe import check_file, open_container

HARMLESS_TAGS: Final = frozenset(
    {
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "vendor_id",
        "handler_name",
        "duration",
        "language",
    }
)
"""Tags that muxers write by themselves, about the format. Their values are still compared with the original's."""

_WRITTEN: Final = ("lavf", "lavc")
"""How libav signs what it writes."""

_BY_MUXERS: Final = frozenset({"videohandler", "soundhandler", "und", "eng", "ffmp", "[0][0][0][0]"})
"""Values that MP4 muxers write where nothing is known."""

_NEEDED_KINDS: Final = ("video", "audio")

_COPIED_SHARE: Final = 0.2
"""Share of different sound packets found in the original from which the sound counts as copied: encoders fed with
something else agree on silence only, which is one packet over and over."""

_FEWEST_PACKETS: Final = 3


@dataclass(frozen=True, slots=True)
class ContainerFigures:
    """What one file holds besides one track of pictures and one of sound.

    `extra_streams` in words, `tags` as `place: key` (never values: they may name people), `chapters` counted,
    `copied_sound` where sound packets are the original's, byte for byte.
    """

    format: str
    streams: tuple[str, ...]
    extra_streams: tuple[str, ...]
    tags: tuple[str, ...]
    kept_tags: tuple[str, ...]
    chapters: int
    copied_sound: bool
    size_bytes: int

    @property
    def clean(self) -> bool:
        """Whether nothing is left that the file need not hold."""
        return not (self.extra_streams or self.tags or self.chapters or self.copied_sound)


def container_figures(original: Path, deidentified: Path) -> ContainerFigures:
    """Probe the de-identified file. `kept_tags` are those whose value is the original's, whatever their key.

    Raises:
        MonitorError: one of the files cannot be opened.
    """
    for path in (original, deidentified):
        check_file(path)
    with open_container(original) as container:
        known = {value for _, _, value in _tags(container) if value}
    with open_container(deidentified) as container:
        found = list(_tags(container))
        kinds = [_kind(stream) for stream in container.streams]
        return ContainerFigures(
            format=container.format.name,
            streams=tuple(kinds),
            extra_streams=tuple(_extra(kinds)),
            tags=tuple(sorted(f"{place}: {key}" for place, key, value in found if not _harmless(key, value))),
            kept_tags=tuple(
                sorted(f"{place}: {key}" for place, key, value in found if value in known and not _harmless(key, value))
            ),
            chapters=len(container.chapters()),
            copied_sound=_copied_sound(original, deidentified),
            size_bytes=deidentified.stat().st_size,
        )


def video_packets(path: Path) -> int:
    """Packets of a file's first track of pictures that libav reads, a frame each; covers of sound are none."""
    with open_container(path) as container:
        streams = [stream for stream in container.streams.video if _kind(stream) == "video"][:1]
        count = 0
        with contextlib.suppress(FFmpegError):
            for packet in container.demux(streams) if streams else ():
                count += bool(packet.size)
    return count


def _copied_sound(original: Path, deidentified: Path) -> bool:
    made = _sound_packets(deidentified)
    shared = made & _sound_packets(original)
    return len(shared) >= _FEWEST_PACKETS and len(shared) >= _COPIED_SHARE * len(made)


def _sound_packets(path: Path) -> set[bytes]:
    """Digests of the different packets of all sound in a file."""
    found = set()
    with open_container(path) as container:
        streams = [stream for stream in container.streams if stream.type == "audio"]
        # Damage ends the list: what was read until then is compared.
        with contextlib.suppress(FFmpegError):
            for packet in container.demux(streams) if streams else ():
                if packet.size:
                    found.add(hashlib.blake2b(bytes(packet), digest_size=16).digest())
    return found


def _kind(stream: Stream) -> str:
    if stream.disposition & Disposition.attached_pic:
        return "cover"
    return str(stream.type)


def _extra(kinds: Iterable[str]) -> list[str]:
    counts = Counter(kinds)
    extra = []
    for kind, count in counts.items():
        surplus = count - 1 if kind in _NEEDED_KINDS else count
        if surplus > 0:
            extra.append(f"{surplus} {kind}")
    return extra


def _tags(container: InputContainer) -> Iterable[tuple[str, str, str]]:
    """Place, key and value of every tag."""
    yield from _of("file", container.metadata)
    for stream in container.streams:
        yield from _of(f"{_kind(stream)} {stream.index}", stream.metadata)
    for number, chapter in enumerate(container.chapters()):
        yield from _of(f"chapter {number}", chapter["metadata"])


def _of(place: str, tags: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    for key, value in tags.items():
        yield place, key, str(value).strip()


def _harmless(key: str, value: str) -> bool:
    if key.lower() not in HARMLESS_TAGS:
        return False
    if key.lower() == "encoder":
        return value.lower().startswith(_WRITTEN)
    if key.lower() in {"handler_name", "vendor_id", "language"}:
        return value.lower() in _BY_MUXERS
    return True
