"""One box for each face: suppression within a scale, union between scales."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.deidentify.boxes import overlap, union
from streams.deidentify.detectors.base import Detection

MERGE_IOU = 0.3
"""Overlap at which boxes of two scales are one face (policy A2)."""

MERGE_CONTAINMENT = 0.75
"""Or: so much of the smaller lies in the larger, at areas within `MERGE_RATIO` (policy A2)."""

MERGE_RATIO = 3.3
"""Areas further apart than this are two faces, one before the other."""

UNION_SCORE = 0.6
"""A box joins the union when its score is at least this share of the best one; below, the best one stands alone."""


def suppressed(detections: Iterable[Detection], max_iou: float) -> list[Detection]:
    """Greedy non-maximum suppression: best first, each at most `max_iou` over every better one that was kept.

    Vectorised, because a crowd gives a hundred raw boxes for each face. A box that is not a number is kept: the
    guard must see it.
    """
    ordered = _best_first(detections)
    corners = np.array([(item.box.x0, item.box.y0, item.box.x1, item.box.y1) for item in ordered]).reshape(-1, 4)
    kept = []
    left = np.arange(len(ordered))
    with np.errstate(all="ignore"):
        while left.size:
            best, rest = left[0], left[1:]
            kept.append(ordered[best])
            left = rest[~(_ious(corners[best], corners[rest]) > max_iou)]
    return kept


def _ious(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of one box float64[4] with float64[n, 4]; not-a-number where all is empty."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.maximum(sides, 0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(common / ((box[2:] - box[:2]).prod() + areas - common), np.float64)


def merged(scales: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Detections of the same picture at several scales as one list, best first; the better score is kept.

    A large blurred face is boxed better by the small scale, a small face seen by the large one only, so
    nothing is voted away: two boxes of about the same certainty become their union.
    """
    kept: list[Detection] = []
    for item in _best_first(item for scale in scales for item in scale):
        for place, other in enumerate(kept):
            if _same_face(item, other):
                if item.score >= UNION_SCORE * other.score:
                    kept[place] = Detection(union((other.box, item.box)), other.score)
                break
        else:
            kept.append(item)
    return kept


def _same_face(a: Detection, b: Detection) -> bool:
    common = overlap(a.box, b.box)
    # A crowd's boxes hardly ever touch, and this is asked of every pair of them; not-a-number touches nothing.
    if not common > 0:
        return False
    areas = a.box.area, b.box.area
    if common >= MERGE_IOU * (sum(areas) - common):
        return True
    return max(areas) <= MERGE_RATIO * min(areas) and common >= MERGE_CONTAINMENT * min(areas)


def _best_first(detections: Iterable[Detection]) -> list[Detection]:
    # Ties are broken by place: the order must not depend on how a library lists its findings.
    return sorted(detections, key=lambda item: (-item.score, item.box.x0, item.box.y0, item.box.x1, item.box.y1))
