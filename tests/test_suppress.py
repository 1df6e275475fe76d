"""Boxes: one for each face within a scale, the union between scales, and the geometry under both."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Box
from streams.deidentify.boxes import containment, iou, overlap, shifted_to_contain, union
from streams.deidentify.detectors.base import Detection
from streams.deidentify.detectors.suppress import merged, suppressed

pytestmark = pytest.mark.unit

coordinates = st.floats(-2000, 2000, allow_nan=False)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), coordinates, coordinates, st.floats(0, 500), st.floats(0, 500)
)
detections = st.lists(st.builds(Detection, boxes, st.floats(0, 1)), max_size=12)


def test_of_two_boxes_on_one_face_the_better_one_stays() -> None:
    better, worse = Detection(Box(0, 0, 10, 10), 0.9), Detection(Box(1, 0, 11, 10), 0.8)
    assert suppressed([worse, better], 0.3) == [better]


def test_a_box_that_is_no_number_is_kept_for_the_guard_to_see() -> None:
    nonsense = Detection(Box(math.nan, 0, 10, 10), 0.5)
    infinite = Detection(Box(-math.inf, 0, math.inf, 10), 0.4)
    kept = suppressed([Detection(Box(0, 0, 10, 10), 0.9), nonsense, infinite], 0.3)
    assert nonsense in kept
    assert infinite in kept


def test_two_scales_of_about_the_same_certainty_give_their_union() -> None:
    small, large = Detection(Box(0, 0, 10, 10), 0.5), Detection(Box(2, 2, 13, 12), 0.7)
    assert merged([[small], [large]]) == [Detection(Box(0, 0, 13, 12), 0.7)]


def test_a_much_weaker_scale_does_not_widen_the_box() -> None:
    strong, weak = Detection(Box(0, 0, 10, 10), 0.9), Detection(Box(2, 2, 13, 12), 0.3)
    assert merged([[strong], [weak]]) == [strong]


def test_a_small_face_before_a_large_one_stays_a_face_of_its_own() -> None:
    large, small = Detection(Box(0, 0, 100, 100), 0.9), Detection(Box(10, 10, 30, 30), 0.8)
    assert merged([[large], [small]]) == [large, small]


def test_a_part_of_a_face_within_three_times_its_area_is_the_same_face() -> None:
    whole, part = Detection(Box(0, 0, 100, 100), 0.9), Detection(Box(40, 40, 100, 100), 0.8)
    assert merged([[whole], [part]]) == [whole]


@given(detections)
def test_merging_loses_no_evidence_of_the_best_score(found: list[Detection]) -> None:
    best = max((item.score for item in found), default=None)
    assert max((item.score for item in merged([found])), default=None) == best


@given(detections)
def test_what_is_suppressed_overlaps_something_better_that_is_kept(found: list[Detection]) -> None:
    kept = suppressed(found, 0.3)
    for item in found:
        assert item in kept or any(iou(item.box, each.box) > 0.3 and each.score >= item.score for each in kept)


@given(boxes, boxes)
def test_overlap_measures_stay_between_nothing_and_everything(a: Box, b: Box) -> None:
    assert 0 <= iou(a, b) <= 1 + 1e-9
    assert 0 <= containment(a, b) <= 1 + 1e-9
    assert overlap(a, b) == overlap(b, a)


@given(boxes, boxes)
def test_a_shifted_box_contains_the_weak_one_and_is_not_smaller_than_before(box: Box, inner: Box) -> None:
    result = shifted_to_contain(box, inner)
    assert union((result, inner)) == result
    assert result.width >= box.width - 1e-9
    assert result.height >= box.height - 1e-9
