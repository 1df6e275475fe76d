"""Masks on the planes: what is under a solid one is gone, and no box makes the drawing fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box
from configs.settings import FaceSettings, MaskStyle
from streams.deidentify.detectors.base import Detection
from streams.deidentify.faces import FaceDeidentifier
from streams.deidentify.masks import MASK_CHROMA, MASK_LUMA, Masker, whole
from streams.media import RawFrame
from tests.made_masks import face

pytestmark = pytest.mark.unit

FACE = face(1, Box(20, 10, 80, 90))
STYLES = list(MaskStyle)
COARSE = [MaskStyle.SOFT, MaskStyle.MOSAIC]


def noisy(width_px: int = 121, height_px: int = 99, seed: int = 0) -> Picture:
    """A picture of noise that holds neither the mask's luma nor its chroma."""
    rng = np.random.default_rng(seed)
    luma = rng.integers(100, 236, (height_px, width_px), np.uint8)
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    return Picture(luma, rng.integers(140, 240, half, np.uint8), rng.integers(140, 240, half, np.uint8))


def draw(picture: Picture, style: MaskStyle, *boxes: Box, t_s: float = 0.0) -> tuple[Picture, tuple[Box, ...]]:
    clean, masks = Masker(style, seed=1).masked(picture, [face(*item) for item in enumerate(boxes)], t_s)
    return clean, tuple(mask.box for mask in masks)


def test_nothing_of_the_source_is_left_under_a_solid_mask() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, FACE.box)
    assert box == FACE.box
    assert (clean.y[10:90, 20:80] == MASK_LUMA).all()
    assert (clean.u[5:45, 10:40] == MASK_CHROMA).all()
    assert (clean.v[5:45, 10:40] == MASK_CHROMA).all()


@pytest.mark.parametrize("style", STYLES)
def test_outside_the_mask_nothing_changes_and_the_source_is_not_written_to(style: MaskStyle) -> None:
    picture, untouched = noisy(), noisy()
    clean, _ = draw(picture, style, FACE.box)
    for before, now, same in zip(
        (picture.y, picture.u, picture.v),
        (clean.y, clean.u, clean.v),
        (untouched.y, untouched.u, untouched.v),
        strict=True,
    ):
        assert (before == same).all()
        assert not np.shares_memory(before, now)
    outside = np.ones(picture.y.shape, bool)
    outside[10:90, 20:80] = False
    assert (clean.y[outside] == picture.y[outside]).all()
    assert (clean.y[~outside] != picture.y[~outside]).mean() > 0.9


def test_odd_edges_are_widened_so_that_luma_and_chroma_end_together() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, Box(21.4, 11.2, 79.1, 88.7))
    assert box == Box(20, 10, 80, 90)
    assert (clean.y == MASK_LUMA).sum() == 60 * 80
    assert (clean.u == MASK_CHROMA).sum() == 30 * 40


def test_a_mask_over_the_odd_last_row_and_column_covers_their_chroma_too() -> None:
    clean, (box,) = draw(noisy(), MaskStyle.SOLID, Box(50, 50, 500, 500))
    assert box == Box(50, 50, 121, 99)
    assert (clean.y[50:, 50:] == MASK_LUMA).all()
    assert (clean.u[25:, 25:] == MASK_CHROMA).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "box", [Box(5, 5, 6, 6), Box(3, 3, 3, 3), Box(-50, -50, -10, -10), Box(500, 0, 600, 50), Box(-1e300, -5, 1e300, 5)]
)
def test_boxes_of_one_pixel_none_or_beyond_the_picture_are_survived(box: Box, style: MaskStyle) -> None:
    picture = noisy()
    clean, drawn = draw(picture, style, box)
    assert clean.y.shape == picture.y.shape
    assert all(each.area > 0 for each in drawn)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_box_that_is_no_number_hides_the_whole_picture(bad: float, style: MaskStyle) -> None:
    clean, drawn = draw(noisy(), style, FACE.box, Box(0, bad, 10, 10))
    assert drawn == (Box(0, 0, 121, 99),)
    assert (clean.y == MASK_LUMA).all()


@pytest.mark.parametrize("style", STYLES)
def test_two_hundred_faces_are_survived(style: MaskStyle) -> None:
    boxes = [Box(3 * n % 110, 7 * n % 90, 3 * n % 110 + 12, 7 * n % 90 + 14) for n in range(200)]
    _, drawn = draw(noisy(), style, *boxes)
    assert len(drawn) == 200


def test_a_hidden_picture_shows_nothing_and_keeps_its_size() -> None:
    clean, (box,) = whole(noisy())
    assert (clean.y == MASK_LUMA).all()
    assert (clean.u == MASK_CHROMA).all()
    assert (clean.width_px, clean.height_px, box.box.area) == (121, 99, 121 * 99)


def test_soft_cells_do_not_move_with_the_source_within_a_second() -> None:
    masker = Masker(MaskStyle.SOFT, seed=1)
    looks = [masker.masked(noisy(seed=n), [FACE], n / 10)[0].y[10:90, 20:80] for n in range(10)]
    assert all((look == looks[0]).all() for look in looks)


