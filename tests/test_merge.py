from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Track
from streams.merge import Merger

pytestmark = pytest.mark.unit

VIDEO, AUDIO = Track.VIDEO, Track.AUDIO


def test_nothing_leaves_before_the_slower_track_has_passed_it() -> None:
    merger: Merger[str] = Merger([VIDEO, AUDIO])
    merger.put(VIDEO, 0.0, "v0")
    merger.put(VIDEO, 1.0, "v1")
    merger.reach(VIDEO, 1.0)
    assert merger.ready() == []
    merger.put(AUDIO, 0.5, "a0")
    merger.reach(AUDIO, 0.9)
    assert merger.watermark_s == 0.9
    assert merger.ready() == [(0.0, "v0"), (0.5, "a0")]


def test_an_item_at_the_watermark_waits_because_the_other_track_may_still_say_something() -> None:
    merger: Merger[str] = Merger([VIDEO, AUDIO])
    merger.put(AUDIO, 1.0, "audio")
    merger.reach(AUDIO, 2.0)
    merger.reach(VIDEO, 1.0)
    assert merger.ready() == []
    merger.put(VIDEO, 1.0, "video")
    merger.reach(VIDEO, 2.0)
    assert merger.ready() == [(1.0, "video"), (1.0, "audio")]


def test_a_track_that_has_ended_holds_nothing_back() -> None:
    merger: Merger[str] = Merger([VIDEO, AUDIO])
    merger.put(VIDEO, 5.0, "v")
    merger.end(AUDIO)
    merger.reach(VIDEO, 6.0)
    assert merger.ready() == [(5.0, "v")]
    merger.end(VIDEO)
    assert math.isinf(merger.watermark_s)


def test_progress_never_goes_backwards() -> None:
    merger: Merger[str] = Merger([VIDEO])
    merger.reach(VIDEO, 3.0)
    merger.reach(VIDEO, 1.0)
    assert merger.watermark_s == 3.0


def test_an_item_from_the_past_of_its_track_is_refused() -> None:
    merger: Merger[str] = Merger([VIDEO])
    merger.reach(VIDEO, 3.0)
    with pytest.raises(ValueError, match="has passed 3"):
        merger.put(VIDEO, 2.9, "late")


@given(
    st.lists(st.integers(0, 20), max_size=30),
    st.lists(st.integers(0, 20), max_size=30),
    st.integers(0, 2**32),
)
def test_the_order_does_not_depend_on_which_worker_was_faster(video: list[int], audio: list[int], seed: int) -> None:
    def run(rng: random.Random) -> list[tuple[float, str]]:
        queues = {VIDEO: sorted(video), AUDIO: sorted(audio)}
        merger: Merger[str] = Merger(queues)
        out: list[tuple[float, str]] = []
        at = dict.fromkeys(queues, 0)
        while any(at[track] < len(queue) for track, queue in queues.items()):
            track = rng.choice([track for track, queue in queues.items() if at[track] < len(queue)])
            t_s = float(queues[track][at[track]])
            merger.put(track, t_s, f"{track}{at[track]}")
            merger.reach(track, t_s)
            at[track] += 1
            out += merger.ready()
        for track in queues:
            merger.end(track)
        out += merger.ready()
        return out

    first, second = run(random.Random(seed)), run(random.Random(seed + 1))
    assert first == second
    assert [t_s for t_s, _ in first] == sorted(t_s for t_s, _ in first)
    assert len(first) == len(video) + len(audio)
