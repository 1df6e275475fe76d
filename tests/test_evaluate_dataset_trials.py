"""Parts of recordings, and what a modality leaves of the evidence."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import AudioClip, Cadence, Coverage
from buffers.records import Gap, Group, Track
from monitor.cues import read_cues
from monitor.evaluate.dataset.trials import Modality, Part, Spans, parts_of, shown_as, trials_of
from monitor.evidence import evidence_digest, nfbl_text
from tests.made_evidence import baseline, count, event, evidence, frames

pytestmark = pytest.mark.unit


EVIDENCE = evidence(
    0.0,
    200.0,
    cadence=Cadence.GLOBAL,
    shown=frames([0.0, 1.0], [10, 20]),
    clips=(AudioClip(0.0, np.zeros(32000, np.float32), 1.0),),
    events=(event(3.0),),
    counts=(count("N7", 1),),
    gaps=(Gap(Track.AUDIO, 5.0, 6.0, "damaged"), Gap(Track.VIDEO, 5.0, 6.0, "damaged")),
    coverage=Coverage(0.8, 0.9, 1.0, ((Group.HEAD, 1.0),)),
    before=baseline(60.0, (count("N7", 2),), watched_s=60.0),
)


def test_the_whole_is_asked_once_and_every_part_once_a_seed() -> None:
    assert parts_of((20, 100), 3) == (Part(20, 1), Part(20, 2), Part(20, 3), Part(100, None))
    assert len(list(trials_of("a", tuple(Modality), parts_of((20, 50, 70, 100), 5)))) == 3 * 16


def test_parts_are_the_same_on_every_machine() -> None:
    spans = Spans("interview.mp4", parts_of((20, 100), 2))(100.0)
    assert [(round(one.start_s, 6), round(one.end_s, 6)) for one in spans] == [
        (18.482957, 38.482957),
        (55.012006, 75.012006),
        (0.0, 100.0),
    ]
    assert {one.cadence for one in spans} == {Cadence.GLOBAL}
    assert pickle.loads(pickle.dumps(Spans("a", parts_of((20,), 2))))(50.0) == Spans("a", parts_of((20,), 2))(50.0)


@given(st.text(max_size=20), st.floats(1.0, 36_000.0), st.integers(1, 20))
def test_a_longer_part_holds_the_shorter_one_and_none_leaves_the_recording(
    name: str, length_s: float, seed: int
) -> None:
    parts = tuple(Part(length, seed) for length in (5, 20, 50, 70, 99))
    spans = Spans(name, parts)(length_s)
    for part, one in zip(parts, spans, strict=True):
        assert one.length_s == pytest.approx(length_s * part.length / 100)
        assert one.start_s >= 0
        assert one.end_s <= length_s * (1 + 1e-12)
    for shorter, longer in pairwise(spans):
        assert longer.start_s <= shorter.start_s + 1e-9
        assert shorter.end_s <= longer.end_s + 1e-9


def test_seeds_spread_their_parts_over_the_recording() -> None:
    starts = [span.start_s for n in range(50) for span in Spans(f"v{n}.mp4", parts_of((20,), 5))(100.0)]
    assert min(starts) < 5
    assert max(starts) > 75
    assert np.mean(starts) == pytest.approx(40, abs=4)


def test_frames_alone_tell_nothing_of_sound_and_body_language() -> None:
    shown = shown_as(EVIDENCE, Modality.V)
    assert shown.frames == EVIDENCE.frames
    assert (shown.clips, shown.prosody, shown.events, shown.counts) == ((), (), (), ())
    assert shown.coverage == Coverage(0.8, 0.0, 0.0)
    assert [gap.track for gap in shown.gaps] == [Track.VIDEO]
    assert (shown.baseline.speech_share, shown.baseline.pitch_spread_st, shown.baseline.nfbl) == (None, None, ())
    assert shown.baseline.movement == EVIDENCE.baseline.movement
    assert shown.baseline.observed_s == pytest.approx(0.8 * 90)
    assert "no detector was watching" in nfbl_text(shown)


def test_sound_is_added_without_body_language() -> None:
    shown = shown_as(EVIDENCE, Modality.VA)
    assert (shown.frames, shown.clips, shown.prosody) == (EVIDENCE.frames, EVIDENCE.clips, EVIDENCE.prosody)
    assert shown.coverage == Coverage(0.8, 0.9, 0.0)
    assert shown.gaps == EVIDENCE.gaps
    assert shown.baseline.speech_share == EVIDENCE.baseline.speech_share
    assert read_cues(shown).groups is None


def test_with_body_language_all_of_it_is_shown() -> None:
    assert shown_as(EVIDENCE, Modality.VAN) is EVIDENCE


def test_what_has_no_baseline_gets_none() -> None:
    without = evidence(0.0, 20.0, cadence=Cadence.GLOBAL, before=baseline(0.0))
    assert shown_as(without, Modality.V).baseline.observed_s == 0.0


def test_evidence_that_travelled_is_the_same_evidence() -> None:
    back = pickle.loads(pickle.dumps(EVIDENCE))
    assert evidence_digest(back) == evidence_digest(EVIDENCE)
    first, again = pickle.loads(pickle.dumps((EVIDENCE, shown_as(EVIDENCE, Modality.V))))
    assert first.frames[0].token is again.frames[0].token
