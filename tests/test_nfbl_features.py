"""Features of made bodies: whose pose and hands they are, and a face frame that outlives a hand over it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.rules import rules
from streams.nfbl.features.build import FeatureBuilder
from streams.nfbl.features.steady import OneEuro
from streams.nfbl.features.types import FaceSource, Features
from streams.nfbl.landmarks import Body
from tests.made_body import FACE, HALF_WIDTH, Place, built, made_body, made_mesh, scaled, sides

pytestmark = pytest.mark.unit

SW = 128.0
"""Shoulder width of the made body in pixels."""

CHEEK: Place = (340.0, 130.0)
LAP: Place = (280.0, 300.0)


def ticking(t_s: float) -> bool:
    return round(t_s * 10) % 2 == 0


def test_the_face_frame_is_where_and_as_large_as_the_face() -> None:
    features = built(made_body)[-1]
    face = features.face
    assert face is not None
    assert face.source is FaceSource.MESH
    assert face.origin == pytest.approx(FACE[:2], abs=0.1)
    assert face.height_px == pytest.approx(FACE[2], rel=1e-3)
    assert face.half_width == pytest.approx(HALF_WIDTH, abs=0.01)
    chin = face.uv(np.asarray([[320, 110 + 0.58 * 80]], np.float32))
    assert chin[0] == pytest.approx((0, 0.58), abs=1e-3)
    assert features.mesh_lost_s == 0
    assert features.speaking == 0.5


@pytest.mark.parametrize("roll_deg", [-40.0, 0.0, 30.0])
def test_the_face_frame_turns_with_the_head(roll_deg: float) -> None:
    face = built(lambda t_s: made_body(t_s, roll_deg=roll_deg))[-1].face
    assert face is not None
    assert math.degrees(math.atan2(face.across[1], face.across[0])) == pytest.approx(roll_deg, abs=0.5)
    mesh = made_mesh(roll_deg=roll_deg)
    assert face.uv(mesh[[152]])[0] == pytest.approx((0, 0.58), abs=0.01)
    assert face.uv(mesh[[454]])[0][0] > 0.3


def test_noise_of_the_mesh_is_smoothed_at_rest() -> None:
    noisy = built(lambda t_s: made_body(t_s, noise_px=1.0), seconds=20)
    origins = np.array([each.face.origin for each in noisy if each.face is not None])
    raw = np.array([each.body.mesh[[33, 133, 362, 263]].mean(axis=0) for each in noisy if each.body.mesh is not None])
    assert origins[10:].std(axis=0).max() < 0.85 * raw[10:].std(axis=0).max()


def test_a_moving_head_is_followed_closely() -> None:
    def script(t_s: float) -> Body:
        return made_body(t_s, face=(200 + 80 * t_s, 110, 80))

    for features in built(script, 3)[5:]:
        assert features.face is not None
        assert features.face.origin[0] == pytest.approx(200 + 80 * features.t_s, abs=0.1 * 80)


def test_a_lost_mesh_is_held_then_rebuilt_from_the_pose_then_unknown() -> None:
    def script(t_s: float) -> Body:
        return made_body(t_s, mesh=t_s < 1, looked_at=ticking(t_s), pose=t_s < 4)

    features = built(script, 6)
    sources = [each.face and each.face.source for each in features]
    assert sources[:10] == [FaceSource.MESH] * 10
    assert sources[10:19] == [FaceSource.HELD] * 9
    assert sources[20:40] == [FaceSource.POSE] * 20
    assert sources[43:] == [None] * 17
    assert features[29].mesh_lost_s == pytest.approx(2.0)
    assert [each.pitch_deg is None for each in features] == [each.mesh_lost_s > 0 for each in features]
    rebuilt = features[39].face
    assert rebuilt is not None
    assert rebuilt.origin == pytest.approx(FACE[:2], abs=1.0)
    assert rebuilt.height_px == pytest.approx(FACE[2], rel=0.02)
    assert rebuilt.half_width == pytest.approx(HALF_WIDTH, abs=0.03)


@pytest.mark.parametrize(("stretched", "height"), [(0.1, SW / 2.2), (1.0, 80.0), (3.0, SW / 1.25)])
def test_a_face_known_by_the_pose_alone_fits_its_shoulders(stretched: float, height: float) -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s, mesh=False)
        if body.pose is not None:
            body.pose[[9, 10], 1] = 110 + stretched * 0.37 * 80
        return body

    face = built(script)[-1].face
    assert face is not None
    assert face.height_px == pytest.approx(height, rel=1e-3)
    assert face.source is FaceSource.POSE


def test_a_held_face_moves_with_the_body() -> None:
    def script(t_s: float) -> Body:
        x = 320 + 100 * max(0.0, t_s - 1)
        return made_body(t_s, face=(x, 110, 80), mesh=t_s < 1.05, box=t_s < 1.05)

    held = built(script, 1.9)[-1].face
    assert held is not None
    assert held.source is FaceSource.HELD
    assert held.origin[0] == pytest.approx(320 + 80, abs=12)


def test_a_nose_that_strays_under_the_hand_does_not_take_the_held_face_along() -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s, mesh=t_s < 1)
        if t_s >= 1 and body.pose is not None:
            body.pose[:11, :2] += (70, 10)
        return body

    held = built(script, 1.8)[-1].face
    assert held is not None
    assert held.origin == pytest.approx(FACE[:2], abs=1.0)


def test_a_mesh_pressed_out_of_shape_by_a_hand_is_not_believed() -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s)
        pressed = 1.0 <= t_s < 1.7
        return replace(body, mesh=made_mesh((330, 90, 50)), face=None) if pressed else body

    features = built(script, 3)
    assert [each.face and each.face.source for each in features[10:17]] == [FaceSource.HELD] * 7
    assert all(each.face is not None and each.face.height_px == pytest.approx(80, rel=0.02) for each in features)
    assert features[16].mesh_lost_s == pytest.approx(0.7)
    assert features[17].mesh_lost_s == 0


def test_a_mesh_that_keeps_to_its_new_size_is_believed_in_the_end() -> None:
    features = built(lambda t_s: made_body(t_s, face=FACE if t_s < 1 else (320, 110, 50), shoulders=(320, 198, SW)), 4)
    face = features[-1].face
    assert face is not None
    assert (face.source, round(face.height_px)) == (FaceSource.MESH, 50)


def test_who_leans_in_is_believed_all_the_way() -> None:
    features = built(lambda t_s: made_body(t_s, face=(320, 110, 60 + 40 * t_s)), 2)
    assert all(each.mesh_lost_s == 0 for each in features)


def test_a_mesh_of_another_face_is_not_taken() -> None:
    def script(t_s: float) -> Body:
        return replace(made_body(t_s), mesh=made_mesh((520, 110, 80)))

    assert all(each.mesh_lost_s == each.t_s for each in built(script))
    assert built(script)[-1].face is not None


def test_raising_the_head_raises_the_pitch() -> None:
    def pitch(nod: float) -> float:
        value = built(lambda t_s: made_body(t_s, nod=nod))[-1].pitch_deg
        assert value is not None
        return value

    level = pitch(0.0)
    assert pitch(-0.08) > level + 15
    assert pitch(0.08) < level - 10


def test_the_shoulder_width_is_slow_and_turning_does_not_stretch_it() -> None:
    def script(t_s: float) -> Body:
        turned = 0.5 if t_s > 4 else 1.0
        return made_body(t_s, shoulders=(320, 198, SW * turned))

    features = built(script, 12)
    widths = [each.torso.width_px for each in features if each.torso is not None]
    assert widths[45] == pytest.approx(SW, rel=1e-3)
    assert widths[-1] == pytest.approx(1.25 * FACE[2], rel=0.01)


def test_the_torso_is_carried_from_pose_to_pose_and_no_longer() -> None:
    features = built(lambda t_s: made_body(t_s, looked_at=ticking(t_s) and t_s < 1), 2)
    news = [each.torso is not None and each.torso.new for each in features]
    assert news == [ticking(each.t_s) and each.t_s < 1 for each in features]
    assert [each.torso is not None for each in features] == [each.t_s <= 1.15 for each in features]
    carried = features[1].torso
    assert carried is not None
    assert carried.seen_s == 0


def test_shoulders_that_are_not_seen_make_no_torso() -> None:
    def script(t_s: float) -> Body:
        body = made_body(t_s)
        if body.pose is not None:
            body.pose[12, 2] = 0.3
        return body

    assert built(script)[-1].torso is None


def test_hips_out_of_the_picture_are_not_told() -> None:
    torso = built(made_body)[-1].torso
    assert torso is not None
    assert torso.hips == (None, None)
    torso = built(lambda t_s: made_body(t_s, face=(320, 60, 50)))[-1].torso
    assert torso is not None
    assert torso.hips[0] is not None
    assert torso.hips[0][0] > 320


def test_another_persons_pose_is_refused() -> None:
    other = made_body(0.0, face=(470, 110, 80)).pose

    def script(t_s: float) -> Body:
        return replace(made_body(t_s), pose=other) if t_s >= 1 else made_body(t_s)

    features = built(script)
    assert features[9].torso is not None
    assert all(each.torso is None or not each.torso.new for each in features[10:])
    assert features[-1].torso is None


def test_another_persons_pose_is_refused_while_the_face_is_hidden() -> None:
    other = made_body(0.0, face=(470, 110, 80)).pose

    def script(t_s: float) -> Body:
        hidden = made_body(t_s, mesh=False, box=False)
        return replace(hidden, pose=other) if t_s >= 1 else made_body(t_s)

    assert all(each.torso is None or not each.torso.new for each in built(script)[10:18])


@pytest.mark.parametrize("rate_hz", [5.0, 7.5, 10.0, 15.0])
def test_speed_is_that_of_the_hand_against_the_face_at_any_rate(rate_hz: float) -> None:
    def script(t_s: float) -> Body:
        # The head sways with the body: only what the hand moves against it counts.
        x = 320 + 10 * t_s
        return made_body(t_s, face=(x, 110, 80), right_hand=(x - 120 + 80 * t_s, 230))

    speeds = [hand.speed for each in built(script, 1.5, rate_hz)[4:] for hand in each.hands]
    assert speeds == [pytest.approx(1.0, abs=0.06)] * len(speeds)


def test_noise_alone_is_slow() -> None:
    features = built(lambda t_s: made_body(t_s, left_hand=CHEEK, noise_px=1.5), 20)
    speeds = [hand.speed for each in features for hand in each.hands if hand.speed is not None]
    assert np.median(speeds) < 0.2
    assert max(speeds) < 0.5


def gesture(t_s: float) -> Body:
    """A hand that goes to the cheek and back while the head sways, a mesh that comes and goes."""
    x = 320 + 20 * math.sin(t_s)
    hand = (x + 20 + 60 * math.cos(2 * t_s), 160 + 60 * math.sin(2 * t_s))
    return made_body(
        t_s,
        face=(x, 110, 80),
        left_hand=hand,
        right_hand=LAP,
        mesh=not 1 < t_s < 1.6,
        looked_at=ticking(t_s),
        nod=0.02 * math.sin(3 * t_s),
    )


def numbers(features: Features, unit: float) -> list[float]:
    """All numbers of a tick, lengths in pixels divided by `unit`."""
    face, torso = features.face, features.torso
    values = [features.pitch_deg or 0.0, features.mesh_lost_s]
    if face is not None:
        values += [*(face.origin / unit), *face.down, face.height_px / unit, face.half_width]
    if torso is not None:
        values += [*(torso.middle / unit), *(torso.nose / unit), torso.width_px / unit]
    for hand in features.hands:
        values += [hand.size, hand.speed or 0.0, *(hand.points.ravel() / unit)]
    return [float(value) for value in values]


def test_features_are_the_same_in_a_picture_of_twice_the_size() -> None:
    small = built(gesture, 4)
    large = built(lambda t_s: scaled(gesture(t_s), 2.0), 4)
    for one, two in zip(small, large, strict=True):
        assert sides(one) == sides(two)
        assert numbers(one, FACE[2]) == pytest.approx(numbers(two, 2 * FACE[2]), abs=1e-3)


def test_another_person_is_a_new_beginning() -> None:
    builder = FeatureBuilder(rules())
    for place in range(10):
        builder.build(made_body(place / 10), None)
    other = builder.build(made_body(1.0, face=(200, 100, 40), person=2), None)
    assert other.face is not None
    assert other.face.height_px == pytest.approx(40, rel=1e-3)
    assert other.torso is not None
    assert other.torso.width_px == pytest.approx(64, rel=1e-3)
    earlier = builder.build(made_body(0.5, person=2, mesh=False, pose=False), None)
    assert (earlier.face, earlier.torso, earlier.mesh_lost_s) == (None, None, 0)


def test_a_fresh_view_of_the_same_person_is_no_new_beginning() -> None:
    features = built(lambda t_s: made_body(t_s, mesh=t_s < 1, fresh=t_s == 1.0), 1.5)
    assert features[-1].face is not None
    assert features[-1].face.source is FaceSource.HELD


@given(
    st.lists(
        st.tuples(
            st.floats(0.001, 2.0), st.booleans(), st.booleans(), st.booleans(), st.floats(-400, 1000), st.floats(5, 500)
        ),
        max_size=30,
    )
)
def test_whatever_comes_features_are_finite_and_no_side_is_there_twice(
    ticks: list[tuple[float, bool, bool, bool, float, float]],
) -> None:
    builder, t_s = FeatureBuilder(rules()), 0.0
    for elapsed_s, mesh, pose, box, x, height in ticks:
        t_s += elapsed_s
        hand = (x + 20, 200.0)
        body = made_body(t_s, face=(x, 110, height), mesh=mesh, pose=pose, box=box, left_hand=hand, right_hand=hand)
        features = builder.build(body, None)
        assert np.isfinite(numbers(features, 1.0)).all()
        assert len(set(sides(features))) == len(features.hands) <= 2


def test_points_that_are_not_numbers_are_nobodys() -> None:
    body = made_body(0.0, left_hand=CHEEK)
    for points in (body.mesh, body.pose, body.hands[0].points):
        assert points is not None
        points[3] = math.nan
    features = FeatureBuilder(rules()).build(body, None)
    assert (features.face, features.torso, features.hands) == (None, None, ())


def test_the_filter_leaves_a_constant_alone_and_begins_anew_after_a_pause() -> None:
    steady = OneEuro(1.5, 3.0)
    for place in range(20):
        assert steady.step(place / 10, np.array((5.0,)))[0] == 5.0
    assert steady.step(10.0, np.array((9.0,)))[0] == 9.0
    assert 9.0 < steady.step(10.1, np.array((10.0,)))[0] < 10.0
    steady.reset()
    assert steady.step(10.2, np.array((1.0,)))[0] == 1.0
