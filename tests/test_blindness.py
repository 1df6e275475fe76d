from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import NFBL_GROUPS, Group, NfblWatch
from monitor.blindness import LEAST_S, LONGEST_S, Blindness

pytestmark = pytest.mark.unit

HANDS = ((Group.HANDS, "out of view"),)


def spans(*watches: NfblWatch) -> list[tuple[Group, float, float, str]]:
    blindness = Blindness()
    told = [record for watch in watches for record in blindness.take(watch)]
    return [(each.group, each.start_s, each.end_s, each.reason) for each in (*told, *blindness.finish())]


def test_what_follows_upon_another_for_the_same_reason_is_one_span() -> None:
    assert spans(NfblWatch(0, 1, HANDS), NfblWatch(1, 2, HANDS), NfblWatch(2, 3, ())) == [
        (Group.HANDS, 0, 2, "out of view")
    ]


def test_another_reason_is_another_span() -> None:
    assert spans(NfblWatch(0, 1, HANDS), NfblWatch(1, 2, ((Group.HANDS, "engine lost"),))) == [
        (Group.HANDS, 0, 1, "out of view"),
        (Group.HANDS, 1, 2, "engine lost"),
    ]


def test_a_blink_is_not_told() -> None:
    assert spans(NfblWatch(0, LEAST_S / 2, HANDS), NfblWatch(LEAST_S / 2, 3, ())) == []


def test_time_of_which_nobody_told_is_in_no_span() -> None:
    assert spans(NfblWatch(0, 1, HANDS), NfblWatch(5, 6, HANDS)) == [
        (Group.HANDS, 0, 1, "out of view"),
        (Group.HANDS, 5, 6, "out of view"),
    ]


@given(st.lists(st.tuples(st.sampled_from([0.25, 1.0, 7.0, 40.0]), st.sets(st.sampled_from(NFBL_GROUPS))), max_size=60))
def test_spans_of_a_group_never_overlap_and_hold_no_time_that_was_seen(
    pieces: list[tuple[float, set[Group]]],
) -> None:
    t_s, watches = 0.0, []
    for length_s, blind in pieces:
        watches.append(NfblWatch(t_s, t_s + length_s, tuple((group, "dark") for group in sorted(blind))))
        t_s += length_s
    told = spans(*watches)
    for group in NFBL_GROUPS:
        mine = sorted((start_s, end_s) for which, start_s, end_s, _ in told if which is group)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(mine))
        assert all(LEAST_S <= end_s - start_s <= LONGEST_S + 40.0 for start_s, end_s in mine)
        seen = [(watch.start_s, watch.end_s) for watch in watches if group not in dict(watch.blind)]
        assert all(end_s <= start or end <= start_s for start_s, end_s in mine for start, end in seen)
