"""A recording as a source: both tracks decoded, put on one epoch and merged in order of media time."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from buffers.records import Track
from configs.errors import SourceUnreadable
from streams.media import RawEnd, RawGap, RawItem, RawMedia, SourceInfo
from streams.sources.decode import TrackDecoder, Undecodable
from streams.sources.probe import check_file, choose, open_container, shown_name
from streams.sources.sound import BLOCK_S
from streams.sources.timestamps import epoch_s
from streams.sources.tracks import AudioTrack, VideoTrack

_CUT_SHARE: Final = 0.05
"""Share of the declared duration that may be missing before a file counts as cut short; MP3 lengths are guesses."""


class FileSource:
    """Plays a file of video and sound, video alone or sound alone, as fast as it is read.

    Both tracks share one epoch (see `timestamps.epoch_s`), so an offset between them is kept.
    Reading is for one thread, and once.
    """

    def __init__(self, path: str | Path, *, block_s: float = BLOCK_S) -> None:
        """Open a file and decode the first frame of each track.

        Sound comes in blocks of `block_s` seconds: short ones are heard sooner, long ones cost less to work on.

        Raises:
            ConfigError: there is no such file, or it is a folder, a device, a pipe or forbidden.
            SourceUnreadable: it holds nothing that can be played.
        """
        self._path = path = Path(path)
        name = shown_name(path)
        check_file(path)
        with open_container(path) as container:
            choice = choose(container)
            counts_delay = container.format.name == "mp3"
            duration_s = container.duration / 1e6 if container.duration and container.duration > 0 else None
        if not choice.streams:
            raise SourceUnreadable(f"{name}: holds neither video nor sound; name a video or sound file")
        with ExitStack() as opened:
            decoders: dict[Track, TrackDecoder] = {}
            refused: list[tuple[Track, Undecodable]] = []
            for track, index in choice.streams.items():
                try:
                    decoders[track] = TrackDecoder(path, index)
                    opened.callback(decoders[track].close)
                except Undecodable as error:
                    refused.append((track, error))
            reasons = [f"{track} {error}" for track, error in refused]
            if not decoders:
                raise SourceUnreadable(f"{name}: {', '.join(reasons)}; {refused[0][1].remedy}")
            firsts_s = [decoder.first_s for decoder in decoders.values()]
            # MP3 counts from before its encoder's delay, which libav leaves out: no player shows that as an offset.
            epoch = min(firsts_s) if counts_delay else epoch_s(firsts_s)
            self._tracks = [
                VideoTrack(decoder, epoch) if track is Track.VIDEO else AudioTrack(decoder, epoch, block_s=block_s)
                for track, decoder in decoders.items()
            ]
            self._info = SourceInfo(
                name=name,
                tracks=tuple(track.info for track in self._tracks),
                duration_s=duration_s,
                notices=choice.notices + tuple(f"{reason}: left out" for reason in reasons),
            )
            self._opened = opened.pop_all()

    @property
    def info(self) -> SourceInfo:
        """What is known of the file now; damage that was survived is added to `notices` while reading."""
        notices = self._info.notices
        for track in self._tracks:
            notices += track.notices()
        return replace(self._info, notices=notices + self._cut_short())

    @property
    def tracks(self) -> frozenset[Track]:
        """The tracks there are."""
        return frozenset(info.track for info in self._info.tracks)

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self._path,)

    @property
    def links(self) -> tuple[FileLink]:
        """One link: both tracks are read by one thread, in order of media time."""
        return (FileLink(self),)

    @property
    def over(self) -> frozenset[Track]:
        """The tracks that were read to their ends."""
        return frozenset(track.info.track for track in self._tracks if track.ended)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal: only a session has use for it, and the file may be large."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def items(self) -> Iterator[RawMedia]:
        """Frames, audio blocks and gaps in order of media time, until the end of both tracks."""
        return heapq.merge(*(track.items() for track in self._tracks), key=_time_s)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._opened.close()

    def _cut_short(self) -> tuple[str, ...]:
        """A notice where all tracks ended, none of them broken, and much of the declared duration never came."""
        declared_s = self._info.duration_s
        if declared_s is None or not all(track.ended and not track.decoder.broken for track in self._tracks):
            return ()
        end_s = max(track.end_s for track in self._tracks)
        if end_s >= declared_s - max(1.0, _CUT_SHARE * declared_s):
            return ()
        return (f"ends after {end_s:.1f} s of {declared_s:.1f} s: the file is cut short",)


class FileLink:
    """A file as a session reads it: a track that ends before the other one says so, and holds nobody up."""

    def __init__(self, source: FileSource) -> None:
        """Read `source`."""
        self._source = source

    @property
    def tracks(self) -> frozenset[Track]:
        """The tracks there are."""
        return self._source.tracks

    def items(self) -> Iterator[RawItem]:
        """As the file's, and the end of a track where others go on."""
        told: frozenset[Track] = frozenset()
        for item in self._source.items():
            over = self._source.over
            yield from map(RawEnd, sorted(over - told))
            told = over
            yield item

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._source.close()


def _time_s(item: RawMedia) -> float:
    return item.start_s if isinstance(item, RawGap) else item.t_s
