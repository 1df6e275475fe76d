"""Windows for skeleton models: joints, resampling, normalisation and layouts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.nfbl.landmarks import Points
from streams.nfbl.skeletons.joints import JOINTS as ALL_JOINTS
from streams.nfbl.skeletons.joints import gathered
from streams.nfbl.skeletons.manifest import InputPart, Layout
from streams.nfbl.skeletons.windows import GAP_S, laid_out, normalised, resampled
from tests.made_body import made_body, made_features
from tests.made_skeleton import made_manifest

pytestmark = pytest.mark.unit


def test_joints_are_the_watched_persons_and_unsure_ones_are_missing() -> None:
    features = made_features(made_body(0.0, right_hand=(300.0, 150.0), mesh=True))
    names = ("nose", "left_ankle", "right_hand_wrist", "left_hand_wrist", "mesh_10", "mid_shoulders")
    points, seen = gathered(features, names, least_score=0.5)
    assert seen.tolist() == [True, False, True, False, True, True]
    body = features.body
    assert body.pose is not None
    assert body.mesh is not None
    assert points[0, :2] == pytest.approx(body.pose[0, :2])
    assert points[2, :2] == pytest.approx(features.hands[0].points[0])
    assert points[4, :2] == pytest.approx(body.mesh[10])
    assert points[5, :2] == pytest.approx(body.pose[11:13, :2].mean(axis=0))
    assert not points[~seen].any()


def test_every_joint_has_one_place() -> None:
    assert sorted(ALL_JOINTS.values()) == list(range(33 + 2 * 21 + 468 + 2))


@given(
    st.lists(st.floats(0.02, GAP_S), min_size=1, max_size=30),
    st.floats(-50, 50),
    st.floats(-500, 500),
    st.floats(1, 60),
)
def test_resampling_a_straight_line_is_exact_and_makes_up_nothing(
    steps: list[float], speed: float, start: float, rate_hz: float
) -> None:
    t_s = np.cumsum([0.0, *steps])
    points = np.zeros((t_s.size, 1, 3), np.float32)
    points[:, 0, 0] = start + speed * t_s
    at_s = t_s[-1] - np.arange(20) / rate_hz
    values, seen = resampled(points, t_s, np.ones((t_s.size, 1), np.bool_), at_s)
    assert seen[:, 0].tolist() == [bool(at >= t_s[0] - 1e-6) for at in at_s]
    assert values[seen[:, 0], 0, 0] == pytest.approx(start + speed * at_s[seen[:, 0]], abs=1e-3)
    assert not values[~seen].any()


def test_a_joint_that_was_away_too_long_is_missing_between_its_sightings() -> None:
    t_s = np.array([0.0, 0.1, 0.2, 0.4, 0.8, 0.9])
    points = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 1, 3), np.float32)
    at_s = np.array([-0.1, 0.0, 0.15, 0.3, 0.4, 0.6, 0.8, 0.9, 1.0])
    values, seen = resampled(points, t_s, np.ones((6, 1), np.bool_), at_s)
    assert seen[:, 0].tolist() == [False, True, True, True, True, False, True, True, False]
    assert values[:, 0, 0].tolist() == pytest.approx([0, 0, 1.5, 2.5, 3, 0, 4, 5, 0])


def form(**changes: object) -> InputPart:
    manifest = made_manifest("0" * 64, **{f"input__{key}": value for key, value in changes.items()})
    return InputPart.model_validate(manifest["input"])


def trunk(frames: int = 5) -> Points:
    """Left shoulder, right shoulder, nose and a hand; all move right by 10 px a frame."""
    still = np.array([[400, 200, 1], [200, 200, 1], [300, 100, 1], [300, 300, 1]], np.float32)
    moved = np.repeat(still[None], frames, axis=0)
    moved[:, :, 0] += 10 * np.arange(frames, dtype=np.float32)[:, None]
    return moved


@pytest.mark.parametrize(
    ("changes", "hand"),
    [
        ({}, (0.0, 0.5)),
        ({"centre": "nose"}, (0.0, 1.0)),
        ({"centre": "picture", "scale": "half-picture"}, (0.0, 2 / 3)),
        ({"centre": "picture", "scale": "picture"}, (0.0, 1 / 3)),
        ({"centre": "none", "scale": "none"}, (320.0, 300.0)),
    ],
)
def test_windows_are_moved_and_scaled_as_declared(changes: dict[str, object], hand: tuple[float, float]) -> None:
    placed = normalised(trunk(), np.ones((5, 4), np.bool_), form(**changes), anchors=[0, 1, 2], size_px=(640, 360))
    assert placed is not None
    assert placed[2, 3].tolist() == pytest.approx([*hand, 1.0])


def test_the_windows_centre_lets_the_trunk_move_and_the_frames_does_not() -> None:
    seen = np.ones((5, 4), np.bool_)
    window = normalised(trunk(), seen, form(), anchors=[0, 1, 2], size_px=(640, 360))
    frame = normalised(trunk(), seen, form(centre_over="frame"), anchors=[0, 1, 2], size_px=(640, 360))
    assert window is not None
    assert frame is not None
    assert window[:, 3, 0].tolist() == pytest.approx([-0.1, -0.05, 0, 0.05, 0.1])
    assert frame[:, 3, 0].tolist() == pytest.approx([0.0] * 5)


def test_nothing_is_normalised_by_shoulders_that_were_not_seen() -> None:
    seen = np.ones((5, 4), np.bool_)
    seen[:, 0] = False
    assert normalised(trunk(), seen, form(), anchors=[0, 1, 2], size_px=(640, 360)) is None


@pytest.mark.parametrize(
    ("layout", "people", "shape"),
    [
        (Layout.NCTV, 1, (1, 3, 5, 4)),
        (Layout.NTVC, 1, (1, 5, 4, 3)),
        (Layout.NCTVM, 2, (1, 3, 5, 4, 2)),
        (Layout.NMTVC, 2, (1, 2, 5, 4, 3)),
    ],
)
def test_layouts_put_every_number_where_they_say(layout: Layout, people: int, shape: tuple[int, ...]) -> None:
    window = np.arange(60, dtype=np.float32).reshape(5, 4, 3)
    out = laid_out(window, layout, people)
    assert out.shape == shape
    axes = {axis: place for place, axis in enumerate(layout)}
    for t, v, c in np.ndindex(5, 4, 3):
        index = [0] * len(shape)
        index[axes["T"]], index[axes["V"]], index[axes["C"]] = t, v, c
        assert out[tuple(index)] == window[t, v, c]
    assert out.sum() == window.sum()
