"""Draws masks on the planes of a picture, at full size. Knows boxes and tracks, nothing of faces.

`solid` keeps no pixel of the source. The others are for looks, or for comparison with the paper, and keep a few
averaged ones: a strong blur of any kind can be partly undone (McPherson et al., arXiv 1609.00408).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from buffers.picture import Picture, Plane
from buffers.records import Box, MaskedBox, MaskOrigin
from configs.settings import MaskStyle
from streams.deidentify.policy import FaceMask

MASK_LUMA = 64
"""Luma of what is hidden: a dark grey, the same for everybody, that no scene's black is mistaken for."""

MASK_CHROMA = 128
"""Chroma of what is hidden: none."""

CELLS = 6
"""Most cells a side that `soft` and `mosaic` keep: from 8 on re-identification rises above solid's (measured)."""

LEVELS = 8
"""Grey levels that `soft` keeps."""

NOISE_SCALE = 20.0
"""Scale b of `soft`'s Laplace noise, in grey levels: 4 x 4 cells with it fell from 65 to 29 % matched (measured)."""

REFRESH_S = 1.0
"""Least time between two looks of `soft` at the source (s): many noisy looks could be averaged into a clear one."""

SIGMA_WIDTH = 0.3
"""Gaussian sigma as share of the mask's width: at 0.1 a Wiener filter brings faces back (measured)."""

BLUR_SIDE_PX = 32
"""Side of the copy on which the Gaussian is computed: 0.3 of 400 px at full size would take 55 ms."""


WEAKNESS: Mapping[MaskStyle, str | None] = {
    MaskStyle.SOLID: None,
    MaskStyle.SOFT: "mask soft keeps noisy averages of the head, for looks: use solid for what you publish",
    MaskStyle.MOSAIC: "mask mosaic keeps averages of the face that can be compared with known faces: use solid",
    MaskStyle.GAUSSIAN: "the Gaussian blur can be partly undone: use solid unless you compare with the paper",
}
"""What the user must be told once of a style that is not the safe one; None for the one that is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """Views into the three planes of a picture: what is written here is written there."""

    y: Plane
    u: Plane
    v: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What `soft` keeps of one track: the noisy cells it last looked at, and when."""

    cells: Plane
    colour: tuple[int, int]
    since_s: float


class Masker:
    """Hides boxes of pictures in one style. Frames come in order of time."""

    def __init__(self, style: MaskStyle, *, seed: int | None = None) -> None:
        """Choose the style; `seed` fixes `soft`'s noise for tests (None: a key nobody knows, gone with this object)."""
        self._style = style
        self._key = secrets.randbits(128) if seed is None else seed % 2**128  # NumPy takes no negative seeds
        self._looks: dict[int, _Look] = {}

    def masked(self, picture: Picture, masks: Iterable[FaceMask], t_s: float) -> tuple[Picture, tuple[MaskedBox, ...]]:
        """A copy of the picture with the masks drawn, and what was drawn where.

        Boxes are widened to even pixels, so that luma and chroma end together, and cut at the picture's edges;
        what lies wholly outside is left out. A box that is not a number hides the whole picture.
        """
        clean = picture.copy()
        drawn = []
        present = set()
        for mask in masks:
            present.add(mask.track)
            if not all(map(math.isfinite, (mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1))):
                return whole(picture)
            x0, x1 = _even(mask.box.x0, mask.box.x1, picture.width_px)
            y0, y1 = _even(mask.box.y0, mask.box.y1, picture.height_px)
            if x0 < x1 and y0 < y1:
                drawn.append(MaskedBox(Box(x0, y0, x1, y1), mask.origin, mask.track, mask.score))
                rows, columns = slice(y0 // 2, (y1 + 1) // 2), slice(x0 // 2, (x1 + 1) // 2)
                region = _Region(clean.y[y0:y1, x0:x1], clean.u[rows, columns], clean.v[rows, columns])
                self._hide(region, mask.track, t_s)
        self._looks = {track: look for track, look in self._looks.items() if track in present}
        return clean, tuple(drawn)

    def _hide(self, region: _Region, track: int, t_s: float) -> None:
        if self._style is MaskStyle.SOLID:
            _fill(region)
        elif self._style is MaskStyle.SOFT:
            self._soften(region, track, t_s)
        else:
            for plane in (region.y, region.u, region.v):
                plane[:] = _mosaic(plane) if self._style is MaskStyle.MOSAIC else _blurred(plane)

    def _soften(self, region: _Region, track: int, t_s: float) -> None:
        look = self._looks.get(track)
        if look is None or not 0 <= t_s - look.since_s < REFRESH_S:
            look = self._look(region, track, t_s)
            self._looks[track] = look
        height, width = region.y.shape
        region.y[:] = cv2.resize(look.cells, (width, height), interpolation=cv2.INTER_LINEAR)
        region.u[:], region.v[:] = look.colour

    def _look(self, region: _Region, track: int, t_s: float) -> _Look:
        # Drawn from the track's own key: the same for its whole life, so that many looks do not average it away.
        noise = np.random.default_rng([self._key, track]).laplace(0, NOISE_SCALE, (CELLS, CELLS))
        step = 256 // LEVELS
        levels = _cells(region.y).astype(np.float64) // step * step + step / 2
        rows, columns = levels.shape
        cells = np.clip(levels + noise[:rows, :columns], 16, 235).astype(np.uint8)
        # One colour for the whole head: cells of colour would tell skin from hair and shirt, and add nothing to see.
        colour = tuple(int(plane.mean()) // step * step + step // 2 for plane in (region.u, region.v))
        return _Look(cells, (colour[0], colour[1]), t_s)


def whole(picture: Picture) -> tuple[Picture, tuple[MaskedBox, ...]]:
    """A picture of the same size that shows nothing, and the one mask that covers it."""
    blank = Picture.blank(picture.width_px, picture.height_px, MASK_LUMA)
    return blank, (MaskedBox(Box(0, 0, picture.width_px, picture.height_px), MaskOrigin.WHOLE_FRAME),)


def _even(low: float, high: float, size_px: int) -> tuple[int, int]:
    first = max(0, math.floor(low / 2) * 2)
    last = min(size_px, math.ceil(high / 2) * 2)
    return first, last


def _fill(region: _Region) -> None:
    region.y[:] = MASK_LUMA
    region.u[:] = MASK_CHROMA
    region.v[:] = MASK_CHROMA


def _cells(plane: Plane) -> Plane:
    height, width = plane.shape
    size = (min(CELLS, width), min(CELLS, height))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mosaic(plane: Plane) -> Plane:
    height, width = plane.shape
    return np.asarray(cv2.resize(_cells(plane), (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _blurred(plane: Plane) -> Plane:
    height, width = plane.shape
    size = (min(BLUR_SIDE_PX, width), min(BLUR_SIDE_PX, height))
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    # Sigma is 0.3 of the mask's WIDTH in both directions; the copy may be squeezed more in one than in the other.
    sigma_x = SIGMA_WIDTH * size[0]
    sigma_y = SIGMA_WIDTH * width * size[1] / height
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
