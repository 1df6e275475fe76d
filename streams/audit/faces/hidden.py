"""Decides, from the pixels of a picture and of its de-identified twin alone, what of the one can be seen in the other.

A small difference does not mean "visible" (a grey mask over a grey wall changes nothing) and a large one does not
mean "hidden" (codecs change a lot): what counts is whether the output's detail still follows the source's.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, Plane
from buffers.records import Box

CELL_PX: Final = 4
"""Side of the squares decided about: finer than any annotation, coarse enough for 720p in a few dozen ms."""

Cells = NDArray[np.bool_]
"""bool[ceil(H / 4), ceil(W / 4)] of a picture: True where its content is hidden."""

_Reals = NDArray[np.float32]

_WINDOWS_PX: Final = (8, 24)
"""Windows over which detail is compared: a codec's own block, and one whose detail survives strong compression."""

_WEIGHTS: Final = (2.0, 0.7)
"""How much each window's verdict counts. Source: see `_MIDDLE`."""

_CONTRASTS: Final = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0], np.float32)
"""Classes of contrast (standard deviation of luma) for which it is measured how much of it the codec keeps."""

_SURE_CONTRAST: Final = 8.0
"""Contrast that even H.264 at CRF 38 keeps more than half of (median): where it is gone, something was put over it."""

_SURE_KEPT: Final = 0.55
"""Least share of such contrast that is expected to be kept."""

_KEPT_PERCENTILE: Final = 60.0
"""Of the shares kept in one class of contrast, the one taken as the codec's: above what masks of half a picture pull
down, below the outliers."""

_FEWEST: Final = 50
"""Windows of one class below which nothing is said of what the codec keeps."""

_MIDDLE: Final = 0.45
"""Share of the codec's own fidelity at which detail counts neither way; half as much again either side is certain.

This and the constants below were searched (random steps, 120 encodings) on five clips with known masks of all four
styles over the faces in every other six frames, in x264 at CRF 18-38 and MPEG-4 at 300 and 2000 kbit/s (for 360p):
masked faces were found 87-100 % hidden (99 % on average), plain ones 0-11 % (1 % on average).
"""

_HALF: Final = 0.5

_FAITHFUL: Final = 0.6
_FAITHFUL_SPAN: Final = 0.2
"""Fidelity from which detail is seen whatever the codec usually keeps, and what more makes that certain.

Where nearly all of a picture is masked nobody knows what the codec keeps; without this rule unmasked blurred faces of
37-50 px in such a picture were found 76-100 % hidden, with it 28-78 % (x264 at CRF 23; 45-98 % at CRF 32).
"""

_PRIOR: Final = 0.2
"""What equal mean colours say for "visible", against 1 that different ones say for "hidden"."""

_COLOUR_FLOOR: Final = 5.0
_COLOUR_CONTRAST: Final = 0.2
"""Difference of mean colours (levels, at no contrast and for each level of it) that a codec may make; twice it is
certain to be none of its doing."""

_NEAR_CELLS: Final = 5
_NEAR_WEIGHT: Final = 1.5
_FAR_CELLS: Final = 13
_FAR_WEIGHT: Final = 3.0
"""Where a cell knows little by itself, cells around it (20 and 52 px) decide; flat skin is seen where eyes are."""

_DECIDED: Final = 2.0
"""Evidence from which a cell does not ask those further away: small masks and small holes stay."""


_BLED_CELLS: Final = _FAR_CELLS // 2 + 1
"""How far (28 px) a mask may bleed over what is seen beside it: as far as the cells are asked."""

_UNTOUCHED: Final = 2.0
"""Mean difference of a cell's pixels (levels) up to which nobody touched them. Where solid masks cover 45.4 % in the
hard shot and 32.5 % in another tool's file of it, black on a dark room, this and 28 px gave 46.6 % and 30.2 %; 5 levels
gave 46.5 % and 26.7 %, 1 level 47.3 % and 30.7 %, nothing at all 51.2 % and 31.3 %."""

