"""Plane geometry of boxes: overlap, containment, growth, travel. Pure, and knows nothing of faces or time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from buffers.records import Box


def overlap(a: Box, b: Box) -> float:
    """Area common to both boxes, in square pixels; 0 where a side is not a number."""
    if not (a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1):
        return 0.0
    return (min(a.x1, b.x1) - max(a.x0, b.x0)) * (min(a.y1, b.y1) - max(a.y0, b.y0))


def touches(a: Box, b: Box) -> bool:
    """Whether the boxes have a point in common, edges included; False where a side is not a number."""
    return a.x0 <= b.x1 and b.x0 <= a.x1 and a.y0 <= b.y1 and b.y0 <= a.y1


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0-1; 0 where both are empty."""
    common = overlap(a, b)
    return common / (a.area + b.area - common) if common > 0 else 0.0


def containment(a: Box, b: Box) -> float:
    """Share of the smaller box that lies in the other, 0-1; 0 where one is empty."""
    smaller = min(a.area, b.area)
    return overlap(a, b) / smaller if smaller > 0 else 0.0


def area_ratio(a: Box, b: Box) -> float:
    """Area of `a` over area of `b`; infinite where `b` is empty."""
    return a.area / b.area if b.area > 0 else math.inf


def centre_distance(a: Box, b: Box) -> float:
    """Distance of the centres in pixels."""
    return math.hypot((a.x0 + a.x1 - b.x0 - b.x1) / 2, (a.y0 + a.y1 - b.y0 - b.y1) / 2)


def side(box: Box) -> float:
    """Side of the square of the same area, in pixels: the box's "size"."""
    return math.sqrt(box.area)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all of them (ValueError where there are none)."""
    items = tuple(boxes)
    return Box(
        min(box.x0 for box in items),
        min(box.y0 for box in items),
        max(box.x1 for box in items),
        max(box.y1 for box in items),
    )


def moved(box: Box, dx_px: float, dy_px: float) -> Box:
    """The box shifted by (dx, dy) pixels."""
    return Box(box.x0 + dx_px, box.y0 + dy_px, box.x1 + dx_px, box.y1 + dy_px)


def grown(box: Box, share: float) -> Box:
    """The box with both sides `share` longer (0.1: a tenth), around the same centre."""
    return resized(box, box.width * (1 + share), box.height * (1 + share))


def resized(box: Box, width_px: float, height_px: float) -> Box:
    """A box of that size around the same centre."""
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return Box(x - width_px / 2, y - height_px / 2, x + width_px / 2, y + height_px / 2)


def blended(a: Box, b: Box, share: float) -> Box:
    """The box `share` of the way from `a` (0) to `b` (1), each side on a straight line."""
    return Box(
        a.x0 + (b.x0 - a.x0) * share,
        a.y0 + (b.y0 - a.y0) * share,
        a.x1 + (b.x1 - a.x1) * share,
        a.y1 + (b.y1 - a.y1) * share,
    )


def shifted_to_contain(box: Box, inner: Box) -> Box:
    """`box`, moved as little as possible so that it contains `inner`, and widened only where it is too small."""
    x0, x1 = _span(box.x0, box.x1, inner.x0, inner.x1)
    y0, y1 = _span(box.y0, box.y1, inner.y0, inner.y1)
    return Box(x0, y0, x1, y1)


def _span(low: float, high: float, inner_low: float, inner_high: float) -> tuple[float, float]:
    if inner_high - inner_low >= high - low:
        return inner_low, inner_high
    # Taken from the inner edge, not shifted by a difference: sums of floats must not lose the inner box by an ulp.
    if inner_low < low:
        return inner_low, max(inner_high, inner_low + high - low)
    if inner_high > high:
        return min(inner_low, inner_high - (high - low)), inner_high
    return low, high
