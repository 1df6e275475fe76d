"""Draws masks on the planes of a picture, at full size. Knows boxes and tracks, nothing of faces.

`solid` keeps no pixel of the source. The others are for looks, or for comparison with the paper, and keep a few
averaged ones: a strong blur of any kind can be partly undone (McPherson et al., arXiv 1609.00408).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, Plane
from buffers.records import Box, MaskedBox, MaskOrigin
from configs.settings import MaskStyle
from streams.deidentify.cells import Span, averages, slopes, tiles
from streams.deidentify.policy import FaceMask
from streams.deidentify.rims import draw_rim, rim_px

MASK_LUMA = 64
"""Luma of what is hidden: a dark grey, the same for everybody, that no scene's black is mistaken for."""

MASK_CHROMA = 128
"""Chroma of what is hidden: none."""

KEPT = 2
"""Averages a side that `soft` and `mosaic` keep of a head. Without any noise, 6 x 6 led to the right one of 5 people in
73 % of 55 pictures and 3 x 3 in 56 %; 2 x 2 in 25 %, which is solid's 19 % within its interval (31 %; measured)."""

LEVELS = 8
"""Grey levels to which these are rounded: with all 256 even 2 x 2 led to the right one in 36 % (measured)."""

CELLS = 6
"""Cells a side that are drawn, between and round what is kept: for looks, they say no more."""

NOISE_SCALE = 20.0
"""Scale b of the Laplace noise on each cell drawn, in grey levels: about a step of the levels kept."""

REFRESH_S = 1.0
"""Least time between two looks at one head (s): many noisy looks could be averaged into a clear one."""

SIGMA_WIDTH = 0.3
"""Gaussian sigma as share of the mask's width: at 0.1 a Wiener filter brings faces back (measured)."""

BLUR_SIDE_PX = 32
"""Side of the copy on which the Gaussian is computed: 0.3 of 400 px at full size would take 55 ms."""

BLUR_SIGMA_MAX_PX = 256.0
"""Most sigma on that copy (px): eight times its side, from where on nothing but one tone is left."""

