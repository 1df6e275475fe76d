"""A source that is away for hours is told in few lines, and each second of it once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Gap, Track
from monitor.gaps import LONGEST_S, Gaps
from monitor.records import GapRecord

pytestmark = pytest.mark.unit


def piece(start_s: float, end_s: float, reason: str = "lost", track: Track = Track.VIDEO) -> Gap:
    return Gap(track, start_s, end_s, reason)


def told_of(*pieces: Gap) -> tuple[list[GapRecord], int]:
    """What is told of these pieces to the end, and how many gaps there were."""
    gaps, told, begun = Gaps(), [], 0
    for one in pieces:
        records, new = gaps.take(one)
        told += records
        begun += new
    return told + gaps.finish(), begun


def spans(told: list[GapRecord]) -> list[tuple[float, float]]:
    return [(record.start_s, record.end_s) for record in told]


def test_pieces_that_follow_upon_another_are_one_gap() -> None:
    told, begun = told_of(piece(1.0, 2.0), piece(2.0, 3.0), piece(3.0, 4.5))
    assert (spans(told), begun) == ([(1.0, 4.5)], 1)


def test_another_reason_is_another_gap() -> None:
    told, begun = told_of(piece(1.0, 2.0), piece(2.0, 3.0, "paused for privacy"))
    assert [(record.start_s, record.reason) for record in told] == [(1.0, "lost"), (2.0, "paused for privacy")]
    assert begun == 2


def test_tracks_grow_beside_each_other() -> None:
    told, begun = told_of(
        piece(1.0, 2.0), piece(1.0, 2.0, track=Track.AUDIO), piece(2.0, 3.0), piece(2.0, 3.0, track=Track.AUDIO)
    )
    assert (spans(told), begun) == ([(1.0, 3.0), (1.0, 3.0)], 2)


def test_a_gap_is_over_when_something_comes() -> None:
    gaps = Gaps()
    gaps.take(piece(1.0, 2.0))
    assert spans(gaps.over(Track.VIDEO)) == [(1.0, 2.0)]
    assert gaps.over(Track.VIDEO) == []
    assert gaps.take(piece(2.0, 3.0)) == ([], True)


def test_hours_are_told_a_minute_at_a_time_and_counted_once() -> None:
    told, begun = told_of(*(piece(float(second), second + 1.0) for second in range(7200)))
    assert begun == 1
    assert len(told) == 7200 / LONGEST_S
    assert spans(told)[0] == (0.0, 60.0)
    assert spans(told)[-1] == (7140.0, 7200.0)


@given(st.lists(st.floats(0.01, 90.0), min_size=1, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_every_second_is_told_once(lengths: list[float], whys: list[bool]) -> None:
    pieces, end_s = [], 0.0
    for length_s, why in zip(lengths, whys, strict=False):
        pieces.append(piece(end_s, end_s + length_s, "lost" if why else "stalled"))
        end_s += length_s
    told, _ = told_of(*pieces)
    assert sum(record.end_s - record.start_s for record in told) == pytest.approx(end_s)
    assert spans(told) == sorted(spans(told))
