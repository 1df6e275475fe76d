from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffers.evidence import Cadence, Coverage, Evidence, EvidencePlan, HorizonLimits, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import (
    AUDIO_RATE_HZ,
    DEIDENTIFIER_SEAL,
    NFBL_GROUPS,
    CleanAudio,
    CleanFrame,
    Gap,
    Group,
    MaskState,
    NfblEvent,
    Phase,
    Prosody,
    Track,
)

pytestmark = pytest.mark.unit

SMALL = HorizonLimits(dense_s=20.0, session_frames=32, session_clips=8, session_events=16, session_bins=32)
rng = np.random.default_rng(0)
NOISE = Picture.from_rgb(rng.integers(0, 255, (36, 64, 3), np.uint8))


def frame(t_s: float, luma: int | None = None, state: MaskState = MaskState.CLEAR) -> CleanFrame:
    picture = NOISE if luma is None else Picture.blank(32, 18, luma)
    return CleanFrame(t_s=t_s, index=0, picture=picture, state=state, masked=(), seal=DEIDENTIFIER_SEAL)


def audio(t_s: float, seconds: float = 1.0) -> CleanAudio:
    samples = np.full(round(seconds * AUDIO_RATE_HZ), 0.1, np.float32)
    return CleanAudio(t_s=t_s, samples=samples, seal=DEIDENTIFIER_SEAL)


def touch(name: str, start_s: float, end_s: float) -> NfblEvent:
    return NfblEvent(
        id=name,
        phase=Phase.CLOSE,
        group=Group.HEAD,
        class_id="N10",
        name="Touching jaw",
        side="none",
        start_s=start_s,
        end_s=end_s,
        score=1.0,
        alternatives=(),
        source="test",
    )


def local(start_s: float, end_s: float) -> Window:
    return Window(1, start_s, end_s, Cadence.LOCAL)


def whole(end_s: float) -> Window:
    return Window(1, 0.0, end_s, Cadence.GLOBAL)


def session(seconds: int, limits: HorizonLimits = SMALL, *, fed_from_s: int = 0) -> Horizon:
    """A session in which all tracks are there, the picture brightens by a level each quarter, and a jaw is
    touched for one second of every ten."""
    horizon = Horizon(limits, av_offset_s=0.02)
    for second in range(seconds):
        for quarter in range(4):
            horizon.add_frame(frame(second + quarter / 4, 60 + (second * 4 + quarter) % 40))
        horizon.add_audio(audio(second))
        for tenth in range(10):
            horizon.add_prosody(Prosody(second + tenth / 10, 0.1, second % 2, float(tenth % 2), 0.0))
        if second % 10 == 5 and second >= fed_from_s:
            horizon.add_event(touch(f"e{second}", second, second + 1))
        if second >= fed_from_s:
            horizon.nfbl_observed(second, second + 1)
    return horizon


def test_an_empty_horizon_gives_empty_evidence() -> None:
    evidence = Horizon(SMALL).evidence(local(0.0, 32.0), EvidencePlan())
    assert (evidence.frames, evidence.clips, evidence.events, evidence.counts, evidence.prosody) == ((),) * 5
    assert evidence.coverage == Coverage(0.0, 0.0, 0.0)
    assert evidence.movement is None
    assert evidence.baseline.observed_s == 0.0
    assert evidence.baseline.speech_share is None


def test_a_local_window_is_cut_exactly_from_the_dense_part() -> None:
    evidence = session(100).evidence(local(84.0, 100.0), EvidencePlan(frames=16, clips=4))
    assert [one.t_s for one in evidence.frames] == [84.0 + i for i in range(16)]
    assert [one.t_s for one in evidence.clips] == [84.0, 87.5, 91.0, 94.5]
    assert [one.id for one in evidence.events] == ["e85", "e95"]
    assert [(one.class_id, one.events, one.seconds) for one in evidence.counts] == [("N10", 2, 2.0)]
    assert [one.t_s for one in evidence.prosody] == [84.0 + i for i in range(16)]
    assert astuple(evidence.coverage)[:3] == pytest.approx((1.0, 1.0, 1.0))
    assert dict(evidence.coverage.nfbl_groups) == pytest.approx(dict.fromkeys(NFBL_GROUPS, 1.0))
    assert evidence.av_offset_s == 0.02
    assert evidence.gaps == ()


def test_a_window_as_long_as_the_dense_part_is_cut_from_it_although_the_voice_is_ahead() -> None:
    horizon = session(101)
    horizon.add_audio(audio(101.0))
    evidence = horizon.evidence(local(81.0, 101.0), EvidencePlan(frames=80, clips=2))
    assert [one.t_s for one in evidence.frames] == [81.0 + i / 4 for i in range(80)]
    assert [one.t_s for one in evidence.clips] == [81.0, 90.0]
    assert {one.duration_s for one in evidence.prosody} == {1.0}


