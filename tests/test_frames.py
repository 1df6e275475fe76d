from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.evidence import HorizonLimits
from buffers.frames import FrameStore, difference, store
from buffers.picture import Picture
from buffers.records import DEIDENTIFIER_SEAL, Box, CleanFrame, MaskState
from tests.made_masks import drawn

pytestmark = pytest.mark.unit


def frame(
    t_s: float,
    luma: int = 100,
    state: MaskState = MaskState.MASKED,
    masked: tuple[Box, ...] = (),
    size: tuple[int, int] = (32, 18),
) -> CleanFrame:
    picture = Picture.blank(*size, luma)
    return CleanFrame(
        t_s=t_s, index=round(t_s * 100), picture=picture, state=state, masked=drawn(*masked), seal=DEIDENTIFIER_SEAL
    )


def kept(*frames: CleanFrame, **limits: float) -> FrameStore:
    frames_kept = FrameStore(HorizonLimits(**limits))  # type: ignore[arg-type]
    for one in frames:
        frames_kept.add(one)
    return frames_kept


def times(frames_kept: FrameStore, start_s: float, end_s: float, count: int = 10_000) -> list[float]:
    return [one.t_s for one in frames_kept.pick(start_s, end_s, count)]


def test_a_stored_frame_is_a_jpeg_of_the_asked_size_with_its_masks_as_shares() -> None:
    rgb = np.zeros((180, 320, 3), np.uint8)
    rgb[:, :160] = (200, 30, 30)
    clean = CleanFrame(
        t_s=1.5,
        index=7,
        picture=Picture.from_rgb(rgb),
        state=MaskState.MASKED,
        masked=drawn(Box(80, 45, 160, 90)),
        seal=DEIDENTIFIER_SEAL,
    )
    one = store(clean, long_side_px=160, jpeg_quality=90)
    image = cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (90, 160, 3)
    assert (one.width_px, one.height_px, one.thumbnail.shape) == (160, 90, (36, 64))
    assert abs(int(image[45, 40, 2]) - 200) < 12
    assert one.masked == (Box(0.25, 0.25, 0.5, 0.5),)
    assert (one.t_s, one.index, one.state) == (1.5, 7, MaskState.MASKED)


def test_a_small_picture_is_never_enlarged() -> None:
    one = store(frame(0.0, size=(30, 50)), long_side_px=448, jpeg_quality=80)
    assert (one.width_px, one.height_px, one.thumbnail.shape) == (30, 50, (50, 30))


@pytest.mark.parametrize("fps", [4.0, 24.0, 25.0, 29.97, 60.0])
def test_frames_are_admitted_at_the_grids_rate_whatever_the_sources(fps: float) -> None:
    frames_kept = kept(*(frame(i / fps) for i in range(round(fps * 20))))
    assert len(times(frames_kept, 0, 20)) == pytest.approx(80, abs=1)


def test_a_source_at_the_grids_own_rate_may_jitter_without_loss() -> None:
    rng = np.random.default_rng(3)
    jittered = [max(0.0, i * 0.25 + float(rng.uniform(-0.1, 0.1))) for i in range(100)]
    assert len(times(kept(*map(frame, jittered)), 0, 30)) == 100


def test_a_frame_that_comes_twice_or_late_is_not_kept() -> None:
    frames_kept = kept(frame(1.0))
    assert not frames_kept.add(frame(1.0))
    assert not frames_kept.add(frame(0.5))


def test_a_window_in_the_dense_part_gets_the_frames_nearest_to_uniform_positions() -> None:
    frames_kept = kept(*(frame(i / 30) for i in range(30 * 40)))
    found = times(frames_kept, 4.0, 36.0, 32)
    assert len(found) == 32
    assert max(abs(t_s - (4.0 + i)) for i, t_s in enumerate(found)) <= 0.125 + 1 / 30


def test_a_window_with_few_frames_gets_each_once() -> None:
    assert times(kept(frame(0.0), frame(1.0), frame(2.0)), 0.0, 3.0, 32) == [0.0, 1.0, 2.0]


