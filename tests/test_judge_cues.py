"""The rules by which the embedded judge lets cues count, one by one, and when it abstains."""

from __future__ import annotations

import asyncio
import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import Baseline, Coverage, Evidence, NfblCount
from buffers.records import Group
from configs.model_settings import LlmSettings, MllmSettings
from configs.settings import Settings
from configs.taxonomy import taxonomy
from monitor.cues import read_cues
from monitor.describers.base import Description
from monitor.judges.base import Label, Verdict
from monitor.judges.cues import MOST_MANNER, MOST_NFBL, MOST_PER_EVENT, MOST_PER_GROUP, CuesJudge, confidence, weigh
from monitor.judges.registry import JUDGES, make_judge
from tests.made_evidence import NOBODY_BEFORE, baseline, bins, count, event, evidence, frames

pytestmark = pytest.mark.unit

ANY = Description("text", "some-model")
UNWATCHED = Coverage(1.0, 1.0, 0.0)

FULL, WEAK, VERY_WEAK = 1.0, 0.5, 0.25
BEARINGS = {
    **dict.fromkeys(["N7", "N10", "N34"], -FULL),
    **dict.fromkeys(["N3", "N4", "N5", "N8", "N9", "N21"], -WEAK),
    **dict.fromkeys(["N0", "N1", "N11", "N14", "N19", "N22", "N23", "N28"], -VERY_WEAK),
    **dict.fromkeys(["N20", "N27"], WEAK),
}
"""What the literature allows, by class; every other class says nothing of valence."""


def judge(window: Evidence, description: Description = ANY) -> Verdict:
    return asyncio.run(CuesJudge().judge(description, window))


def logits(window: Evidence) -> dict[str, float]:
    return {item.cue: item.logit for item in weigh(read_cues(window)) or ()}


def nfbl_logit(window: Evidence) -> float:
    return math.fsum(logit for cue, logit in logits(window).items() if cue.endswith("reports"))


@pytest.mark.parametrize("class_id", [known.id for known in taxonomy().classes])
def test_one_event_counts_as_its_class_is_supported(class_id: str) -> None:
    found = nfbl_logit(evidence(counts=(count(class_id, 1),)))
    assert found == pytest.approx(MOST_PER_EVENT * BEARINGS.get(class_id, 0.0))


def test_a_class_nobody_knows_says_nothing() -> None:
    assert nfbl_logit(evidence(counts=(count("wink", 9),))) == 0.0


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_an_event_counts_by_its_score(score: float) -> None:
    assert nfbl_logit(evidence(counts=(count("N7", 1, score=score),))) == pytest.approx(-MOST_PER_EVENT * score)


@pytest.mark.parametrize(("events", "usual", "logit"), [(3, 4, -0.1), (1, 4, 0.0), (0, 4, 0.0), (3, 12, 0.0)])
def test_only_what_exceeds_the_persons_own_rate_counts(events: int, usual: int, logit: float) -> None:
    window = evidence(counts=(count("N7", events),), before=baseline(120.0, (count("N7", usual),)))
    assert nfbl_logit(window) == pytest.approx(logit)


def test_a_region_is_capped() -> None:
    assert nfbl_logit(evidence(counts=(count("N7", 50), count("N34", 50)))) == pytest.approx(-MOST_PER_GROUP)


def test_all_regions_together_are_capped() -> None:
    counts = tuple(count("N7", 100, group=group) for group in Group)
    assert nfbl_logit(evidence(counts=counts[:1])) == pytest.approx(-MOST_PER_GROUP)
    many = tuple(
        NfblCount(class_id, group, 400, 1.0, 400.0)
        for class_id, group in (("N7", Group.HEAD), ("N21", Group.ARMS), ("N22", Group.HANDS), ("N19", Group.POSTURE))
    )
    assert nfbl_logit(evidence(counts=many)) == pytest.approx(-MOST_NFBL)


