"""What live sources deliver, made for tests of their times, and a listener that checks what comes of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, Track
from streams.media import RawAudio, RawFrame, RawGap, RawItem
from streams.sources.live.times import LiveTimes

DOT = Picture.blank(2, 2)

_TOLERANCE_S = 1e-6


def quiet(duration_s: float) -> NDArray[np.float32]:
    return np.zeros(round(duration_s * AUDIO_RATE_HZ), np.float32)


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """Something delivered at `arrived_s`: a frame, or `duration_s` of sound, with the time when it truly happened."""

    arrived_s: float
    true_s: float
    track: Track
    pts_s: float | None = None
    captured_s: float | None = None
    duration_s: float = 0.0

    def into(self, times: LiveTimes) -> list[RawItem]:
        if self.track is Track.VIDEO:
            return times.frame(DOT, arrived_s=self.arrived_s, pts_s=self.pts_s, captured_s=self.captured_s)
        return times.sound(
            quiet(self.duration_s), arrived_s=self.arrived_s, pts_s=self.pts_s, captured_s=self.captured_s
        )


@dataclass(slots=True)
class Heard:
    """Checks, item by item, that what is handed on is in order, and keeps what a test asks for."""

    frames_s: list[float] = field(default_factory=list)
    gaps: list[RawGap] = field(default_factory=list)
    sound: list[RawAudio] = field(default_factory=list)
    ends_s: dict[Track, float] = field(default_factory=lambda: dict.fromkeys(Track, 0.0))

    def take(self, items: Iterable[RawItem], now_s: float, times: LiveTimes) -> None:
        for item in items:
            self._one(item, now_s)
        for track in Track:
            assert times.end_s(track) >= self.ends_s[track] - _TOLERANCE_S

    def _one(self, item: RawItem, now_s: float) -> None:
        if isinstance(item, RawFrame):
            assert item.index == len(self.frames_s)
            assert not self.frames_s or item.t_s > self.frames_s[-1]
            track, start_s, end_s = Track.VIDEO, item.t_s, item.t_s
            self.frames_s.append(item.t_s)
            assert end_s <= now_s + 0.1
        elif isinstance(item, RawAudio):
            track, start_s = Track.AUDIO, item.t_s
            end_s = item.t_s + len(item.samples) / AUDIO_RATE_HZ
            self.sound.append(item)
            assert len(item.samples) > 0
            assert start_s <= self.ends_s[track] + _TOLERANCE_S, "sound must follow sound or a gap"
            assert end_s <= now_s + 0.1
        else:
            assert isinstance(item, RawGap)
            track, start_s, end_s = item.track, item.start_s, item.end_s
            self.gaps.append(item)
            assert end_s > start_s
            assert item.reason
            assert track is Track.VIDEO or abs(start_s - self.ends_s[track]) <= _TOLERANCE_S
        assert start_s >= self.ends_s[track] - _TOLERANCE_S
        self.ends_s[track] = end_s


def play(times: LiveTimes, arrivals: Iterable[Arrival], heard: Heard | None = None) -> Heard:
    heard = heard or Heard()
    for arrival in arrivals:
        heard.take(arrival.into(times), arrival.arrived_s, times)
    return heard


def in_time(*streams: Iterator[Arrival]) -> Iterator[Arrival]:
    """Several streams, in the order of arrival; within one, what came before is never overtaken."""
    return heapq.merge(*(_waiting(stream) for stream in streams))


def _waiting(stream: Iterator[Arrival]) -> Iterator[Arrival]:
    now_s = 0.0
    for arrival in stream:
        now_s = max(now_s, arrival.arrived_s)
        yield Arrival(now_s, arrival.true_s, arrival.track, arrival.pts_s, arrival.captured_s, arrival.duration_s)


class CountingStretcher:
    """Counts like `Stretcher`, in silence: for tests of hours, whose sound nobody listens to."""

    def __init__(self) -> None:
        self.held = 0.0

    def push(self, samples: NDArray[np.float32], step: float) -> NDArray[np.float32]:
        count = max(0, int((self.held + len(samples) - 16) / step))
        self.held += len(samples) - count * step
        return np.zeros(count, np.float32)

    def rest(self) -> NDArray[np.float32]:
        return np.zeros(round(self.held), np.float32)
