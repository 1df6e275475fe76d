from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings

from buffers.records import Group
from configs.taxonomy import Grade, taxonomy
from streams import nfbl
from streams.nfbl.features.types import FaceSource, Features
from streams.nfbl.landmarks import Hand, Side
from streams.nfbl.scorers.zones import Shape, Zone, memberships, reaches
from streams.nfbl.signals import Family
from tests.made_body import FACE, HALF_WIDTH, made_body, made_features, made_hand, scaled
from tests.made_looks import at, closed, last, looks, top

pytestmark = pytest.mark.unit

PLACES = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.2, 2.2))
POINTING = st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, -0.1))


@st.composite
def _hands(draw: st.DrawFn, side: Side) -> Hand | None:
    if draw(st.integers(0, 4)) == 0:
        return None
    place, pointing = draw(PLACES), draw(POINTING)
    size_px = draw(st.floats(0.2, 1.4)) * FACE[2]
    hand = made_hand(at(*place), side, size_px=size_px, pointing=pointing, score=draw(st.floats(0.5, 1.0)))
    return closed(hand, but=draw(st.lists(st.integers(1, 4), max_size=4))) if draw(st.booleans()) else hand


@st.composite
def _ticks(draw: st.DrawFn) -> list[Features]:
    left, right = draw(_hands(Side.LEFT)), draw(_hands(Side.RIGHT))
    speaking = draw(st.sampled_from([None, 0.0, 1.0]))
    source = draw(st.sampled_from(list(FaceSource)))
    speed = draw(st.one_of(st.none(), st.floats(0.0, 3.0)))
    with_face = draw(st.booleans()) or draw(st.booleans())
    ticks = []
    for number in range(12):
        body = made_body(number / 10, left_hand=left, right_hand=right, mesh=source is FaceSource.MESH, noise_px=0.5)
        features = made_features(
            body, face=FACE if with_face else None, source=source, speeds=(speed, speed), speaking=speaking
        )
        ticks.append(features)
    return ticks


@given(_ticks())
@settings(max_examples=60)
def test_signals_are_of_classes_that_landmarks_show_and_of_their_groups(ticks: list[Features]) -> None:
    for sight in (sight for sights in looks(ticks) for sight in sights):
        keys = [(signal.family, signal.side) for signal in sight.signals]
        assert len(keys) == len(set(keys))
        for signal in sight.signals:
            assert 0.0 < signal.activation <= 1.0
            assert 0.0 <= signal.quality <= 1.0
            assert signal.votes
            for class_id, weight in signal.votes:
                found = taxonomy().find(class_id)
                assert found is not None
                assert found.grade is not Grade.X
                assert found.group == signal.group.value
                assert weight >= 0.0


def test_no_rule_names_a_class_that_landmarks_do_not_show() -> None:
    folder = Path(next(iter(nfbl.__path__))) / "scorers"
    named = {found for path in folder.glob("*.py") for found in re.findall(r'"(N\d+)"', path.read_text("utf-8"))}
    grades = {one.id: one.grade for one in taxonomy().classes}
    assert named
    assert not [class_id for class_id in named if grades[class_id] is Grade.X]


@given(_ticks())
@settings(max_examples=30)
def test_the_size_of_the_picture_does_not_matter(ticks: list[Features]) -> None:
    for small, large in zip(looks(ticks), looks([_enlarged(features) for features in ticks]), strict=True):
        for one, other in zip(small, large, strict=True):
            assert [signal.family for signal in one.signals] == [signal.family for signal in other.signals]
            for signal, again in zip(one.signals, other.signals, strict=True):
                assert signal.activation == pytest.approx(again.activation, abs=1e-3)
                assert dict(signal.votes) == pytest.approx(dict(again.votes), abs=2e-2)
            assert one.blind == other.blind


def _enlarged(features: Features) -> Features:
    face = features.face
    body = scaled(features.body, 2.0)
    again = made_features(
        body,
        face=None if face is None else (2 * FACE[0], 2 * FACE[1], 2 * FACE[2]),
        speaking=features.speaking,
        pitch_deg=features.pitch_deg,
    )
    hands = tuple(replace(hand, speed=before.speed) for hand, before in zip(again.hands, features.hands, strict=True))
    if face is not None and again.face is not None:
        again = replace(again, face=replace(again.face, source=face.source))
    return replace(again, hands=hands)


@given(PLACES, st.floats(0.2, 0.6), st.floats(0.2, 0.6), st.floats(-0.3, 0.3))
def test_a_point_lies_in_zones_by_shares_that_sum_to_one_at_most(
    place: tuple[float, float], left: float, right: float, nose: float
) -> None:
    shape = Shape(min(-left, nose - 0.15), max(right, nose + 0.15), nose, 0.7 * nose, 0.5 * nose)
    shares = memberships(np.array([place], np.float32), shape)
    assert set(shares) == set(Zone)
    assert all(0.0 <= float(share[0]) <= 1.0 for share in shares.values())
    assert sum(float(share[0]) for share in shares.values()) <= 1.0 + 1e-6


@given(PLACES, st.floats(-0.01, 0.01), st.floats(-0.01, 0.01))
@example((0.0, 0.6), 0.01, 0.01)
def test_a_small_step_changes_zones_little(place: tuple[float, float], along: float, down: float) -> None:
    shape = Shape(-HALF_WIDTH, HALF_WIDTH)
    before = memberships(np.array([place], np.float32), shape)
    after = memberships(np.array([(place[0] + along, place[1] + down)], np.float32), shape)
    for zone in Zone:
        assert abs(float(before[zone][0]) - float(after[zone][0])) < 0.35


def test_the_nose_of_a_turned_face_is_where_the_mesh_has_it() -> None:
    body = made_body(0.0)
    assert body.mesh is not None
    mesh = body.mesh.copy()
    mesh[[1, 13], 0] += 0.2 * FACE[2]
    hand = closed(made_hand(at(0.2, 0.2), Side.RIGHT), but=(1,))
    hand = replace(hand, points=hand.points + (np.array(at(0.2, 0.19)) - hand.points[8]).astype(np.float32))
    turned = made_features(replace(made_body(0.0, right_hand=hand), mesh=mesh))
    straight = made_features(made_body(0.0, right_hand=hand))
    assert top(last([turned], Family.TOUCH)) == "N34"
    assert top(last([straight], Family.TOUCH)) == "N7"


def test_no_hand_is_seen_from_a_face_that_is_not_there() -> None:
    assert not reaches(made_features(made_body(0.0, right_hand=at(0.0, 0.2), mesh=False), face=None))


def test_a_person_at_rest_shows_nothing_and_is_seen() -> None:
    for sights in looks([made_features(made_body(number / 10, noise_px=0.3)) for number in range(40)]):
        assert not [signal for sight in sights for signal in sight.signals]
        assert Group.HEAD not in {group for sight in sights for group in sight.blind}