_BESIDE: Final = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def hidden(source: Picture, output: Picture) -> Cells:
    """What of `source` cannot be seen in `output`, which has the same size (ValueError else)."""
    if source.y.shape != output.y.shape:
        msg = f"pictures of {source.y.shape} and {output.y.shape} cannot be compared"
        raise ValueError(msg)
    s, d = source.y.astype(np.float32), output.y.astype(np.float32)
    evidence: _Reals = np.zeros(cells_of(source), np.float32)
    contrast: _Reals = evidence
    for window_px, weight in zip(_WINDOWS_PX, _WEIGHTS, strict=True):
        deviation, follows = _detail(s, d, window_px)
        evidence = evidence + np.float32(weight) * follows
        if window_px == _WINDOWS_PX[0]:
            contrast = deviation
    evidence = evidence + _colour(source, output, contrast)
    unsure = 1 - np.clip(np.abs(evidence) / _DECIDED, 0, 1)
    near = cv2.blur(evidence, (_NEAR_CELLS, _NEAR_CELLS))
    far = cv2.blur(evidence, (_FAR_CELLS, _FAR_CELLS))
    return np.asarray(evidence + _NEAR_WEIGHT * near + unsure * _FAR_WEIGHT * far < 0, np.bool_)


def area_hidden(source: Picture, output: Picture, cells: Cells) -> float:
    """Share of the picture that is hidden (0-1), where `cells` are the hidden ones and the sizes are equal.

    Next to a mask, flat places count as hidden whose pixels nobody touched: the windows reach over its edge. For a face
    that is the safe side, for an area it is wrong: what is seen takes back untouched cells beside it, row after row.
    Untouched cells further within a mask stay hidden. Where the codec changes everything, nothing is taken back.
    """
    differences = (np.abs(one.astype(np.float32) - other) for one, other in _planes(source, output))
    untouched = np.ones(cells.shape, np.bool_)
    for difference in differences:
        if difference.shape == source.y.shape:
            mean = _mean(difference, CELL_PX)
        else:
            mean = np.asarray(cv2.resize(difference, cells.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
        untouched &= mean <= _UNTOUCHED
    seen = ~cells
    for _ in range(_BLED_CELLS):
        grown = seen | (cv2.dilate(seen.astype(np.uint8), _BESIDE).astype(np.bool_) & untouched)
        if np.array_equal(grown, seen):
            break
        seen = grown
    return 1.0 - float(seen.mean())


def cells_of(picture: Picture) -> tuple[int, int]:
    """Rows and columns of a picture's cells."""
    return math.ceil(picture.height_px / CELL_PX), math.ceil(picture.width_px / CELL_PX)


def share_hidden(cells: Cells, box: Box) -> float:
    """Share of the box's pixels inside the picture that are hidden, 0-1; 1 where it has none."""
    rows, columns = cells.shape
    down, across = _overlaps(box.y0, box.y1, rows), _overlaps(box.x0, box.x1, columns)
    area = float(down.sum() * across.sum())
    return float(down @ cells @ across) / area if area > 0 else 1.0


def filled(picture: Picture, cells: Cells, luma: int = 64) -> Picture:
    """A copy in which the cells are one dark grey: nothing of what they held is left."""
    over = np.repeat(np.repeat(cells, CELL_PX, axis=0), CELL_PX, axis=1)
    y = np.where(over[: picture.height_px, : picture.width_px], np.uint8(luma), picture.y)
    rows, columns = picture.u.shape
    # A chroma pixel belongs to 2x2 of luma, a cell to 2x2 of those: all of them go with the cell.
    small = over[::2, ::2][:rows, :columns]
    u, v = (np.where(small, np.uint8(128), plane) for plane in (picture.u, picture.v))
    return Picture(np.ascontiguousarray(y), np.ascontiguousarray(u), np.ascontiguousarray(v))


def cells_in(shape: tuple[int, int], box: Box) -> Cells:
    """The cells of a grid of `shape` that the box touches."""
    inside = np.zeros(shape, np.bool_)
    x0, y0 = max(0, math.floor(box.x0 / CELL_PX)), max(0, math.floor(box.y0 / CELL_PX))
    inside[y0 : max(0, math.ceil(box.y1 / CELL_PX)), x0 : max(0, math.ceil(box.x1 / CELL_PX))] = True
    return inside


def _planes(source: Picture, output: Picture) -> tuple[tuple[Plane, Plane], ...]:
    return (source.y, output.y), (source.u, output.u), (source.v, output.v)


def _overlaps(low: float, high: float, count: int) -> NDArray[np.float64]:
    """float64[count]: pixels of [low, high) in each cell of an axis."""
    starts = np.arange(count) * float(CELL_PX)
    return np.asarray(np.clip(np.minimum(starts + CELL_PX, high) - np.maximum(starts, low), 0, CELL_PX), np.float64)


def _sampled(plane: _Reals) -> _Reals:
    """Every cell's value of a plane of window means. The last cell may be cut: it takes the last pixel's."""
    rows, columns = (np.minimum(np.arange(0, size, CELL_PX) + CELL_PX // 2, size - 1) for size in plane.shape)
    return np.asarray(plane[rows][:, columns], np.float32)


def _mean(plane: _Reals, window_px: int) -> _Reals:
    """Means of even windows around every pixel's upper left corner: around the middle of the cells as sampled."""
    return _sampled(np.asarray(cv2.blur(plane, (window_px, window_px)), np.float32))


def _detail(s: _Reals, d: _Reals, window_px: int) -> tuple[_Reals, _Reals]:
    """Contrast of the source in each cell's window, and how sure the output follows it (-1 hidden to 1 visible).

    "Follows" is the smaller of gain (regression of output on source, or its inverse above 1) and correlation, so that
    neither an echo of the detail nor an edge that happens to lie there counts; judged against what the codec keeps
    elsewhere.
    """
    mean_s, mean_d = _mean(s, window_px), _mean(d, window_px)
    # Differences of large sums leave a rounding error, which must not become the root of a negative number.
    variance_s = np.maximum(_mean(s * s, window_px) - mean_s**2, 0)
    variance_d = np.maximum(_mean(d * d, window_px) - mean_d**2, 0)
    common = _mean(s * d, window_px) - mean_s * mean_d
    # A quarter of a level squared is below the rounding of pixels.
    gain = common / np.maximum(variance_s, 0.25)
    correlation = common / np.sqrt(np.maximum(variance_s * variance_d, 0.25))
    kept = np.minimum(np.where(gain > 1, 1 / np.maximum(gain, 1), gain), correlation)
    deviation = np.asarray(np.sqrt(variance_s), np.float32)
    classes = np.digitize(deviation, _CONTRASTS)
    follows: _Reals = np.zeros_like(deviation)
    for number, least in enumerate(_CONTRASTS, start=1):
        members = classes == number
        if not members.any():
            continue
        usual = float(np.percentile(kept[members], _KEPT_PERCENTILE)) if members.sum() >= _FEWEST else 0.0
        # What the codec itself drops says nothing: below 0.3 kept the class is not asked, from 0.6 fully.
        weight = 1.0 if least >= _SURE_CONTRAST else min(max((usual - 0.3) / 0.3, 0.0), 1.0)
        usual = max(usual, _SURE_KEPT if least >= _SURE_CONTRAST else 0.3)
        follows[members] = weight * np.clip((kept[members] - _MIDDLE * usual) / (_HALF * usual), -1, 1)
    faithful = np.clip((kept - _FAITHFUL) / _FAITHFUL_SPAN, 0, 1) * (deviation >= _CONTRASTS[0])
    return deviation, np.where(faithful > 0, np.maximum(follows, faithful), follows)


def _colour(source: Picture, output: Picture, contrast: _Reals) -> _Reals:
    """What the mean colours say: a little for "visible" where they agree, all against it where they do not."""
    squares: _Reals = np.zeros_like(contrast)
    rows, columns = contrast.shape
    for one, other, full in (
        (source.y, output.y, True),
        (source.u, output.u, False),
        (source.v, output.v, False),
    ):
        difference = one.astype(np.float32) - other.astype(np.float32)
        if full:
            squares = squares + _mean(difference, _WINDOWS_PX[0]) ** 2
        else:
            window = _WINDOWS_PX[0] // 2
            smooth = cv2.blur(difference, (window, window))
            squares = squares + cv2.resize(smooth, (columns, rows), interpolation=cv2.INTER_AREA) ** 2
    allowed = _COLOUR_FLOOR + _COLOUR_CONTRAST * contrast
    differs = np.clip(np.sqrt(squares) / allowed - 1, 0, 1)
    return np.asarray(_PRIOR - (_PRIOR + 1) * differs, np.float32)