def test_the_baseline_of_a_local_window_is_everything_before_it() -> None:
    baseline = session(100).evidence(local(84.0, 100.0), EvidencePlan()).baseline
    assert baseline.observed_s == pytest.approx(84.0)
    assert [(one.events, one.seconds) for one in baseline.nfbl] == [(8, 8.0)]
    assert baseline.speech_share == pytest.approx(0.5, abs=0.02)
    assert baseline.pitch_spread_st == pytest.approx(0.5, abs=0.01)
    assert baseline.movement is not None


def test_rates_are_relative_to_the_time_the_feed_was_watching() -> None:
    evidence = session(100, fed_from_s=44).evidence(local(34.0, 54.0), EvidencePlan())
    assert evidence.coverage.nfbl == pytest.approx(0.5)
    late = session(100, fed_from_s=44).evidence(local(84.0, 100.0), EvidencePlan()).baseline
    assert late.observed_s == pytest.approx(40.0)
    assert [one.events for one in late.nfbl] == [4]


def test_each_group_counts_for_the_time_it_could_be_seen() -> None:
    horizon = Horizon(SMALL)
    horizon.nfbl_observed(0.0, 10.0, (Group.HEAD, Group.ARMS))
    horizon.nfbl_observed(10.0, 20.0, (Group.HEAD,))
    horizon.nfbl_observed(20.0, 30.0, (Group.ILLUSTRATIVE,))
    horizon.nfbl_observed(30.0, 40.0, ())
    evidence = horizon.evidence(local(15.0, 35.0), EvidencePlan())
    assert evidence.coverage.nfbl == pytest.approx(0.25)
    assert dict(evidence.coverage.nfbl_groups) == pytest.approx(
        {Group.HEAD: 0.25, Group.ARMS: 0.0, Group.HANDS: 0.0, Group.POSTURE: 0.0}
    )
    assert evidence.baseline.watched_s == pytest.approx(15.0)
    assert dict(evidence.baseline.watched_groups) == pytest.approx(
        {Group.HEAD: 15.0, Group.ARMS: 10.0, Group.HANDS: 0.0, Group.POSTURE: 0.0}
    )
    blind = horizon.evidence(local(20.0, 40.0), EvidencePlan()).coverage
    assert (blind.nfbl, blind.nfbl_groups) == (0.0, ())


def test_without_a_feed_the_baseline_says_how_long_anything_was_seen_or_heard() -> None:
    evidence = session(60, fed_from_s=99).evidence(local(30.0, 60.0), EvidencePlan())
    assert evidence.baseline.observed_s == pytest.approx(30.0)
    assert evidence.baseline.nfbl == ()
    assert evidence.coverage.nfbl == 0.0


def test_a_window_over_the_whole_session_is_compared_with_its_first_ninety_seconds_once_it_is_long_enough() -> None:
    horizon = session(240, HorizonLimits())
    assert horizon.evidence(whole(179.0), EvidencePlan()).baseline.observed_s == 0.0
    baseline = horizon.evidence(whole(240.0), EvidencePlan()).baseline
    assert baseline.observed_s == pytest.approx(90.0)
    assert [one.events for one in baseline.nfbl] == [9]


def test_a_window_over_the_whole_session_is_spread_over_all_of_it() -> None:
    evidence = session(400).evidence(whole(400.0), EvidencePlan(frames=16, clips=4))
    assert max(abs(one.t_s - 25.0 * i) for i, one in enumerate(evidence.frames)) <= 16.0
    assert len(evidence.clips) == 4
    assert [(one.events, one.seconds) for one in evidence.counts] == [(40, 40.0)]
    assert len(evidence.events) <= SMALL.session_events
    assert evidence.coverage.video == pytest.approx(1.0)
    assert evidence.coverage.audio == pytest.approx(1.0)
    assert sum(one.observed_s for one in evidence.prosody) == pytest.approx(400.0)


def test_gaps_are_named_joined_and_missing_from_coverage() -> None:
    horizon = Horizon(SMALL)
    for i in range(8):
        horizon.add_frame(frame(i / 4))
    horizon.add_audio(audio(0.0, 2.0))
    horizon.add_gap(Gap(Track.VIDEO, 2.0, 6.0, "camera stalled"))
    horizon.add_gap(Gap(Track.VIDEO, 6.0, 8.0, "camera stalled"))
    horizon.add_gap(Gap(Track.AUDIO, 2.0, 4.0, "packets lost"))
    evidence = horizon.evidence(local(0.0, 8.0), EvidencePlan())
    assert evidence.gaps == (
        Gap(Track.VIDEO, 2.0, 8.0, "camera stalled"),
        Gap(Track.AUDIO, 2.0, 4.0, "packets lost"),
    )
    assert astuple(evidence.coverage)[:3] == pytest.approx((0.25, 0.25, 0.0))
    assert horizon.evidence(local(4.0, 8.0), EvidencePlan()).gaps == (Gap(Track.VIDEO, 2.0, 8.0, "camera stalled"),)


