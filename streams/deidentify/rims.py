"""The soft rim round a mask. It is drawn on the outside only and before all masks, so that it can uncover nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Plane
from streams.deidentify.cells import Span


def rim_px(share: float, rows: Span, columns: Span) -> int:
    """Width of the rim (px, even): a share of the shorter side of the whole box, seen or not."""
    return round(share * min(rows.high - rows.low, columns.high - columns.low) / 2) * 2


def draw_rim(plane: Plane, patch: Plane, rows: Span, columns: Span, width_px: int) -> None:
    """Blend what surrounds a mask with the mask's own border, linear from all at the mask to nothing at the rim's end.

    Args:
        plane: uint8[H, W], changed in place, outside the mask only.
        patch: uint8[rows.length, columns.length], what will be drawn over the mask.
        rows: the mask's rows in the plane.
        columns: the mask's columns in the plane.
        width_px: width of the rim in pixels of the plane.
    """
    height, width = plane.shape
    top, bottom = max(0, rows.first - width_px), min(height, rows.last + width_px)
    left, right = max(0, columns.first - width_px), min(width, columns.last + width_px)
    down = _ramp(top, bottom, rows, width_px)[:, None]
    across = _ramp(left, right, columns, width_px)[None, :]
    sides = (columns.first - left, right - columns.last)
    # Four strips: over and under the mask in the rim's full width, left and right of it in the mask's height.
    over, under = slice(0, rows.first - top), slice(rows.last - top, bottom - top)
    beside = slice(rows.first - top, rows.last - top)
    before, after = slice(0, sides[0]), slice(columns.last - left, right - left)
    frame = plane[top:bottom, left:right]
    _blend(frame[over], np.pad(patch[0], sides, "edge")[None, :], down[over] * across)
    _blend(frame[under], np.pad(patch[-1], sides, "edge")[None, :], down[under] * across)
    _blend(frame[beside, before], patch[:, :1], across[:, before])
    _blend(frame[beside, after], patch[:, -1:], across[:, after])


def _ramp(low: int, high: int, span: Span, width_px: int) -> NDArray[np.float32]:
    """float32[high - low]: 1 along the mask, falling to 0 at `width_px` from it."""
    pixels = np.arange(low, high)
    away = np.maximum(span.first - pixels, pixels - span.last + 1)
    return np.clip(1 - away / (width_px + 1), 0, 1).astype(np.float32)


def _blend(view: Plane, fill: Plane, share: NDArray[np.float32]) -> None:
    # In steps of 1/256, which 8 bits cannot tell from exact, and 255 x 256 + 128 still fits: float takes far longer.
    weight = (share * 256 + 0.5).astype(np.uint16)
    view[:] = (view * (256 - weight) + fill * weight + 128) >> 8
