"""What models were asked: counts, time, tokens and cost, through everything that is put around a model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from buffers.evidence import Evidence
from configs.errors import ConfigError
from configs.load import load_settings
from configs.settings import EstimateSettings, Settings
from monitor.assess import Assessor
from monitor.cassette.file import Cassette, Mode
from monitor.cassette.models import with_cassette
from monitor.describers.base import Describer, Description
from monitor.describers.standin import WithStandIn
from monitor.estimate import Estimator
from monitor.identity import session_digest
from monitor.judges.base import Judge
from monitor.judges.openai.judge import OpenAIJudge
from monitor.models import make_models
from monitor.usage import ModelUse, Prices, Spent, spent_by
from tests.made_answers import JUDGE, MadeDescriber, MadeJudge
from tests.made_evidence import evidence, frames
from tests.made_server import ScriptedServer

pytestmark = pytest.mark.unit

SEEN = evidence(0.0, 30.0, shown=frames((1.0, 9.0, 17.0, 25.0), (60, 90, 60, 90)))


class Clock(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


class Slow(MadeDescriber):
    """Takes ten seconds for an answer, or for a failure, of the loop's time."""

    async def describe(self, evidence: Evidence) -> Description:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Clock)
        loop.ahead_s += 10.0
        return await super().describe(evidence)


def used(describer: Describer, judge: Judge, windows: int = 1) -> tuple[ModelUse, ModelUse]:
    """What both were asked after so many windows."""

    async def asking() -> tuple[ModelUse, ModelUse]:
        estimator = Estimator(EstimateSettings(), judge=JUDGE, stale_after_s=45.0)
        assessor = Assessor(describer, judge, estimator, deadline_s=60.0, skip_unchanged=False)
        try:
            await assessor.start()
            for _ in range(windows):
                await assessor.assess(SEEN, None)
            await assessor.assess(SEEN, "too little was seen")
            first, second = assessor.use
            return first, second
        finally:
            await assessor.close()

    with asyncio.Runner(loop_factory=Clock) as runner:
        return runner.run(asking())


def settings(url: str, *overrides: str) -> Settings:
    return load_settings(None, (f"mllm.url={url}", "mllm.audio=off", *overrides), {}).settings


def test_questions_and_the_time_they_take_are_counted_and_refused_windows_are_not() -> None:
    describer, judge = used(Slow(), MadeJudge(), windows=3)
    assert (describer.role, describer.name, describer.asked, describer.failed) == ("describer", "seer", 3, 0)
    assert describer.seconds == pytest.approx(30.0, abs=1.0)
    assert describer.last_s == pytest.approx(10.0, abs=0.5)
    assert (judge.role, judge.name, judge.asked, judge.failed) == ("judge", "sage", 3, 0)
    assert (describer.prompt_tokens, describer.completion_tokens, describer.cost) == (0, 0, None)


def test_a_question_without_an_answer_counts_as_failed_and_its_time_too() -> None:
    describer, judge = used(Slow(away=True), MadeJudge(), windows=2)
    assert (describer.asked, describer.failed, judge.asked) == (2, 2, 0)
    assert describer.seconds == pytest.approx(20.0, abs=1.0)


def test_where_something_stood_in_the_model_failed() -> None:
    describer, judge = used(WithStandIn(MadeDescriber(away=True), MadeDescriber(as_whom="cues")), MadeJudge())
    assert (describer.name, describer.asked, describer.failed) == ("seer", 1, 1)
    assert (judge.asked, judge.failed) == (1, 0)


def test_tokens_are_those_the_servers_count_and_cost_what_was_set() -> None:
    with ScriptedServer(["The person leans forward.", '{"emotion": "negative", "confidence": 6}']) as made:
        found = settings(made.url, "mllm.price_in=2", "mllm.price_out=4", "llm.method=json")
        describer, judge = used(*make_models(found))
    for use in (describer, judge):
        assert use.prompt_tokens > use.completion_tokens > 0
        assert use.cost == pytest.approx((2 * use.prompt_tokens + 4 * use.completion_tokens) / 1e6)
    assert describer.completion_tokens >= 4


def test_without_prices_or_without_a_count_nobody_knows_the_cost() -> None:
    with ScriptedServer(["The person leans forward.", '{"emotion": "negative", "confidence": 6}']) as made:
        describer, judge = used(*make_models(settings(made.url, "llm.method=json")))
        assert (describer.cost, judge.cost) == (None, None)
        assert describer.prompt_tokens > 0
        made.counts = False
        describer, _ = used(*make_models(settings(made.url, "mllm.price_in=2", "mllm.price_out=4")))
    assert (describer.prompt_tokens, describer.cost) == (0, None)


@pytest.mark.parametrize(
    ("overrides", "prices"),
    [
        ((), Prices(2.0, 4.0)),
        (("mllm.model=one", "llm.model=one"), Prices(2.0, 4.0)),
        (("llm.price_in=1", "llm.price_out=3"), Prices(1.0, 3.0)),
        (("llm.model=another",), None),
        (("llm.url=http://other:8000/v1",), None),
    ],
)
def test_the_judge_takes_over_the_describers_prices_with_its_model(
    overrides: tuple[str, ...], prices: Prices | None
) -> None:
    found = settings("http://localhost:9/v1", "mllm.price_in=2", "mllm.price_out=4", *overrides)
    assert OpenAIJudge(found).spent == Spent(prices=prices)


def test_a_replayed_cassette_asks_nobody_and_a_recording_one_the_model(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    recorded = used(*with_cassette(MadeDescriber(), MadeJudge(), Cassette(path, Mode.RECORD)), windows=2)
    assert [use.asked for use in recorded] == [2, 2]
    replayed = used(*with_cassette(None, None, Cassette(path, Mode.REPLAY)), windows=2)
    assert [(use.asked, use.failed, use.last_s) for use in replayed] == [(0, 0, None)] * 2
    describer, judge = MadeDescriber(), MadeJudge()
    filled = used(*with_cassette(describer, judge, Cassette(path, Mode.FILL)), windows=2)
    assert [use.asked for use in filled] == [len(describer.asked), len(judge.asked)] == [0, 0]


def test_what_a_cassette_lacks_is_no_failure_of_a_model(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    asyncio.run(_recorded(path))
    describer, _ = used(*with_cassette(None, None, Cassette(path, Mode.REPLAY)))
    assert (describer.asked, describer.failed) == (0, 0)


async def _recorded(path: Path) -> None:
    """A cassette of another window."""
    describer, judge = with_cassette(MadeDescriber(), MadeJudge(), Cassette(path, Mode.RECORD))
    for model in (describer, judge):
        await model.start()
    other = evidence(30.0, 60.0, window_id=2)
    await judge.judge(await describer.describe(other), other)
    for model in (describer, judge):
        await model.close()


def test_a_failing_describer_behind_a_cassette_is_asked(tmp_path: Path) -> None:
    describer, _ = used(*with_cassette(MadeDescriber(away=True), MadeJudge(), Cassette(tmp_path / "a", Mode.RECORD)))
    assert (describer.asked, describer.failed) == (1, 1)


def test_what_counts_nothing_has_spent_nothing() -> None:
    assert spent_by(MadeDescriber()) == Spent()
    assert spent_by(None) == Spent()


def test_prices_name_no_other_session_and_belong_together() -> None:
    priced = load_settings(None, ("mllm.price_in=2", "mllm.price_out=4"), {}).settings
    assert session_digest(priced, "off") == session_digest(load_settings(None, (), {}).settings, "off")
    with pytest.raises(ConfigError, match="price_in and price_out belong together"):
        load_settings(None, ("llm.price_in=2",), {})