WEAKNESS: Mapping[MaskStyle, str | None] = {
    MaskStyle.SOLID: None,
    MaskStyle.SOFT: "mask soft keeps four noisy averages of each head, for looks: use solid for what you publish",
    MaskStyle.MOSAIC: "mask mosaic keeps four noisy averages of each head, for looks: use solid for what you publish",
    MaskStyle.GAUSSIAN: "the Gaussian blur can be partly undone: use solid unless you compare with the paper",
}
"""What the user must be told once of a style that is not the safe one; None for the one that is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """What is drawn over one box: planes of the size of what is seen of it."""

    y: Plane
    u: Plane
    v: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What `soft` and `mosaic` draw over one track: the noisy cells of their last look at it, and its time."""

    cells: NDArray[np.float64]
    colour: tuple[int, int]
    since_s: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one mask lies: its box on both axes."""

    rows: Span
    columns: Span

    @property
    def area_px(self) -> int:
        """Size of the whole box, seen or not."""
        return (self.rows.high - self.rows.low) * (self.columns.high - self.columns.low)

    @property
    def box(self) -> Box:
        """What is seen of it."""
        return Box(self.columns.first, self.rows.first, self.columns.last, self.rows.last)


class Masker:
    """Hides boxes of pictures in one style. Frames come in order of time."""

    def __init__(self, style: MaskStyle, *, seed: int | None = None, feather: float = 0.0) -> None:
        """Choose the style and its rim (share of a mask's shorter side, see `FaceSettings.feather`).

        `seed` fixes the noise for tests (None: a key nobody knows, gone with this object).
        """
        self._style = style
        self._feather = feather
        self._key = secrets.randbits(128) if seed is None else seed % 2**128  # NumPy takes no negative seeds
        self._looks: dict[int, _Look] = {}

    def masked(self, picture: Picture, masks: Iterable[FaceMask], t_s: float) -> tuple[Picture, tuple[MaskedBox, ...]]:
        """A copy of the picture with the masks drawn, and what was drawn where.

        Boxes are widened to even pixels, so that luma and chroma end together, and cut at the picture's edges;
        what lies wholly outside is left out. A box that is not a number hides the whole picture.
        """
        # What is due for a new look is of no use; what is not is kept while its track is away, lest it look too often.
        self._looks = {track: look for track, look in self._looks.items() if _fresh(look, t_s)}
        drawn: list[tuple[_Place, FaceMask]] = []
        for mask in masks:
            if not all(map(math.isfinite, (mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1))):
                return whole(picture)
            rows = Span.of(mask.box.y0, mask.box.y1, picture.height_px)
            columns = Span.of(mask.box.x0, mask.box.x1, picture.width_px)
            if rows.length > 0 and columns.length > 0:
                drawn.append((_Place(rows, columns), mask))
        # The largest comes last: of masks over one head it keeps the least, and a small one on top would show more.
        order = sorted(drawn, key=lambda item: (item[0].area_px, item[1].track))
        patches = [(place, self._patch(picture, place, mask.track, t_s)) for place, mask in order]
        clean = picture.copy()
        if self._feather > 0:
            for place, patch in patches:
                _feathered(clean, patch, place, rim_px(self._feather, place.rows, place.columns))
        for place, patch in patches:
            _put(clean, patch, place)
        return clean, tuple(MaskedBox(place.box, mask.origin, mask.track, mask.score) for place, mask in drawn)

    def _patch(self, picture: Picture, place: _Place, track: int, t_s: float) -> _Patch:
        if self._style is MaskStyle.SOLID:
            return _flat(place, MASK_LUMA, MASK_CHROMA, MASK_CHROMA)
        if self._style is MaskStyle.GAUSSIAN:
            half = _halved(place)
            return _Patch(_blurred(picture.y, place), _blurred(picture.u, half), _blurred(picture.v, half))
        look = self._looks.get(track)
        if look is None:
            look = self._look(picture, place, track, t_s)
            self._looks[track] = look
        draw = slopes if self._style is MaskStyle.SOFT else tiles
        return replace(_flat(place, MASK_LUMA, *look.colour), y=draw(look.cells, place.rows, place.columns))

    def _look(self, picture: Picture, place: _Place, track: int, t_s: float) -> _Look:
        # Drawn from the track's own key: the same for its whole life, so that many looks do not average it away.
        noise = np.random.default_rng([self._key, track]).laplace(0, NOISE_SCALE, (CELLS, CELLS))
        step = 256 // LEVELS
        levels = averages(picture.y, place.rows, place.columns, KEPT, MASK_LUMA) // step * step + step / 2
        between = cv2.resize(levels, (CELLS, CELLS), interpolation=cv2.INTER_LINEAR)
        half = _halved(place)
        # One colour for the whole head: cells of colour would tell skin from hair and shirt, and add nothing to see.
        u, v = (
            int(plane[half.rows.part, half.columns.part].mean()) // step * step + step // 2
            for plane in (picture.u, picture.v)
        )
        return _Look(np.clip(between + noise, 16, 235), (u, v), t_s)


def whole(picture: Picture) -> tuple[Picture, tuple[MaskedBox, ...]]:
    """A picture of the same size that shows nothing, and the one mask that covers it."""
    blank = Picture.blank(picture.width_px, picture.height_px, MASK_LUMA)
    return blank, (MaskedBox(Box(0, 0, picture.width_px, picture.height_px), MaskOrigin.WHOLE_FRAME),)


def _fresh(look: _Look, t_s: float) -> bool:
    return 0 <= t_s - look.since_s < REFRESH_S


def _halved(place: _Place) -> _Place:
    return _Place(place.rows.halved(), place.columns.halved())


def _flat(place: _Place, y: int, u: int, v: int) -> _Patch:
    half = _halved(place)
    return _Patch(*(_even(part, level) for part, level in ((place, y), (half, u), (half, v))))


def _even(place: _Place, level: int) -> Plane:
    # A view of one byte: a patch of one level costs no memory, whatever its size.
    return np.broadcast_to(np.uint8(level), (place.rows.length, place.columns.length))


def _put(picture: Picture, patch: _Patch, place: _Place) -> None:
    half = _halved(place)
    picture.y[place.rows.part, place.columns.part] = patch.y
    picture.u[half.rows.part, half.columns.part] = patch.u
    picture.v[half.rows.part, half.columns.part] = patch.v


def _feathered(picture: Picture, patch: _Patch, place: _Place, width_px: int) -> None:
    half = _halved(place)
    draw_rim(picture.y, patch.y, place.rows, place.columns, width_px)
    draw_rim(picture.u, patch.u, half.rows, half.columns, width_px // 2)
    draw_rim(picture.v, patch.v, half.rows, half.columns, width_px // 2)


def _blurred(plane: Plane, place: _Place) -> Plane:
    view = plane[place.rows.part, place.columns.part]
    height, width = view.shape
    size = (min(BLUR_SIDE_PX, width), min(BLUR_SIDE_PX, height))
    small = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
    # Of the WHOLE mask's width, in both directions: a head that is half outside is not to be blurred half as much.
    # The copy may be squeezed more in one direction than in the other.
    sigma_px = SIGMA_WIDTH * (place.columns.high - place.columns.low)
    sigma_x = min(BLUR_SIGMA_MAX_PX, sigma_px * size[0] / width)
    sigma_y = min(BLUR_SIGMA_MAX_PX, sigma_px * size[1] / height)
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
