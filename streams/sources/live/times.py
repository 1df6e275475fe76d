"""Media time of everything a live source delivers, by when it was captured, stamped or, failing both, arrived.

Pure: it knows no thread and no clock; every time is media time, told by whoever calls.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawItem
from streams.sources.live.lanes import SoundLane, VideoLane
from streams.sources.live.times_anchor import Anchor
from streams.sources.live.times_stamps import Stamp, Stamps
from streams.sources.sound import BLOCK_S


class LiveTimes:
    """Orders what arrives of a live source, over all attempts to reach it.

    `arrived_s` is media time now and must not go backwards. What is returned is in order for each track, never
    before `end_s` and never later than `arrived_s` by more than 0.1 s.
    """

    def __init__(self, tracks: Collection[Track], *, one_clock: bool, block_s: float = BLOCK_S) -> None:
        """Expect `tracks`; with `one_clock` their timestamps are comparable, and what separates them is kept."""
        self._tracks = frozenset(tracks)
        self._one_clock = one_clock
        self._video = VideoLane()
        self._sound = SoundLane(block_s)
        self._jumps = 0
        self._stamps: dict[Track, Stamps] = {}
        self._forget()

    @property
    def jumps(self) -> int:
        """How often timestamps jumped and were tied to arrival again."""
        return self._jumps + sum(stamps.jumps for stamps in self._stamps.values())

    @property
    def late(self) -> int:
        """What was left out because media time had gone on without it: frames, and runs of samples."""
        return self._video.late + self._sound.late

    @property
    def drift_s(self) -> float | None:
        """How far the sound is from where it belongs now, after correction; None before the first."""
        return self._sound.residual_s

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than media time the sound's clock runs, in millionths; None until measured."""
        return self._sound.drift_ppm

    def restart(self) -> None:
        """A new attempt begins: its clocks are new, but what was handed on stays."""
        self._jumps = self.jumps
        self._forget()
        self._sound.restart()

    def frame(
        self, picture: Picture, *, arrived_s: float, pts_s: float | None = None, captured_s: float | None = None
    ) -> list[RawItem]:
        """The picture, and the hole before it where there is one; nothing where media time went on without it."""
        if Track.VIDEO not in self._tracks:
            return []
        stamp = self._stamp(Track.VIDEO, 0.0, arrived_s, pts_s, captured_s)
        return self._video.add(picture, None if stamp is None else stamp.media_s, arrived_s)

    def sound(
        self,
        samples: NDArray[np.float32],
        *,
        arrived_s: float,
        pts_s: float | None = None,
        captured_s: float | None = None,
    ) -> list[RawItem]:
        """The blocks, and the holes before them, that float32[n] mono samples at `AUDIO_RATE_HZ` complete."""
        if Track.AUDIO not in self._tracks or len(samples) == 0:
            return []
        stamp = self._stamp(Track.AUDIO, len(samples) / AUDIO_RATE_HZ, arrived_s, pts_s, captured_s)
        return self._sound.add(samples, stamp, arrived_s)

    def silent(self, track: Track, until_s: float, reason: str) -> list[RawItem]:
        """Let media time go on without a track: what is held of it, and one gap up to `until_s`."""
        return self._lane(track).silent(until_s, reason)

    def end_s(self, track: Track) -> float:
        """Media time up to which a track was handed on."""
        return self._lane(track).end_s

    def _lane(self, track: Track) -> VideoLane | SoundLane:
        return self._video if track is Track.VIDEO else self._sound

    def _forget(self) -> None:
        shared: list[Anchor] = []
        self._stamps = {track: Stamps(shared if self._one_clock else []) for track in Track}

    def _stamp(
        self, track: Track, duration_s: float, arrived_s: float, pts_s: float | None, captured_s: float | None
    ) -> Stamp | None:
        stamps = self._stamps[track]
        if captured_s is not None:
            return stamps.captured(captured_s, duration_s, arrived_s)
        return stamps.read(pts_s, duration_s, arrived_s)
