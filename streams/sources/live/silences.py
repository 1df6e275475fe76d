"""The tracks that media time goes on without, each for one reason as long as it is silent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from buffers.records import Track

NOT_YET: Final = "not yet connected"
LOST: Final = "connection lost"
PAUSED: Final = "paused for privacy"

_EVERY_S: Final = 1.0
"""How often media time is moved on: the watermark of a silent source lags by this much and the margin."""

_MARGIN_S: Final = 0.5
"""How far behind now a silence is told: what comes again was captured a little before it arrived."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing came of a track until `until_s`."""

    track: Track
    until_s: float
    reason: str


class Silences:
    """Remembers why each silent track is silent, so that the pieces of one silence join into one gap."""

    def __init__(self) -> None:
        """No track is silent."""
        self._reasons: dict[Track, str] = {}
        self._due_s: dict[Track, float] = {}
        self._told: set[Track] = set()

    def due(self, away: Mapping[Track, str], now_s: float) -> list[Silence]:
        """What is to be told of the tracks that are `away`, for these reasons, at most once a second.

        The first reason stays, but what was never there, or was paused, may be away for another reason afterwards.
        """
        told = []
        for track, reason in away.items():
            kept = self._reasons.get(track)
            if kept is None or kept in {NOT_YET, PAUSED} or reason == PAUSED:
                kept = self._reasons[track] = reason
            if now_s >= self._due_s.get(track, now_s):
                self._due_s[track] = now_s + _EVERY_S
                told.append(Silence(track, now_s - _MARGIN_S, kept))
        return told

    def pause(self, tracks: Iterable[Track], t_s: float) -> list[Silence]:
        """Nothing comes of `tracks` from `t_s` on, by a person's wish: what was silent before is told up to there."""
        told = [Silence(track, t_s, self._reasons.get(track, PAUSED)) for track in tracks]
        self._reasons.update((silence.track, PAUSED) for silence in told)
        return told

    def until(self, tracks: Iterable[Track], t_s: float) -> list[Silence]:
        """What is silent of `tracks`, up to `t_s` exactly."""
        return [Silence(track, t_s, self._reasons[track]) for track in tracks if track in self._reasons]

    def reason(self, track: Track) -> str | None:
        """Why a track is silent; None where it is not."""
        return self._reasons.get(track)

    def tell(self, track: Track) -> None:
        """A piece of a track's silence was handed on."""
        self._told.add(track)

    def told(self, track: Track) -> bool:
        """Whether a piece of a track's silence was handed on."""
        return track in self._told

    def over(self, track: Track) -> None:
        """Something of the track was handed on."""
        self._reasons.pop(track, None)
        self._due_s.pop(track, None)
        self._told.discard(track)
