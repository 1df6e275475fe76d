"""Which part of the picture the engine looks at: all of it, or a steady crop about one person. Pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from buffers.records import Box

LEAVE_SMALL: Final = 1.25
"""A face must be so many times the small face's width before its crop is given up: no flicker at the threshold."""

COMPARABLE: Final = 0.6
"""Another face of so many times the watched one's side can take the pose or the hands: a third of its area."""

SIDEWAYS: Final = 3.2
"""Reach of a crop to each side of the face's middle, in face heights: half a shoulder width of 1.6 and an arm that is
all but stretched out (0.8 + 0.95 x 2.6)."""

UPWARDS: Final = 1.7
"""Above the face's middle: a hand on the head with its elbow raised."""

DOWNWARDS: Final = 5.0
"""Below it: past the hips (3.4) to a table's edge."""

BODY_SIDEWAYS: Final = 1.2
"""The least reach to a side where a neighbour sits: shoulder and elbow of the watched person stay in."""

NEIGHBOUR_MARGIN: Final = 0.1
"""A neighbour is cut away so much of a face before its box."""

DRIFT: Final = 1.2
"""A crop stays while the face is within so many face heights of where it was when it was cut out."""

REGROW: Final = 1.4
"""And while its size changed by less than this factor."""

WHOLE: Final = 0.9
"""A crop of at least this share of the picture would gain nothing: the whole picture is taken."""


LET_GO_S: Final = 3.0
"""A crop that nothing asks for any more stays so long (s): neighbours lean in and out, and each change costs a look."""

RECUT_S: Final = 1.0
"""A crop is made anew for a neighbour's sake no sooner than so long after it was made (s)."""


@dataclass(frozen=True, slots=True)
class _Crop:
    """A part of the picture, with the time at which and the face for which it was cut out."""

    region: Box
    anchor: Box
    made_s: float

    def fits(self, face: Box) -> bool:
        """Whether the face is still about where, and as large as, it was."""
        if not self.anchor.height > 0:
            return False
        size = face.height / self.anchor.height
        dx = (face.x0 + face.x1 - self.anchor.x0 - self.anchor.x1) / 2
        dy = (face.y0 + face.y1 - self.anchor.y0 - self.anchor.y1) / 2
        reach = DRIFT * self.anchor.height
        return 1 / REGROW <= size <= REGROW and abs(dx) <= reach and abs(dy) <= reach


class Framing:
    """Decides which part of the picture is looked at, and keeps to it as long as it can."""

    def __init__(self, small_face: float) -> None:
        """`small_face` is the width, as a share of the picture's longer side, below which a face gets a crop."""
        self._small_face = small_face
        self._crop: _Crop | None = None
        self._asked_s = 0.0

    def reset(self) -> None:
        """Forget: another person or shot."""
        self._crop = None

    def region(self, t_s: float, face: Box, others: Sequence[Box], size: tuple[int, int]) -> Box:
        """The part of a picture of that size (width, height) to look at, for a steadied face and the others there."""
        width_px, height_px = size
        least_px = self._small_face * max(size) * (LEAVE_SMALL if self._crop else 1.0)
        neighbours = comparable(face, others)
        asked = face.width < least_px or bool(neighbours)
        if asked:
            self._asked_s = t_s
        if asked and not self._stays(t_s, face, neighbours, size):
            region = crop_about(face, neighbours, width_px, height_px)
            whole = region.area >= WHOLE * width_px * height_px or min(region.width, region.height) <= 0
            self._crop = None if whole else _Crop(region, face, t_s)
        elif not asked and self._crop is not None and (t_s - self._asked_s > LET_GO_S or not self._crop.fits(face)):
            self._crop = None
        return self._crop.region if self._crop else Box(0, 0, width_px, height_px)

    def _stays(self, t_s: float, face: Box, neighbours: Sequence[Box], size: tuple[int, int]) -> bool:
        crop = self._crop
        if crop is None or not crop.fits(face):
            return False
        if t_s - crop.made_s < RECUT_S:
            return True
        better = crop_about(face, neighbours, *size)
        return not any(_shows(crop.region, other) and not _shows(better, other) for other in neighbours)


def comparable(face: Box, others: Sequence[Box]) -> list[Box]:
    """Those of the other faces that an engine could take for the watched one."""
    return [other for other in others if other.area >= COMPARABLE**2 * face.area]


def crop_about(face: Box, neighbours: Sequence[Box], width_px: int, height_px: int) -> Box:
    """The part of the picture about a face, as far as the neighbours leave it, with even edges inside the picture.

    A neighbour above or below cannot be cut away without the body.
    """
    size = face.height
    x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
    x0, x1 = x - SIDEWAYS * size, x + SIDEWAYS * size
    for other in neighbours:
        margin = NEIGHBOUR_MARGIN * other.width
        if (other.x0 + other.x1) / 2 > x:
            x1 = min(x1, max(other.x0 - margin, x + BODY_SIDEWAYS * size))
        else:
            x0 = max(x0, min(other.x1 + margin, x - BODY_SIDEWAYS * size))
    return _even(Box(x0, y - UPWARDS * size, x1, y + DOWNWARDS * size), width_px, height_px)


def _shows(region: Box, face: Box) -> bool:
    x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
    return region.x0 <= x <= region.x1 and region.y0 <= y <= region.y1


def _even(region: Box, width_px: int, height_px: int) -> Box:
    """Clipped to the picture and widened to even edges, on which chroma samples begin."""
    return Box(
        max(0, int(region.x0) // 2 * 2),
        max(0, int(region.y0) // 2 * 2),
        min(width_px, -(-int(region.x1) // 2) * 2),
        min(height_px, -(-int(region.y1) // 2) * 2),
    )
