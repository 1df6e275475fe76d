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

    `same_share` is the share of faces the recogniser takes for one person, `least_distance` the nearest; `solid_` are
    the same for a solid mask, which leaves nothing: what more is taken for the same person is what the mask leaves.
    All are None where no face was compared.
    """

    unavailable: str | None = None
    faces: int = 0
    same_share: float | None = None
    least_distance: float | None = None
    solid_same_share: float | None = None
    solid_least_distance: float | None = None


class Likeness:
    """Compares face by face. One thread."""

    def __init__(self) -> None:
        """Load the recogniser, or keep why it is not there."""
        self._unavailable: str | None = None
        self._distances: list[float] = []
        self._solid: list[float] = []
        try:
            from streams.audit.faces.recogniser import FaceRecogniser, distance

            self._recogniser, self._distance = FaceRecogniser(), distance
        except ModelUnavailable as error:
            self._unavailable = str(error)

    def compare(self, source: Picture, output: Picture, solid: Picture, boxes: Sequence[Box]) -> None:
        """Compare the places of faces that were seen in the source (pixels of all pictures)."""
        distinct: list[Box] = []
        for box in sorted(boxes, key=lambda box: -box.area):
            # Several references see one face: it is compared once.
            if box.width >= 1 and box.height >= 1 and all(iou(box, other) < 0.3 for other in distinct):
                distinct.append(box)
        if self._unavailable is not None or not distinct:
            return
        before, after, nothing = source.to_rgb(), output.to_rgb(), solid.to_rgb()
        for box in distinct[:MOST_FACES]:
            face = self._recogniser.embed(before, box)
            self._distances.append(self._distance(face, self._recogniser.embed(after, box)))
            self._solid.append(self._distance(face, self._recogniser.embed(nothing, box)))

    def figures(self) -> LikenessFigures:
        """The figures so far."""
        if self._unavailable is not None or not self._distances:
            return LikenessFigures(self._unavailable)
        from streams.audit.faces.recogniser import SAME_PERSON_DISTANCE

        def same_share(distances: Sequence[float]) -> float:
            return sum(each < SAME_PERSON_DISTANCE for each in distances) / len(distances)

        return LikenessFigures(
            None,
            len(self._distances),
            same_share(self._distances),
            min(self._distances),
            same_share(self._solid),
            min(self._solid),
        )