@pytest.mark.parametrize(("before_s", "trust"), [(60.0, 1.0), (30.0, 0.5)])
def test_a_short_reference_lets_everything_count_less(before_s: float, trust: float) -> None:
    window = evidence(counts=(count("N7", 1),), movement=0.02, before=baseline(before_s))
    assert logits(window)["head reports"] == pytest.approx(-0.05 * trust)
    assert logits(window)["movement"] == pytest.approx(0.05 * trust)


def test_a_windows_own_beginning_is_a_very_weak_reference() -> None:
    window = evidence(0.0, 20.0, events=(event(12.0), event(15.0)), before=NOBODY_BEFORE)
    assert nfbl_logit(window) == pytest.approx(-0.25 * 2 * MOST_PER_EVENT)


@pytest.mark.parametrize(
    ("window", "cue", "logit"),
    [
        (evidence(prosody=bins(200, 30, spread_st=1.0)), "pitch variation", -0.1),
        (evidence(prosody=bins(200, 30, spread_st=4.0)), "pitch variation", 0.1),
        (evidence(prosody=bins(200, 30, spread_st=90.0)), "pitch variation", 0.1),
        (evidence(prosody=bins(200, 30, speech=0.25)), "speech share", -0.025),
        (evidence(prosody=bins(200, 30, speech=1.0)), "speech share", 0.05),
        (evidence(movement=0.005), "movement", -0.05),
        (evidence(movement=0.08), "movement", 0.05),
    ],
)
def test_manner_counts_little_and_against_ones_own_usual(window: Evidence, cue: str, logit: float) -> None:
    assert logits(window)[cue] == pytest.approx(logit)


def test_silence_is_listening_and_says_nothing() -> None:
    assert "speech share" not in logits(evidence(prosody=bins(200, 30, speech=0.01)))


def test_cues_that_disagree_make_a_verdict_near_even() -> None:
    window = evidence(movement=0.02, prosody=bins(200, 30, spread_st=1.45))
    assert judge(window).p_positive == pytest.approx(0.5, abs=0.002)


def test_cues_that_cancel_make_none() -> None:
    assert judge(evidence(movement=0.02, prosody=bins(200, 30, spread_st=math.sqrt(2.0)))).label is Label.ABSTAIN


def test_loudness_and_pitch_level_are_told_and_do_not_count() -> None:
    usual = logits(evidence())
    assert logits(evidence(prosody=bins(200, 30, level_db=12.0, pitch_st=6.0))) == usual


@given(
    counts=st.lists(
        st.builds(
            count,
            st.sampled_from([known.id for known in taxonomy().classes]),
            st.integers(1, 200),
            group=st.sampled_from(Group),
            score=st.floats(0, 1),
        ),
        max_size=12,
        unique_by=lambda item: item.class_id,
    ),
    before=st.builds(
        baseline,
        st.floats(10, 1000),
        speech_share=st.floats(0, 1),
        pitch_spread_st=st.floats(0, 20),
        movement=st.floats(0, 1),
    ),
    speech=st.floats(0, 1),
    spread_st=st.floats(0, 20),
    movement=st.floats(0, 1),
)
def test_no_cap_is_ever_exceeded(
    counts: list[NfblCount], before: Baseline, speech: float, spread_st: float, movement: float
) -> None:
    prosody = bins(200.0, 30, speech=speech, spread_st=spread_st)
    window = evidence(counts=tuple(counts), before=before, prosody=prosody, movement=movement)
    found = logits(window)
    reports = [logit for cue, logit in found.items() if cue.endswith("reports")]
    slack = 1e-9
    assert all(abs(logit) <= MOST_PER_GROUP + slack for logit in reports)
    assert abs(math.fsum(reports)) <= MOST_NFBL + slack
    assert abs(math.fsum(found.values()) - math.fsum(reports)) <= MOST_MANNER + slack
    for item in counts:
        alone = nfbl_logit(evidence(counts=(item,), before=before))
        assert abs(alone) <= MOST_PER_EVENT * item.score_sum + slack
    verdict = judge(window)
    if verdict.p_positive is not None:
        assert 0.35 < verdict.p_positive < 0.65


