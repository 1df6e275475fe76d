from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from buffers.picture import Picture
from buffers.records import Box
from streams.nfbl.engine.wire import (
    HEAD,
    MAX_HANDS,
    MAX_SIDE_PX,
    Kind,
    WireError,
    pack_body,
    pack_text,
    pack_view,
    parse_body,
    parse_head,
    parse_text,
    parse_view,
)
from streams.nfbl.landmarks import HAND_POINTS, MESH_POINTS, POSE_POINTS, Body, Hand, Side, View
from tests.made_engine import view_of

pytestmark = pytest.mark.unit

numbers = st.floats(-1e6, 1e6)
counts = st.integers(0, 2**32 - 1)
people = st.integers(-(2**63), 2**63 - 1)
boxes = st.none() | st.builds(Box, numbers, numbers, numbers, numbers)


def points(count: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    return npst.arrays(np.float32, (count, columns), elements=st.floats(-1e4, 1e4, width=32), fill=st.just(0.5))


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return Picture(*(draw(npst.arrays(np.uint8, shape)) for shape in ((height, width), chroma, chroma)))


views = st.builds(
    View, numbers, pictures(), numbers, numbers, numbers, counts, counts, people, boxes, st.booleans(), st.booleans()
)
hands = st.builds(Hand, points(HAND_POINTS, 2), st.sampled_from([Side.LEFT, Side.RIGHT]), numbers)
bodies = st.builds(
    Body,
    numbers,
    counts,
    counts,
    people,
    boxes,
    st.none() | points(POSE_POINTS, 3),
    st.booleans(),
    st.lists(hands, max_size=3).map(tuple),
    st.none() | points(MESH_POINTS, 2),
    numbers,
    st.booleans(),
)


def payload_of(message: bytes, kind: Kind) -> bytes:
    assert parse_head(message[: HEAD.size]) == (kind, len(message) - HEAD.size)
    return message[HEAD.size :]


def plain(value: object) -> object:
    """Whatever can be compared: arrays by type, shape and every bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if dataclasses.is_dataclass(value):
        return tuple(plain(getattr(value, field.name)) for field in dataclasses.fields(value))
    return value


@given(views)
def test_a_view_comes_out_as_it_went_in(view: View) -> None:
    assert plain(parse_view(payload_of(pack_view(view), Kind.VIEW))) == plain(view)


@given(bodies, numbers)
def test_a_body_comes_out_as_it_went_in(body: Body, cpu_s: float) -> None:
    got, got_cpu_s = parse_body(payload_of(pack_body(body, cpu_s), Kind.BODY))
    assert plain(got) == plain(body)
    assert got_cpu_s == cpu_s


@given(st.text(max_size=200))
def test_a_text_comes_out_as_one_line(text: str) -> None:
    payload = payload_of(pack_text(Kind.FAILED, text), Kind.FAILED)
    if payload.decode().isprintable():
        assert parse_text(payload) == " ".join(text.split())
    else:
        with pytest.raises(WireError):
            parse_text(payload)


def test_a_text_that_is_too_long_is_cut_between_letters() -> None:
    payload = payload_of(pack_text(Kind.READY, "ä" + "\N{SNOWMAN}" * 5000), Kind.READY)
    assert set(parse_text(payload)) == {"ä", "\N{SNOWMAN}"}


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    for parse in (parse_head, parse_view, parse_body, parse_text):
        try:
            parse(data)
        except WireError:
            continue


@given(bodies, st.data())
def test_a_torn_or_stretched_body_is_an_error(body: Body, data: st.DataObject) -> None:
    payload = payload_of(pack_body(body, 0.01), Kind.BODY)
    cut = data.draw(st.integers(0, len(payload) - 1))
    for wrong in (payload[:cut], payload + b"\0"):
        with pytest.raises(WireError):
            parse_body(wrong)


@given(views, st.data())
def test_a_torn_or_stretched_view_is_an_error(view: View, data: st.DataObject) -> None:
    payload = payload_of(pack_view(view), Kind.VIEW)
    cut = data.draw(st.integers(0, len(payload) - 1))
    for wrong in (payload[:cut], payload + b"\0"):
        with pytest.raises(WireError):
            parse_view(wrong)


@given(bodies, st.data())
def test_a_body_with_a_wrong_bit_is_a_body_or_an_error(body: Body, data: st.DataObject) -> None:
    payload = bytearray(payload_of(pack_body(body, 0.01), Kind.BODY))
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        got, _ = parse_body(bytes(payload))
    except WireError:
        return
    arrays = [hand.points for hand in got.hands] + [each for each in (got.pose, got.mesh) if each is not None]
    assert all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"EMNL",
        b"XXNL\x01\x00\x00\x00\x00",
        HEAD.pack(b"EMNL", 9, 0),
        HEAD.pack(b"EMNL", Kind.BODY, 2**32 - 1),
        HEAD.pack(b"EMNL", Kind.READY, 5000),
    ],
)
def test_no_message_is_begun_by_anything_else_or_by_an_absurd_length(head: bytes) -> None:
    with pytest.raises(WireError):
        parse_head(head)


def test_what_could_not_be_read_back_is_not_sent() -> None:
    wide = dataclasses.replace(view_of(0.0), picture=Picture.blank(MAX_SIDE_PX + 1, 1))
    hand = Hand(np.zeros((HAND_POINTS, 2), np.float32), Side.LEFT, 0.9)
    body = Body(0.0, 64, 64, 1, None, None, False, (hand,), None, 0.0)
    for view in (
        wide,
        dataclasses.replace(view_of(0.0), t_s=float("nan")),
        dataclasses.replace(view_of(0.0), face=Box(0, 0, float("inf"), 1)),
        dataclasses.replace(view_of(0.0), frame_width_px=-1),
    ):
        with pytest.raises(WireError):
            pack_view(view)
    for wrong in (
        dataclasses.replace(body, hands=(hand,) * (MAX_HANDS + 1)),
        dataclasses.replace(body, hands=(dataclasses.replace(hand, side=Side.BOTH),)),
        dataclasses.replace(body, hands=(dataclasses.replace(hand, points=hand.points * np.float32("nan")),)),
        dataclasses.replace(body, pose=np.zeros((5, 3), np.float32)),
        dataclasses.replace(body, mesh_score=float("nan")),
        dataclasses.replace(body, person=2**70),
    ):
        with pytest.raises(WireError):
            pack_body(wrong, 0.0)
