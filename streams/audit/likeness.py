"""Asks a face recogniser whether the output's faces still are the source's: figures only, never the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from buffers.picture import Picture
from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.deidentify.boxes import iou

MOST_FACES: Final = 2
"""Faces compared in one pair of frames, the largest: each takes 0.3 s, and small ones are hard to know anyway."""


@dataclass(frozen=True, slots=True)
class LikenessFigures:
    """Distances between faces of the source and the same places of the output; `unavailable` says why there are none.

    `same_share` is the share of faces the recogniser takes for one person, `least_distance` the nearest (both None
    where no face was compared).
    """

    unavailable: str | None = None
    faces: int = 0
    same_share: float | None = None
    least_distance: float | None = None


class Likeness:
    """Compares face by face. One thread."""

    def __init__(self) -> None:
        """Load the recogniser, or keep why it is not there."""
        self._unavailable: str | None = None
        self._distances: list[float] = []
        try:
            from streams.audit.recogniser import FaceRecogniser, distance

            self._recogniser, self._distance = FaceRecogniser(), distance
        except ModelUnavailable as error:
            self._unavailable = str(error)

    def compare(self, source: Picture, output: Picture, boxes: Sequence[Box]) -> None:
        """Compare the places of faces that were seen in the source (pixels of both pictures)."""
        distinct: list[Box] = []
        for box in sorted(boxes, key=lambda box: -box.area):
            # Several references see one face: it is compared once. Slivers at the edge hold no face to be known by.
            if box.width >= 1 and box.height >= 1 and all(iou(box, other) < 0.3 for other in distinct):
                distinct.append(box)
        if self._unavailable is not None or not distinct:
            return
        before, after = source.to_rgb(), output.to_rgb()
        for box in distinct[:MOST_FACES]:
            self._distances.append(
                self._distance(self._recogniser.embed(before, box), self._recogniser.embed(after, box))
            )

    def figures(self) -> LikenessFigures:
        """The figures so far."""
        if self._unavailable is not None or not self._distances:
            return LikenessFigures(self._unavailable)
        from streams.audit.recogniser import SAME_PERSON_DISTANCE

        same = sum(each < SAME_PERSON_DISTANCE for each in self._distances)
        return LikenessFigures(None, len(self._distances), same / len(self._distances), min(self._distances))
