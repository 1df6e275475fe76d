from __future__ import annotations

import asyncio

import pytest

from buffers.evidence import Baseline, Cadence, Coverage, Evidence, Window
from configs.errors import ModelUnavailable
from configs.settings import EstimateSettings
from monitor.assess import Assessment, Assessor
from monitor.describers.base import Description, ModelInfo
from monitor.estimate import Estimator
from monitor.judges.base import NO_MEMORY, Label, Memory, Verdict

pytestmark = pytest.mark.unit

WINDOW = Window(1, 0.0, 30.0, Cadence.LOCAL)
EVIDENCE = Evidence(
    window=WINDOW,
    frames=(),
    clips=(),
    events=(),
    counts=(),
    prosody=(),
    movement=None,
    gaps=(),
    coverage=Coverage(1.0, 1.0, 0.0),
    baseline=Baseline(0.0, (), None, None, None),
)


class Telling:
    """A describer that answers, fails, or never comes back."""

    info = ModelInfo("telling", heuristic=False, calibrated=False, notice="")

    def __init__(self, failure: Exception | None = None, *, hangs: bool = False) -> None:
        self._failure, self._hangs = failure, hangs
        self.asked = 0
        self.closed = False

    async def start(self) -> tuple[str, ...]:
        return ()

    async def describe(self, evidence: Evidence) -> Description:
        self.asked += 1
        if self._failure is not None:
            raise self._failure
        if self._hangs:
            await asyncio.Event().wait()
        return Description("a person speaks", "telling")

    async def close(self) -> None:
        self.closed = True


class Sure:
    """A judge that always says 0.9."""

    info = ModelInfo("sure", heuristic=False, calibrated=False, notice="")

    async def start(self) -> tuple[str, ...]:
        return ()

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        return Verdict(Label.POSITIVE, 0.9, 9.0, "sure", description.describer, False, description.text)

    async def close(self) -> None:
        return


def assessor(describer: Telling, *, deadline_s: float) -> Assessor:
    estimator = Estimator(EstimateSettings(), judge=Sure.info, stale_after_s=45.0)
    return Assessor(describer, Sure(), estimator, deadline_s=deadline_s, skip_unchanged=True)


def assess(describer: Telling, *, refusal: str | None = None, deadline_s: float = 60.0) -> Assessment:
    return asyncio.run(assessor(describer, deadline_s=deadline_s).assess(EVIDENCE, refusal))


def test_a_window_is_described_then_judged_then_moves_the_estimate() -> None:
    assessment = assess(Telling())
    assert assessment.description == Description("a person speaks", "telling")
    assert assessment.verdict.rationale == "a person speaks"
    assert assessment.estimate.overall.p_positive > 0.5
    assert not assessment.abstained


def test_a_refused_window_abstains_without_asking_anybody() -> None:
    describer = Telling()
    assessment = assess(describer, refusal="too little was seen")
    assert describer.asked == 0
    assert assessment.description is None
    assert assessment.verdict.rationale == "too little was seen"
    assert assessment.estimate.overall.p_positive == 0.5


def test_a_model_that_never_answers_costs_the_window_not_the_session() -> None:
    assessment = assess(Telling(hangs=True), deadline_s=0.0)
    assert assessment.abstained
    assert "deadline" in assessment.verdict.rationale


def test_an_ending_session_does_not_wait_for_a_model_that_is_asked_already() -> None:
    async def end_while_asking() -> Assessment:
        found = assessor(Telling(hangs=True), deadline_s=3600.0)
        asking = asyncio.create_task(found.assess(EVIDENCE, None))
        await asyncio.sleep(0)
        found.hurry(0.0)
        return await asking

    assessment = asyncio.run(end_while_asking())
    assert assessment.abstained
    assert assessment.verdict.rationale == "the session ended before the models had answered"


def test_an_ending_session_asks_its_last_windows_within_what_is_left() -> None:
    async def ask_at_the_end() -> Assessment:
        found = assessor(Telling(hangs=True), deadline_s=3600.0)
        found.hurry(0.0)
        return await found.assess(EVIDENCE, None)

    assert asyncio.run(ask_at_the_end()).abstained


def test_a_model_that_is_away_makes_the_window_abstain_and_says_why() -> None:
    assessment = assess(Telling(ModelUnavailable("the server does not answer; start it")))
    assert assessment.abstained
    assert assessment.verdict.rationale == "the server does not answer; start it"


def test_a_fault_of_the_describer_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        assess(Telling(ZeroDivisionError("a bug")))