def test_soft_cells_are_refreshed_after_a_second_under_the_same_noise() -> None:
    masker = Masker(MaskStyle.SOFT, seed=1)
    first = masker.masked(noisy(seed=0), [FACE], 0.0)[0].y[10:90, 20:80]
    dark = Picture.blank(121, 99, 40)
    later = masker.masked(dark, [FACE], 1.0)[0].y[10:90, 20:80]
    again = masker.masked(noisy(seed=0), [FACE], 2.0)[0].y[10:90, 20:80]
    assert (first != later).mean() > 0.9
    assert (first == again).all()


def test_two_faces_get_different_noise_and_another_key_another_one() -> None:
    grey = Picture.blank(121, 99, 120)
    one = Masker(MaskStyle.SOFT, seed=1).masked(grey, [FACE], 0.0)[0].y
    other_face = Masker(MaskStyle.SOFT, seed=1).masked(grey, [face(2, FACE.box)], 0.0)[0].y
    other_key = Masker(MaskStyle.SOFT).masked(grey, [FACE], 0.0)[0].y
    assert (one != other_face).any()
    assert (one != other_key).any()


def test_any_whole_number_is_a_seed() -> None:
    _, drawn = Masker(MaskStyle.SOFT, seed=-1).masked(noisy(), [FACE], 0.0)
    assert len(drawn) == 1


def test_a_look_is_not_taken_more_often_because_its_track_was_away() -> None:
    masker = Masker(MaskStyle.SOFT, seed=1)
    first = masker.masked(noisy(), [FACE], 0.0)[0].y[10:90, 20:80]
    masker.masked(noisy(), [], 0.3)
    back = masker.masked(Picture.blank(121, 99, 40), [FACE], 0.6)[0].y[10:90, 20:80]
    assert (first == back).all()


@pytest.mark.parametrize("style", COARSE)
@given(seed=st.integers(0, 99), swap=st.integers(0, 2**32 - 1))
def test_only_the_four_averages_of_a_head_come_through(style: MaskStyle, seed: int, swap: int) -> None:
    source = noisy(seed=seed)
    shuffled = source.copy()
    rng = np.random.default_rng(swap)
    for rows in (slice(10, 50), slice(50, 90)):
        for columns in (slice(20, 50), slice(50, 80)):
            part = shuffled.y[rows, columns]
            part[:] = rng.permutation(part.reshape(-1)).reshape(part.shape)
    assert (draw(source, style, FACE.box)[0].y == draw(shuffled, style, FACE.box)[0].y)[10:90, 20:80].all()


def test_a_mosaic_has_six_cells_a_side() -> None:
    clean, _ = draw(noisy(), MaskStyle.MOSAIC, Box(0, 0, 96, 96))
    tile = clean.y[:96, :96].reshape(6, 16, 6, 16)
    assert (tile == tile[:, :1, :, :1]).all()
    assert len(np.unique(tile)) > 12


@pytest.mark.parametrize("style", COARSE)
@given(left=st.integers(-70, 130), top=st.integers(-90, 100))
def test_the_grid_stays_on_the_head_when_the_picture_cuts_it_off(style: MaskStyle, left: int, top: int) -> None:
    left, top = left // 2 * 2, top // 2 * 2
    box = Box(left, top, left + 72, top + 96)
    flat = Picture.blank(400, 400, 120)
    entire, _ = Masker(style, seed=1).masked(flat, [face(1, Box(100, 100, 172, 196))], 0.0)
    patch = entire.y[100:196, 100:172]
    clean, drawn = Masker(style, seed=1).masked(Picture.blank(120, 90, 120), [face(1, box)], 0.0)
    for mask in drawn:
        x0, y0, x1, y1 = (int(each) for each in (mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1))
        seen = patch[y0 - top : y1 - top, x0 - left : x1 - left]
        # Averages that the edge cuts off altogether are not known; flat grey tells whether the others lie still.
        if left > -36 and top > -48 and left + 36 < 120 and top + 48 < 90:
            assert (clean.y[y0:y1, x0:x1] == seen).all()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_a_small_mask_within_a_large_one_uncovers_nothing(style: MaskStyle, numbers: tuple[int, int]) -> None:
    large, small = face(numbers[0], Box(10, 8, 110, 96)), face(numbers[1], Box(40, 30, 60, 50))
    alone, _ = Masker(style, seed=1).masked(noisy(), [large], 0.0)
    for both in ([large, small], [small, large]):
        clean, drawn = Masker(style, seed=1).masked(noisy(), both, 0.0)
        assert (clean.y == alone.y).all()
        assert (clean.u == alone.u).all()
        assert [mask.track for mask in drawn] == [each.track for each in both]


