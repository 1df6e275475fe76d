from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from buffers.records import Box
from configs.errors import ModelUnavailable
from streams.nfbl.engine.mesh import (
    EYES,
    SIDE_PX,
    MeshFollower,
    MeshNetwork,
    Square,
    square_of_box,
    square_of_mesh,
    square_of_pose,
)
from streams.nfbl.landmarks import MESH_POINTS, POSE_POINTS, Points

pytestmark = pytest.mark.unit

RGB = np.zeros((360, 640, 3), np.uint8)
FACE = Box(100, 100, 180, 200)
EYE_MOUTH = 0.37

places = st.floats(-500, 500)
angles = st.floats(-3.0, 3.0)


def mesh_around(square: Square) -> Points:
    """A mesh whose own square is the given one, near enough."""
    mesh = np.full((MESH_POINTS, 2), (square.x, square.y), np.float32)
    half = square.side_px / 3
    mesh[0], mesh[1] = (square.x - half, square.y - half), (square.x + half, square.y + half)
    across = np.array([math.cos(square.angle_rad), math.sin(square.angle_rad)]) * square.side_px / 6
    mesh[EYES[0]] -= across.astype(np.float32)
    mesh[EYES[1]] += across.astype(np.float32)
    return mesh


def pose_with_face(x: float, y: float, height: float, *, visible: float = 1.0) -> Points:
    pose = np.zeros((POSE_POINTS, 3), np.float32)
    pose[:, 2] = visible
    eye, mouth = y - 0.1 * height, y + (EYE_MOUTH - 0.1) * height
    for point, (px, py) in {
        5: (x - 0.2 * height, eye),
        2: (x + 0.2 * height, eye),
        10: (x - 0.1 * height, mouth),
        9: (x + 0.1 * height, mouth),
    }.items():
        pose[point, :2] = px, py
    return pose


class Seen:
    """In the network's place: a face at some places, found where the square is laid over it."""

    def __init__(self, *faces: tuple[float, float]) -> None:
        self.faces = faces
        self.looked: list[Square] = []

    def look(self, rgb: NDArray[np.uint8], square: Square) -> tuple[Points, float]:
        self.looked.append(square)
        for x, y in self.faces:
            if math.hypot(square.x - x, square.y - y) < square.side_px / 3:
                return mesh_around(Square(x, y, 120, 0.1)), 0.9
        return mesh_around(square), 0.2


def follower(seen: Seen) -> MeshFollower:
    return MeshFollower(seen, least_score=0.5, eye_mouth=EYE_MOUTH)  # type: ignore[arg-type]


@given(places, places, st.floats(1, 500), angles)
def test_a_square_maps_its_middle_and_keeps_its_size(x: float, y: float, side: float, angle: float) -> None:
    to_picture = Square(x, y, side, angle).to_picture()
    ends = np.array([[SIDE_PX / 2, SIDE_PX / 2, 1], [0, 0, 1], [SIDE_PX, 0, 1]]) @ to_picture.T
    assert np.allclose(ends[0], (x, y))
    top = ends[2] - ends[1]
    assert math.hypot(*top) == pytest.approx(side)
    assert np.allclose(top / side, (math.cos(angle), math.sin(angle)))


@given(places, places, st.floats(1, 500), angles)
def test_the_square_of_a_mesh_follows_its_middle_size_and_eyes(x: float, y: float, side: float, angle: float) -> None:
    found = square_of_mesh(mesh_around(Square(x, y, side, angle)))
    assert (found.x, found.y) == pytest.approx((x, y), abs=0.1)
    assert found.side_px == pytest.approx(side, rel=0.01, abs=0.1)
    assert found.angle_rad == pytest.approx(angle, abs=0.01)


def test_the_square_of_a_pose_is_that_of_its_face() -> None:
    found = square_of_pose(pose_with_face(300, 200, 100), EYE_MOUTH)
    assert found is not None
    assert (found.x, found.y, found.side_px) == pytest.approx((300, 200, 150), rel=0.01)
    assert found.angle_rad == pytest.approx(0)


def test_a_pose_that_does_not_see_the_face_lays_no_square() -> None:
    assert square_of_pose(pose_with_face(300, 200, 100, visible=0.3), EYE_MOUTH) is None
    assert square_of_pose(np.ones((POSE_POINTS, 3), np.float32), EYE_MOUTH) is None


def test_a_face_is_found_by_its_box_and_then_where_it_was() -> None:
    seen = Seen((140, 150))
    mesh = follower(seen)
    assert mesh.follow(RGB, FACE, None)[0] is not None
    assert seen.looked == [square_of_box(FACE)]
    points, score = mesh.follow(RGB, None, None)
    assert points is not None
    assert score == 0.9
    assert len(seen.looked) == 2


def test_the_box_is_asked_in_the_same_view_when_the_face_has_moved() -> None:
    seen = Seen((150, 150))
    mesh = follower(seen)
    mesh.follow(RGB, FACE, None)
    seen.faces = ((230, 150),)
    points, _ = mesh.follow(RGB, Box(140, 100, 320, 200), None)
    assert points is not None
    assert len(seen.looked) == 3


def test_a_mesh_that_strayed_to_another_face_is_not_followed() -> None:
    seen = Seen((140, 150), (400, 150))
    mesh = follower(seen)
    mesh.follow(RGB, FACE, None)
    points, _ = mesh.follow(RGB, Box(360, 100, 440, 200), None)
    assert points is not None
    assert square_of_mesh(points).x == pytest.approx(400, abs=1)


def test_a_pose_says_where_the_face_is_when_no_box_does() -> None:
    seen = Seen((300, 200))
    points, _ = follower(seen).follow(RGB, None, pose_with_face(300, 200, 100))
    assert points is not None


def test_nothing_is_looked_at_where_nobody_says_where_a_face_is() -> None:
    seen = Seen((140, 150))
    mesh = follower(seen)
    assert mesh.follow(RGB, None, None) == (None, 0.0)
    mesh.follow(RGB, FACE, None)
    mesh.forget()
    assert mesh.follow(RGB, None, None) == (None, 0.0)
    assert len(seen.looked) == 1


def test_a_presence_below_the_least_is_no_mesh_and_is_told() -> None:
    assert follower(Seen()).follow(RGB, FACE, None) == (None, 0.2)


def test_a_file_that_is_no_network_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "mesh.tflite"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelUnavailable, match="fetch the models again"):
        MeshNetwork(path)
