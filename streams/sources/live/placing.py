"""Puts what arrives over a link into media time, and between it the silences, each as one gap for one reason."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypedDict

from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawEnd, RawGap, RawItem
from streams.sources.live.post import Arrival, Heard
from streams.sources.live.silences import Silence, Silences
from streams.sources.live.times import LiveTimes

_LOST_SOUND_S: Final = 0.02
"""Shortest gap for sound that a device says it lost where its times show no hole: one McAdams window."""

_INSTANT_S: Final = 1e-6


class _At(TypedDict):
    arrived_s: float
    pts_s: float | None
    captured_s: float | None


class Placing:
    """What `LiveTimes` makes of arrivals, with the reasons that only the link knows. For one thread.

    `tracks` are those that still come, `silences` why some of them do not.
    """

    def __init__(self, times: LiveTimes, tracks: Collection[Track]) -> None:
        """Begin with all `tracks`, none of them silent."""
        self.tracks = frozenset(tracks)
        self.silences = Silences()
        self._times = times

    def place(self, arrival: Arrival) -> Iterator[RawItem]:
        """Put an arrival into media time."""
        if isinstance(arrival, Heard) and arrival.lost is not None:
            yield from self._overflow(arrival, arrival.lost)
        before_s = self._times.end_s(arrival.track)
        at = _At(arrived_s=arrival.arrived_s, pts_s=arrival.pts_s, captured_s=arrival.captured_s)
        if isinstance(arrival, Heard):
            items = self._times.sound(arrival.samples, **at)
        else:
            items = self._times.frame(arrival.picture, **at)
        yield from self._bridge(arrival.track, before_s, items)

    def _overflow(self, heard: Heard, lost: str) -> Iterator[RawItem]:
        """Before this sound some was lost: a gap up to it, or a short one where the times show no hole."""
        length_s = len(heard.samples) / AUDIO_RATE_HZ
        until_s = heard.arrived_s - length_s if heard.captured_s is None else heard.captured_s
        for _ in range(3):  # what is held comes first, and only then is its end known
            items = self._times.silent(Track.AUDIO, until_s, f"sound lost: {lost}")
            yield from items
            if any(isinstance(item, RawGap) for item in items):
                return
            until_s = self._times.end_s(Track.AUDIO) + _LOST_SOUND_S

    def held(self) -> list[RawItem]:
        """Sound that waited for its block to be full."""
        end_s = self._times.end_s(Track.AUDIO)
        if Track.AUDIO not in self.tracks or end_s == 0.0 or self.silences.told(Track.AUDIO):
            return []
        items = self._times.silent(Track.AUDIO, end_s + _INSTANT_S, "")
        return [item for item in items if not isinstance(item, RawGap)]

    def _bridge(self, track: Track, before_s: float, items: Iterable[RawItem]) -> Iterator[RawItem]:
        """After a silence there is one gap, for its reason, up to what comes first."""
        reason = self.silences.reason(track)
        for item in items:
            if reason is None or isinstance(item, RawEnd):
                yield item
            elif isinstance(item, RawGap):
                before_s = item.end_s
                yield replace(item, reason=reason)
            else:
                if self.silences.told(track) and item.t_s > before_s:
                    yield RawGap(track, before_s, item.t_s, reason)
                self.silences.over(track)
                reason = None
                yield item

    def tell(self, silences: Iterable[Silence]) -> Iterator[RawItem]:
        """Let media time go on without the tracks that are silent."""
        for silence in silences:
            if silence.track not in self.tracks:
                continue  # it has ended
            items = self._times.silent(silence.track, silence.until_s, silence.reason)
            if items:
                self.silences.tell(silence.track)
            yield from items
