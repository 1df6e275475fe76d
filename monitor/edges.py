"""Tells as gaps what of a session lies before a track's first item and after its last. Pure.

A source names the holes within a track; nobody else would say that there was no picture before it began and after it
ended, and time that nobody could see would be read as calm.
"""

from __future__ import annotations

from typing import Final

from buffers.records import CleanAudio, CleanFrame, CleanItem, Gap, Prosody, Track

LEAST_S: Final = 1.0
"""Edges up to this are not told: tracks hardly ever begin and end together. The same makes a hole within a track."""

_NAMES: Final = {Track.VIDEO: "picture", Track.AUDIO: "sound"}


class Edges:
    """Follows when tracks begin and end; media time begins at 0."""

    def __init__(self) -> None:
        """No track has begun."""
        self._begun: set[Track] = set()
        self._over_s: dict[Track, float] = {}
        self._told_s: dict[Track, float] = {}

    def over(self, track: Track, end_s: float) -> None:
        """Nothing more comes of a track, which lasted until `end_s` if it ever began."""
        self._over_s.setdefault(track, end_s)

    def beside(self, item: CleanItem) -> list[Gap]:
        """What is missing before this item: of its own track before it began, of others since they were over."""
        place = _place(item)
        if place is None:
            return []
        track, start_s = place
        late = track not in self._begun and start_s > LEAST_S
        self._begun.add(track)
        before = [Gap(track, 0.0, start_s, f"the {_NAMES[track]} had not begun")] if late else []
        return [*before, *self.until(start_s)]

    def until(self, media_s: float) -> list[Gap]:
        """What is missing of tracks that are over with media time at `media_s`: the next piece of each."""
        pieces = []
        for track, over_s in self._over_s.items():
            begun = track in self._begun
            since_s = over_s if begun else 0.0
            told_s = self._told_s.get(track, since_s)
            if media_s > told_s and media_s - since_s > LEAST_S:
                why = f"the {_NAMES[track]} was over" if begun else f"there was no {_NAMES[track]}"
                pieces.append(Gap(track, told_s, media_s, why))
                self._told_s[track] = media_s
        return pieces


def _place(item: CleanItem) -> tuple[Track, float] | None:
    """The track of which an item is, and where it begins (s)."""
    match item:
        case CleanFrame():
            return Track.VIDEO, item.t_s
        case CleanAudio() | Prosody():
            return Track.AUDIO, item.t_s
        case Gap():
            return item.track, item.start_s
        case _:
            return None
