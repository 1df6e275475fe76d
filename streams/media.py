"""Raw media as values. These types must never leave `streams/`, be written, logged, sent or pickled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import Track


class InMemoryOnly:
    """Mixin that refuses to be pickled, so that raw media cannot reach another process or a file by accident."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        """Refuse (TypeError)."""
        msg = f"{type(self).__name__} holds raw media and may not be pickled or copied out of the process"
        raise TypeError(msg)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RawFrame(InMemoryOnly):
    """One decoded image, upright and with square pixels: rotation and pixel aspect are already applied."""

    t_s: float
    index: int
    picture: Picture


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RawAudio(InMemoryOnly):
    """A block of decoded sound: float32[n] mono at `AUDIO_RATE_HZ`, resampled statefully, starting at `t_s`."""

    t_s: float
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RawGap:
    """A hole in a track, found by the source: nothing is known for [start_s, end_s)."""

    track: Track
    start_s: float
    end_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class RawEnd:
    """A track that was promised does not come, or comes no more: nobody waits for it."""

    track: Track


RawMedia = RawFrame | RawAudio | RawGap
RawItem = RawMedia | RawEnd


@dataclass(frozen=True, slots=True)
class Colour:
    """How the samples of limited-range pictures are to be shown: code points of ITU-T H.273, 2 where unspecified."""

    matrix: int
    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """What a source says of one track before it is read. `start_s` is the track's own offset in the epoch.

    `colour` is None for sound, and for video that leaves the choice to the player.
    """

    track: Track
    codec: str
    start_s: float
    rate_hz: float | None
    width_px: int | None = None
    height_px: int | None = None
    channels: int | None = None
    colour: Colour | None = None


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of an open source."""

    name: str
    tracks: tuple[TrackInfo, ...]
    duration_s: float | None
    notices: tuple[str, ...] = ()

    def track(self, track: Track) -> TrackInfo | None:
        """The track of that kind, None where the source has none."""
        return next((info for info in self.tracks if info.track is track), None)

    @property
    def av_offset_s(self) -> float | None:
        """Start of video minus start of audio in seconds, None unless both tracks exist."""
        video, audio = self.track(Track.VIDEO), self.track(Track.AUDIO)
        return None if video is None or audio is None else video.start_s - audio.start_s