def test_a_window_longer_than_the_dense_part_is_cut_from_the_whole_session() -> None:
    frames_kept = kept(*(frame(i / 4) for i in range(4 * 400)), dense_s=30.0, session_frames=64)
    found = times(frames_kept, 0.0, 400.0, 32)
    assert len(found) == 32
    assert max(abs(t_s - 12.5 * i) for i, t_s in enumerate(found)) <= 8.0
    assert len(times(frames_kept, 370.0, 400.0)) == 120


def test_every_visible_frame_speaks_until_the_next_and_at_most_a_second() -> None:
    frames_kept = kept(frame(0.0), frame(0.5), frame(5.0))
    assert frames_kept.shown_s(0.0, 5.0) == pytest.approx(1.5)
    assert frames_kept.shown_s(0.0, 5.25) == pytest.approx(1.75)


def test_a_frame_that_is_masked_whole_is_kept_and_shows_nothing() -> None:
    frames_kept = kept(frame(0.0), frame(0.5, state=MaskState.WHOLE_FRAME), frame(1.0))
    assert times(frames_kept, 0.0, 2.0) == [0.0, 0.5, 1.0]
    assert frames_kept.shown_s(0.0, 2.0) == pytest.approx(1.5)


def test_nothing_is_shown_and_no_movement_measured_across_a_gap() -> None:
    frames_kept = kept(frame(0.0, 100))
    frames_kept.interrupt(0.25)
    frames_kept.add(frame(0.75, 110))
    assert frames_kept.shown_s(0.0, 0.75) == pytest.approx(0.25)
    assert frames_kept.movement(0.0, 2.0) is None


def test_movement_is_the_luma_difference_per_second_on_a_scale_of_one() -> None:
    frames_kept = kept(frame(0.0, 100), frame(0.25, 105), frame(0.5, 100))
    assert frames_kept.movement(0.0, 1.0) == pytest.approx(10 / 255 / 0.5)


def test_one_frame_says_nothing_of_movement() -> None:
    assert kept(frame(0.0)).movement(0.0, 1.0) is None


def test_what_moves_under_a_mask_does_not_count() -> None:
    def half(t_s: float, luma: int, masked: tuple[Box, ...]) -> CleanFrame:
        picture = Picture.blank(64, 36, 100)
        picture.y[:, :32] = luma
        return CleanFrame(
            t_s=t_s, index=0, picture=picture, state=MaskState.MASKED, masked=drawn(*masked), seal=DEIDENTIFIER_SEAL
        )

    covered = Box(-5, -5, 32, 40)
    before, after = (store(half(t_s, luma, (covered,)), 448, 80) for t_s, luma in ((0.0, 100), (0.25, 120)))
    assert difference(before, after) == 0.0
    bare = store(half(0.25, 120, ()), 448, 80)
    assert difference(before, bare) == 0.0
    assert difference(bare, store(half(0.5, 100, ()), 448, 80)) == pytest.approx(10 / 255)


def test_a_cut_another_shape_a_hidden_frame_and_a_nearly_full_mask_are_not_compared() -> None:
    plain = store(frame(0.0, 100), 448, 80)
    others = (
        frame(0.25, 160),
        frame(0.25, 100, size=(18, 32)),
        frame(0.25, 100, MaskState.WHOLE_FRAME),
        frame(0.25, 100, masked=(Box(0, 0, 32, 17.5),)),
    )
    assert [difference(plain, store(other, 448, 80)) for other in others] == [None] * 4


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 20.0), min_size=1, max_size=120), st.integers(2, 16))
def test_the_store_counts_what_it_holds_and_holds_a_bounded_number(steps: list[float], room: int) -> None:
    frames_kept = FrameStore(HorizonLimits(dense_s=10.0, session_frames=room, session_bins=16))
    now_s = 0.0
    for step_s in steps:
        now_s += step_s
        frames_kept.add(frame(now_s))
    held = {
        one.t_s: one
        for one in (*frames_kept.pick(-1.0, now_s + 1, 9999), *frames_kept.pick(now_s - 10, now_s + 1, 9999))
    }
    media = sum(one.nbytes + 600 for one in held.values())
    assert frames_kept.dense_count <= 12 * 4 + 1
    assert len(frames_kept.pick(-1.0, now_s + 1, 9999)) <= max(room, frames_kept.dense_count)
    assert frames_kept.nbytes >= media
    assert frames_kept.nbytes - media <= 300 * (16 + 14) + 160 * 1024
