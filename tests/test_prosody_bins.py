from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import HorizonLimits
from buffers.prosody import ProsodyStore, ProsodySum
from buffers.records import Prosody

pytestmark = pytest.mark.unit


def block(t_s: float, speech: float = 1.0, pitch: float | None = 0.0, level: float | None = 0.0) -> Prosody:
    return Prosody(t_s=t_s, duration_s=0.1, speech=speech, pitch_st=pitch, intensity_db=level)


def store(*blocks: Prosody, dense_s: float = 120.0, bins: int = 1024) -> ProsodyStore:
    kept = ProsodyStore(HorizonLimits(dense_s=dense_s, session_bins=bins))
    for one in blocks:
        kept.add(one)
    return kept


def test_a_bin_says_how_long_was_heard_and_how_much_of_it_was_speech() -> None:
    (found,) = store(block(3.0, speech=1.0), block(3.1, speech=0.5), block(3.2, speech=0.0)).bins(0, 10)
    assert (found.t_s, found.duration_s) == (3.0, 1.0)
    assert found.observed_s == pytest.approx(0.3)
    assert found.speech_s == pytest.approx(0.15)


def test_means_are_weighted_by_speech() -> None:
    (found,) = store(block(0.0, 1.0, pitch=2.0, level=-3.0), block(0.1, 0.5, pitch=-1.0, level=0.0)).bins(0, 1)
    assert found.pitch_st == pytest.approx(1.0)
    assert found.intensity_db == pytest.approx(-2.0)


def test_without_speech_there_is_neither_pitch_nor_level() -> None:
    (found,) = store(block(0.0, 0.0, pitch=5.0, level=1.0), block(0.1, 0.0, None, None)).bins(0, 1)
    assert (found.pitch_st, found.pitch_spread_st, found.intensity_db) == (None, None, None)


def test_one_voiced_block_has_a_pitch_and_no_spread() -> None:
    (found,) = store(block(0.0, pitch=4.0), block(0.1, pitch=None)).bins(0, 1)
    assert (found.pitch_st, found.pitch_spread_st) == (4.0, None)


def test_a_window_without_prosody_has_no_bins() -> None:
    assert store().bins(0, 10) == ()
    assert store().total(0, 10) == ProsodySum()


@given(st.lists(st.floats(-24, 24), min_size=2, max_size=100))
def test_spread_is_the_standard_deviation_whatever_bins_were_merged(pitches: list[float]) -> None:
    kept = store(*(block(i * 0.7, pitch=p) for i, p in enumerate(pitches)), dense_s=5.0, bins=4)
    spread = kept.total(-1.0, 1000.0).pitch_spread_st
    assert spread == pytest.approx(statistics.pstdev(pitches), abs=1e-4)


def test_memory_does_not_grow_with_the_session_and_nothing_is_lost_from_the_whole() -> None:
    kept = store(*(block(i * 1.0) for i in range(5000)), dense_s=30.0, bins=64)
    assert len(kept.bins(0, 5000)) <= 64
    assert kept.total(0, 5000).observed_s == pytest.approx(500.0)
    assert kept.nbytes <= (64 + 34) * 350
    assert {found.duration_s for found in kept.bins(4980, 5000)} == {1.0}