def test_frames_that_show_nothing_are_handed_on_and_not_covered() -> None:
    horizon = Horizon(SMALL)
    for i in range(16):
        horizon.add_frame(frame(i / 4, state=MaskState.WHOLE_FRAME if i >= 8 else MaskState.CLEAR))
    evidence = horizon.evidence(local(0.0, 4.0), EvidencePlan())
    assert len(evidence.frames) == 16
    assert evidence.coverage.video == pytest.approx(0.5)


def test_a_track_that_is_not_wanted_is_not_kept() -> None:
    horizon = Horizon(HorizonLimits(tracks=(Track.AUDIO,)))
    horizon.add_frame(frame(0.0))
    horizon.add_audio(audio(0.0))
    evidence = horizon.evidence(local(0.0, 1.0), EvidencePlan())
    assert evidence.frames == ()
    assert len(evidence.clips) == 8


def test_the_ceiling_shortens_the_dense_part_and_says_so() -> None:
    limits = HorizonLimits(max_bytes=3_000_000)
    horizon, free = session(200, limits), session(200, HorizonLimits())
    assert horizon.nbytes <= limits.max_bytes
    assert free.dense_span_s >= 120.0
    assert 2.0 < horizon.dense_span_s < free.dense_span_s
    assert horizon.span_s == free.span_s == 200.0
    local_now = horizon.evidence(local(190.0, 200.0), EvidencePlan())
    assert len(local_now.frames) == 32
    assert local_now.coverage.audio == pytest.approx(1.0)


def test_a_tight_ceiling_leaves_a_local_window_and_what_one_window_shows_of_the_session() -> None:
    horizon = session(600, HorizonLimits(max_bytes=2_600_000))
    assert horizon.nbytes <= 2_600_000
    assert horizon.dense_span_s >= 30.0
    evidence = horizon.evidence(whole(600.0), EvidencePlan())
    assert len(evidence.frames) == 32
    assert len(evidence.clips) == 8


def said(evidence: Evidence) -> list[object]:
    frames = [(one.t_s, one.jpeg) for one in evidence.frames]
    clips = [(one.t_s, one.samples.tobytes(), one.coverage) for one in evidence.clips]
    rest = (evidence.counts, evidence.prosody, evidence.movement, evidence.coverage, evidence.baseline)
    return [frames, clips, evidence.events, *rest]


def test_the_same_session_gives_the_same_evidence() -> None:
    for window in (local(60.0, 80.0), whole(80.0)):
        one, other = (session(80).evidence(window, EvidencePlan()) for _ in range(2))
        assert said(one) == said(other)


steps = st.lists(
    st.tuples(st.sampled_from(["frame", "hidden", "audio", "voice", "event", "gap", "fed"]), st.floats(0.0, 40.0)),
    min_size=1,
    max_size=150,
)


@settings(max_examples=40, deadline=None)
@given(steps, st.integers(250_000, 2_000_000))
def test_whatever_comes_memory_stays_under_the_ceiling_and_evidence_is_well_formed(
    story: list[tuple[str, float]], ceiling: int
) -> None:
    horizon = Horizon(
        HorizonLimits(
            dense_s=20.0, session_frames=32, session_clips=8, session_events=16, session_bins=8, max_bytes=ceiling
        )
    )
    now_s = 0.0
    for number, (kind, step_s) in enumerate(story):
        now_s += step_s
        match kind:
            case "frame":
                horizon.add_frame(frame(now_s))
            case "hidden":
                horizon.add_frame(frame(now_s, state=MaskState.WHOLE_FRAME))
            case "audio":
                horizon.add_audio(audio(now_s, 0.1))
            case "voice":
                horizon.add_prosody(Prosody(now_s, 0.1, 1.0, 1.0, None))
            case "event":
                horizon.add_event(touch(f"e{number}", now_s, now_s + step_s))
            case "gap":
                horizon.add_gap(Gap(Track.VIDEO, now_s, now_s + step_s, "test"))
            case _:
                horizon.nfbl_observed(now_s - step_s, now_s)
        assert horizon.nbytes <= ceiling
    for window in (local(max(0.0, now_s - 15.0), now_s + 0.5), whole(now_s + 0.5)):
        evidence = horizon.evidence(window, EvidencePlan(frames=8, clips=4))
        assert len(evidence.frames) <= 8
        assert len(evidence.clips) <= 4
        assert all(window.start_s <= one.t_s < window.end_s for one in evidence.frames)
        for share in (evidence.coverage.video, evidence.coverage.audio, evidence.coverage.nfbl):
            assert 0.0 <= share <= 1.0
        assert evidence.movement is None or 0.0 <= evidence.movement < 10.0


def test_bytes_do_not_grow_between_one_hour_and_four() -> None:
    def fed(hours: int) -> int:
        horizon = Horizon(HorizonLimits(dense_s=10.0, session_frames=32, session_clips=8, frame_rate_hz=0.25))
        for i in range(hours * 900):
            horizon.add_frame(frame(i * 4.0, 60 + i % 40))
            horizon.add_prosody(Prosody(i * 4.0, 0.1, 1.0, 0.0, 0.0))
        return horizon.nbytes

    assert fed(4) <= fed(1) * 1.1
