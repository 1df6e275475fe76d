"""Whether somebody has been speaking just now: only what had ended by then counts, and little says nothing."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Prosody
from streams.nfbl.speech import KEPT_S, KNOWN_S, SPAN_S, SpeechMemory

pytestmark = pytest.mark.unit

BLOCK_S = 0.1


def block(place: int, speech: float) -> Prosody:
    return Prosody(place * BLOCK_S, BLOCK_S, speech, None, None)


def heard(*speech: float, first: int = 0) -> SpeechMemory:
    """What remembers these blocks of a tenth of a second."""
    memory = SpeechMemory()
    for place, share in enumerate(speech, first):
        memory.add(block(place, share))
    return memory


@pytest.mark.parametrize(
    ("speech", "t_s", "share"),
    [
        ((), 1.0, None),
        ((0.9,) * 5, 0.0, None),
        ((0.9,) * 5, 0.09, None),
        ((0.9,) * 5, 0.1, 1.0),
        ((0.9,) * 5, 0.5, 1.0),
        ((0.5,) * 5, 0.5, 1.0),
        ((0.49,) * 5, 0.5, 0.0),
        ((0.9, 0.9, 0.0, 0.0, 0.0), 0.5, 0.4),
        ((0.9, 0.9, 0.0, 0.0, 0.0), 0.2, 1.0),
        ((0.9, 0.9, 0.0, 0.0, 0.0), 0.75, 0.0),
        ((0.9,) * 5, 0.95, None),
        ((0.9,) * 5, 1.0, None),
        ((0.9,) * 5, 60.0, None),
    ],
)
def test_the_share_of_speech(speech: tuple[float, ...], t_s: float, share: float | None) -> None:
    found = heard(*speech).share(t_s)
    assert found == (None if share is None else pytest.approx(share))


def test_a_block_that_reaches_into_the_span_counts_by_its_part() -> None:
    memory = SpeechMemory()
    memory.add(Prosody(0.0, 0.6, 0.9, None, None))
    memory.add(Prosody(0.6, 0.4, 0.1, None, None))
    assert memory.share(1.0) == pytest.approx(0.1 / SPAN_S)


def test_a_hole_in_the_sound_is_neither_speech_nor_silence() -> None:
    memory = heard(0.9)
    memory.add(block(4, 0.1))
    assert memory.share(0.5) == pytest.approx(0.5)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60), st.integers(0, 60), st.floats(0.0, 6.0))
def test_what_was_heard_later_changes_nothing(speech: list[float], cut: int, t_s: float) -> None:
    known = heard(*speech[:cut]).share(t_s)
    if t_s <= cut * BLOCK_S:
        assert heard(*speech).share(t_s) == known
    assert known is None or 0.0 <= known <= 1.0


def test_the_sound_may_run_ahead_and_is_forgotten_in_the_end() -> None:
    memory = heard(*((0.9,) * round(2 * KEPT_S / BLOCK_S)))
    assert memory.share(KEPT_S + 1.0) == pytest.approx(1.0)
    assert memory.share(KEPT_S - SPAN_S) is None


def test_one_thread_may_tell_while_another_asks() -> None:
    memory = SpeechMemory()
    shares: list[float | None] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            shares.append(memory.share(5.0))

    asking = threading.Thread(target=ask)
    asking.start()
    for place in range(2000):
        memory.add(block(place, 0.9))
    over.set()
    asking.join(10.0)
    assert KNOWN_S < SPAN_S
    assert {share if share is None else round(share, 6) for share in shares} <= {None, 1.0}