def test_a_neighbour_does_not_change_what_a_mask_looks_at() -> None:
    one, other = face(1, Box(10, 10, 60, 60)), face(2, Box(40, 10, 98, 68))
    alone, _ = Masker(MaskStyle.SOFT, seed=1).masked(noisy(), [one], 0.0)
    both, _ = Masker(MaskStyle.SOFT, seed=1).masked(noisy(), [other, one], 0.0)
    assert (alone.y[10:60, 10:40] == both.y[10:60, 10:40]).all()


def test_the_gaussian_leaves_no_detail_finer_than_a_third_of_the_face() -> None:
    stripes = np.tile(np.repeat(np.array([16, 235], np.uint8), 12), (96, 4))
    picture = Picture(stripes, np.full((48, 48), 128, np.uint8), np.full((48, 48), 128, np.uint8))
    clean, _ = draw(picture, MaskStyle.GAUSSIAN, Box(0, 0, 96, 96))
    # Eight stripes went in; what is left is one slope, from the dark edge to the bright one.
    assert (np.diff(clean.y.astype(int), axis=1) >= 0).all()


def test_the_gaussian_of_a_head_half_outside_is_as_wide_as_that_of_a_whole_one() -> None:
    edge = np.tile(np.repeat(np.array([16, 235], np.uint8), 24), (96, 1))
    half = np.full((48, 24), 128, np.uint8)
    clean, _ = draw(Picture(edge, half, half), MaskStyle.GAUSSIAN, Box(-152, 0, 48, 96))
    # Sigma is 60 px: over the 48 px that are seen, hardly any slope is left of the edge.
    assert np.ptp(clean.y[48].astype(int)) < 70


@pytest.mark.parametrize("style", STYLES)
@given(share=st.floats(0.01, 0.5), left=st.integers(-40, 120), top=st.integers(-40, 100))
def test_a_feather_changes_nothing_under_any_mask(style: MaskStyle, share: float, left: int, top: int) -> None:
    masks = [face(1, Box(left, top, left + 40, top + 50)), face(2, Box(50, 20, 90, 70))]
    hard, drawn = Masker(style, seed=1).masked(noisy(), masks, 0.0)
    soft, same = Masker(style, seed=1, feather=share).masked(noisy(), masks, 0.0)
    assert drawn == same
    for mask in drawn:
        x0, y0, x1, y1 = (int(each) for each in (mask.box.x0, mask.box.y0, mask.box.x1, mask.box.y1))
        assert (hard.y[y0:y1, x0:x1] == soft.y[y0:y1, x0:x1]).all()
        chroma = (slice(y0 // 2, (y1 + 1) // 2), slice(x0 // 2, (x1 + 1) // 2))
        assert (hard.u[chroma] == soft.u[chroma]).all()
        assert (hard.v[chroma] == soft.v[chroma]).all()


def test_a_feather_fades_from_the_mask_to_the_picture_and_ends_there() -> None:
    bright = Picture.blank(200, 200, 200)
    clean, _ = Masker(MaskStyle.SOLID, feather=0.25).masked(bright, [face(1, Box(60, 60, 140, 160))], 0.0)
    row = clean.y[100].astype(int)
    assert (row[60:140] == MASK_LUMA).all()
    assert (np.diff(row[140:161]) > 0).all()
    assert (np.diff(row[39:60]) < 0).all()
    assert (row[160:] == 200).all()
    assert (row[:40] == 200).all()
    assert (np.diff(clean.y[160:181, 100].astype(int)) > 0).all()
    assert clean.y[165, 145] > clean.y[165, 139]


class InTheMiddle:
    """A detector that is sure of one face."""

    name = "middle"

    def detect(self, picture: Picture) -> list[Detection]:
        return [Detection(Box(80, 80, 120, 130), 0.9)]

    def close(self) -> None:
        return


def test_the_feather_of_the_settings_is_drawn_and_is_no_part_of_the_mask() -> None:
    widths = []
    for share in (0.0, 0.3):
        faces = FaceDeidentifier(FaceSettings(feather=share, lookback_s=0.0), InTheMiddle)
        (clean,) = faces.push(RawFrame(0.0, 0, Picture.blank(200, 220, 200)))
        faces.close()
        assert clean.masked[0].box.width == pytest.approx(56, abs=2)
        widths.append(int((clean.picture.y[105] < 200).sum()))
    assert widths[1] > widths[0] + 20


numbers = st.floats(-300, 300) | st.sampled_from([math.nan, math.inf, -math.inf, 1e30, 0.0])


@settings(max_examples=60)
@given(st.lists(st.builds(Box, numbers, numbers, numbers, numbers), max_size=5), st.sampled_from(STYLES), st.booleans())
def test_no_box_whatever_makes_the_drawing_fail(boxes: list[Box], style: MaskStyle, feathered: bool) -> None:
    picture = noisy(33, 21)
    masks = [face(*item) for item in enumerate(boxes)]
    if feathered:
        Masker(style, seed=1, feather=0.5).masked(picture, masks, 0.0)
    clean, drawn = draw(picture, style, *boxes)
    covered = np.zeros(picture.y.shape, bool)
    for box in drawn:
        covered[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    assert (clean.y[~covered] == picture.y[~covered]).all()