def test_a_verdict_says_on_what_it_rests_in_one_line() -> None:
    verdict = judge(evidence(counts=(count("N7", 3),), prosody=bins(200, 30, spread_st=1.0)))
    assert verdict.label is Label.NEGATIVE
    assert verdict.p_positive == pytest.approx(1 / (1 + math.exp(0.25)), abs=1e-6)
    assert (verdict.judge, verdict.describer, verdict.calibrated) == ("cues", "some-model", False)
    assert verdict.rationale == (
        "uncalibrated heuristic, against 120 s of the session before: "
        "log-odds head reports -0.150, pitch variation -0.100"
    )


@pytest.mark.parametrize(("p_positive", "score"), [(0.5, 0.0), (0.6, 2.0), (0.4, 2.0), (1.0, 10.0), (0.0, 10.0)])
def test_confidence_is_the_distance_from_even(p_positive: float, score: float) -> None:
    assert confidence(p_positive) == pytest.approx(score)


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (evidence(prosody=(), movement=None, coverage=UNWATCHED), "no speech, no body-language feed and no movement"),
        (
            evidence(0.0, 9.0, prosody=bins(5.0, 4), coverage=UNWATCHED, before=NOBODY_BEFORE),
            "no baseline of this person yet",
        ),
        (
            evidence(prosody=(), movement=None, counts=(count("N7", 3),), before=baseline(watched_s=0.0)),
            "no baseline of this person yet",
        ),
        (evidence(), "cues are at this person's own usual"),
        (evidence(prosody=(), movement=None), "cues are at this person's own usual"),
    ],
)
def test_it_abstains_rather_than_guess_and_says_why(window: Evidence, why: str) -> None:
    verdict = judge(window)
    assert verdict.label is Label.ABSTAIN
    assert why in verdict.rationale


def test_a_description_that_found_too_little_is_believed() -> None:
    window = evidence(movement=0.02)
    assert judge(window).label is Label.POSITIVE
    verdict = judge(window, Description("", "some-model", insufficient=True))
    assert verdict.label is Label.ABSTAIN
    assert "shows too little" in verdict.rationale


def test_a_short_first_clip_with_speech_gets_a_verdict_near_even() -> None:
    prosody = (*bins(0.0, 4, spread_st=2.0), *bins(4.0, 5, spread_st=1.2))
    shown = frames([0, 1, 2, 3, 4, 5, 6, 7, 8], [10, 12, 14, 16, 20, 22, 24, 26, 28])
    verdict = judge(evidence(0.0, 9.0, prosody=prosody, shown=shown, coverage=UNWATCHED, before=NOBODY_BEFORE))
    assert verdict.label is Label.NEGATIVE
    assert verdict.p_positive is not None
    assert 0.48 < verdict.p_positive < 0.5
    assert "the window's own beginning" in verdict.rationale


def test_the_same_evidence_gives_the_same_verdict() -> None:
    window = evidence(counts=(count("N7", 3), count("N20", 2, group=Group.POSTURE)), movement=0.013)
    assert judge(window) == judge(window)


def test_it_says_what_it_is() -> None:
    info = make_judge(Settings()).info
    assert (info.name, info.heuristic, info.calibrated, info.deterministic) == ("cues", True, False, True)
    assert "uncalibrated heuristic" in info.notice


def test_every_judge_that_can_be_set_has_a_factory_and_auto_goes_by_the_servers() -> None:
    chosen = get_args(Settings.model_fields["judge"].annotation)
    assert {"auto", *JUDGES} == set(chosen)
    assert make_judge(Settings()).info.name == "cues"
    for servers in (
        Settings(llm=LlmSettings(url="http://localhost:1/v1", model="m")),
        Settings(mllm=MllmSettings(url="http://localhost:1/v1", model="m")),
    ):
        assert make_judge(servers).info.name == "openai"


def test_closing_is_harmless() -> None:
    embedded = CuesJudge()
    asyncio.run(embedded.close())
    asyncio.run(embedded.close())
