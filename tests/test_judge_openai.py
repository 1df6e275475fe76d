"""The judge behind a server, over real HTTP: each way of asking, the way down, repair, abstention."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from configs.errors import ConfigError, ModelUnavailable
from configs.settings import Settings
from monitor.describers.base import Description
from monitor.judges.base import Label
from monitor.judges.openai.judge import MOST_RAW, OpenAIJudge
from monitor.judges.registry import make_judge
from monitor.remote.errors import AnswerLate, RemoteError, RequestRefused, ServerBusy, Unauthorised, Unreachable
from tests.made_judging import (
    CALM,
    WINDOW,
    answer,
    decided,
    figures,
    no_wait,
    run,
    settings,
    tokens,
    verdict,
    verdicts,
    way,
    weighed,
)
from tests.made_server import Asked, Say, ScriptedServer, Send, Stall, refusal

pytestmark = pytest.mark.unit


def refusing(*ways: str, text: str | Say | None = None) -> ScriptedServer:
    """A server that refuses these ways of asking with a 400 and answers the others."""

    def script(asked: Asked) -> Say | Send:
        if way(asked) in ways:
            return refusal("Invalid value for response_format")
        return text if isinstance(text, Say) else Say(text or answer())

    return ScriptedServer(script)


def test_a_decision_is_a_probability_and_needs_no_text() -> None:
    with ScriptedServer(decide=lambda _: decided(0.2, 0.6, 0.2)) as server:
        found = verdict(server)
        assert found.label is Label.NEGATIVE
        assert figures(found) == pytest.approx((0.25, 5.0))
        assert found.rationale == "decisions: no evidence named"
        assert json.loads(found.raw or "")["answers"][0]["choice"] == "negative"
        assert [way(asked) for asked in server.asked if asked.method == "POST"] == ["decisions"]
        (question,) = server.asked[-1].body["questions"]
        assert [choice["value"] for choice in question["choices"]] == ["positive", "negative", "insufficient"]


def test_a_decision_that_there_is_too_little_abstains() -> None:
    with ScriptedServer(decide=lambda _: decided(0.2, 0.2, 0.6)) as server:
        found = verdict(server)
    assert (found.label, found.p_positive) == (Label.ABSTAIN, None)
    assert "too little" in found.rationale


def test_a_refused_decision_abstains_and_is_not_asked_for_in_another_way() -> None:
    refused = Send(200, {"answers": [{"type": "refusal", "name": "emotion"}], "model": "m"})
    with ScriptedServer(decide=lambda _: refused) as server:
        assert verdict(server).rationale == "decisions: the model refused to answer"
        assert not server.chats


@pytest.mark.parametrize(
    "lie",
    [
        decided(0.2, 0.6, choice="positive"),
        decided(0.8, 0.8),
        decided(-0.2, 0.6),
        decided(0.3, 0.6, type="score"),
        decided(0.3, 0.6, choice=["negative"]),
        decided(0.3, 0.6, choice="neutral"),
        decided(0.3, 0.6, name="another"),
        Send(200, b'{"answers": [' + b"[" * 900 + b"]" * 900 + b"]}"),
        decided(0.3, 0.6, probabilities=[{"value": "positive", "probability": 1.0}]),
        decided(0.3, 0.6, probabilities=[{"value": "positive", "probability": True}]),
        Send(200, {"answers": []}),
        Send(200, {"answers": "negative"}),
        Send(200, {}),
    ],
)
def test_a_decision_that_contradicts_itself_counts_for_nothing(lie: Send) -> None:
    with ScriptedServer([answer("positive", 6)], decide=lambda _: lie) as server:
        assert verdict(server).rationale.startswith("schema: ")
        alone = verdict(server, method="decisions")
    assert (alone.label, alone.p_positive) == (Label.ABSTAIN, None)
    assert "no usable answer" in alone.rationale


def test_log_probabilities_make_the_probability_and_the_stated_confidence_stays_the_papers() -> None:
    with ScriptedServer([weighed("negative", 0.9)]) as server:
        found = verdict(server)
        request = server.chats[0].body
    assert found.label is Label.NEGATIVE
    assert figures(found) == pytest.approx((0.1, 7.0))
    assert found.rationale == "logprobs: shoulders drawn up"
    assert (request["logprobs"], request["top_logprobs"], request["temperature"]) == (True, 20, 0.0)
    assert request["response_format"]["json_schema"]["strict"] is True
    assert request["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_label_that_is_less_likely_by_its_own_probabilities_is_not_believed() -> None:
    with ScriptedServer([weighed("negative", 0.3)]) as server:
        found = verdict(server)
    assert found.label is Label.POSITIVE
    assert figures(found) == pytest.approx((0.7, 4.0))  # 20 x |p - 0.5|: the stated 7 was for the other label
    assert "the model wrote negative" in found.rationale


def test_without_log_probabilities_the_confidence_is_the_probability_as_stated() -> None:
    with ScriptedServer([answer("negative", 7), answer("positive", 8)]) as server:
        negative, positive = verdicts(server, 2)
        assert [way(asked) for asked in server.chats] == ["logprobs", "schema"]
    assert figures(negative) == pytest.approx((0.15, 7.0))
    assert figures(positive) == pytest.approx((0.9, 8.0))
    assert positive.rationale == "schema: shoulders drawn up"


@pytest.mark.parametrize(
    ("refused", "works"),
    [
        ((), "logprobs"),
        (("logprobs", "schema"), "json"),
        (("logprobs", "schema", "json"), "text"),
    ],
)
def test_what_the_server_refuses_is_not_asked_for_again(refused: tuple[str, ...], works: str) -> None:
    said = Say(answer(), tokens=tokens("negative", 0.9))
    with refusing(*refused, text=said) as server:
        found = verdicts(server, 3)
        ways = [way(asked) for asked in server.asked if asked.method == "POST"]
    assert ways == ["decisions", *(["logprobs", "schema", "json", "text"][: len(refused)]), works, works, works]
    assert [item.label for item in found] == [Label.NEGATIVE] * 3
    assert found[-1].rationale.startswith(works)


def test_a_parameter_that_is_refused_by_name_is_left_out_and_the_way_kept() -> None:
    with ScriptedServer([answer()], refuses={"logprobs": "logprobs is not supported"}) as server:
        assert verdict(server).rationale.startswith("schema: ")


def test_a_server_that_ignores_the_schema_is_found_out_by_its_replies() -> None:
    with ScriptedServer(["Emotion: negative, confidence 7/10"]) as server:
        first, second = verdicts(server, 2)
        assert [way(asked) for asked in server.chats] == ["logprobs", "text"]
    assert figures(first) == pytest.approx((0.15, 7.0))
    assert "does not hold its model to the schema" in first.rationale
    assert second.rationale == "text: no evidence named"


@pytest.mark.parametrize("only", ["logprobs", "schema", "json"])
def test_a_way_that_was_set_is_kept_although_the_server_does_not_know_it(only: str) -> None:
    with ScriptedServer(["Emotion: negative, confidence 7/10"]) as server:
        found = verdicts(server, 2, method=only)
        assert [way(asked) for asked in server.chats] == [only, only]
    assert {item.label for item in found} == {Label.NEGATIVE}
    assert all(item.rationale.startswith("text: ") for item in found)


def test_one_failure_is_bad_luck_and_two_are_none() -> None:
    with ScriptedServer([answer()], decide=lambda _: Send(500, {"error": "boom"})) as server:
        verdicts(server, 4)
        assert sum(asked.path == "/v1/decisions" for asked in server.asked) == 4  # each with its one retry


def test_where_nothing_works_nothing_is_given_up() -> None:
    broken = True

    def script(asked: Asked) -> Say | Send:
        return refusal("nothing of this") if broken else weighed("negative", 0.9)

    async def work(judge: OpenAIJudge) -> str:
        nonlocal broken
        with pytest.raises(RequestRefused, match="nothing of this"):
            await judge.judge(CALM, WINDOW)
        broken = False
        return (await judge.judge(CALM, WINDOW)).rationale

    with ScriptedServer(script) as server:
        assert run(work, settings(server)).startswith("logprobs: ")


@pytest.mark.parametrize(
    "faulty",
    [
        "",
        "I would rather not say.",
        "positive or negative",
        "[1, 2]",
        '{"emotion": "negative", "confidence": 7',
        answer("neutral"),
        answer("Negative"),
        answer(confidence=11),
        answer(confidence=-1),
        answer(confidence="7"),
        answer(confidence=True),
        answer(confidence=float("nan")),
        answer(confidence=float("inf")),
        answer(confidence=None),
        answer(emotion=None),
        answer(said=["a", "b", "c", "d"]),
        answer(said="shoulders"),
        answer(insufficient="no"),
        answer(extra="key"),
        answer() + answer("positive"),
        '{"emotion": "negative", "emotion": "positive", "confidence": 7}',
        "<think>" + answer(),
    ],
)
def test_a_reply_outside_the_schema_is_repaired_once_and_then_abstains(faulty: str) -> None:
    with ScriptedServer([faulty, answer("positive", 4)]) as server:
        repaired = verdict(server)
        shown = server.chats[-1].body["messages"]
    assert (repaired.label, repaired.confidence) == (Label.POSITIVE, 4.0)
    assert repaired.rationale.endswith("one repair")
    assert [message["role"] for message in shown] == ["system", "user", "assistant", "user"]
    assert '"additionalProperties":false' in shown[-1]["content"]
    assert json.loads(repaired.raw or "") == [faulty, answer("positive", 4)]
    with ScriptedServer([faulty]) as server:
        given_up = verdict(server)
        assert len(server.chats) == 2
    assert (given_up.label, given_up.p_positive, given_up.confidence) == (Label.ABSTAIN, None, None)
    assert "no usable answer" in given_up.rationale


def test_an_answer_cut_off_at_the_length_limit_is_never_completed() -> None:
    with ScriptedServer([Say("Emotion: negative, confidence 1", finish="length")]) as server:
        assert "cut off" in verdict(server).rationale


@pytest.mark.parametrize("no", [Say(None, refusal="I cannot judge people."), Say("", finish="content_filter")])
def test_a_refusal_abstains_without_a_repair(no: Say) -> None:
    with ScriptedServer([no]) as server:
        found = verdict(server)
        assert len(server.chats) == 1
    assert found.label is Label.ABSTAIN
    assert "refused" in found.rationale
    assert found.raw == (no.refusal or "")


def test_insufficient_abstains() -> None:
    with ScriptedServer([answer(insufficient=True)]) as server:
        assert "shows too little" in verdict(server).rationale


def test_a_description_that_shows_too_little_asks_nobody() -> None:
    with ScriptedServer([answer()]) as server:
        found = verdict(server, description=Description("An empty room.", "made", insufficient=True))
        assert not server.asked
    assert (found.label, found.describer) == (Label.ABSTAIN, "made")


@pytest.mark.parametrize(("emotion", "label"), [("positive", Label.POSITIVE), ("negative", Label.NEGATIVE)])
def test_a_confidence_of_zero_keeps_its_label_and_says_nothing(emotion: str, label: Label) -> None:
    with ScriptedServer([answer(emotion, 0)]) as server:
        found = verdict(server)
    assert (found.label, found.confidence) == (label, 0.0)
    assert found.p_positive == pytest.approx(0.5, abs=1e-6)


def test_long_replies_are_cut_and_stay_readable() -> None:
    with ScriptedServer(['"' * 9_000]) as server:
        raw = verdict(server).raw or ""
    assert len(raw) <= MOST_RAW
    assert len(json.loads(raw)) == 2


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Send(429, {"error": "slow down"}), ServerBusy),
        (Send(401, {"error": "no"}), Unauthorised),
        (refusal("too big", 413), RequestRefused),
        (Send(404, {"error": "no such model"}), RemoteError),
        (Send(500, {"error": "boom"}), RemoteError),
        (Send(200, b"<html>"), RemoteError),
    ],
)
def test_a_server_that_does_not_answer_ends_the_window_with_its_own_error(
    script: Send, error: type[RemoteError]
) -> None:
    with ScriptedServer([script]) as server, pytest.raises(error, match="the judge's server"):
        verdict(server)


def test_the_deadline_is_that_of_the_whole_verdict() -> None:
    with ScriptedServer([Stall()]) as server, pytest.raises(AnswerLate, match=r"within 0\.2 s"):
        verdict(server, timeout_s=0.2)


def test_the_start_finds_the_model_and_the_way_and_names_them() -> None:
    async def work(judge: OpenAIJudge) -> tuple[str, str]:
        before = judge.info
        assert await judge.start() == ()
        await judge.judge(CALM, WINDOW)
        assert judge.info.fingerprint != before.fingerprint
        return judge.info.model, judge.info.notice

    with ScriptedServer([weighed("negative", 0.9)]) as server:
        model, notice = run(work, settings(server))
    assert model == "made-model"
    assert notice == "stated probabilities are uncalibrated; model made-model at 127.0.0.1, asked by logprobs"


def test_equal_settings_and_abilities_have_equal_fingerprints() -> None:
    async def work(judge: OpenAIJudge) -> str:
        await judge.start()
        return judge.info.fingerprint

    with ScriptedServer([weighed("negative", 0.9)]) as server:
        one, two, other = (run(work, settings(server, **llm)) for llm in ({}, {}, {"both_orders": True}))
    assert one == two != other


def test_a_server_that_is_away_at_the_start_is_told_of_and_asked_again() -> None:
    with ScriptedServer([answer()]) as server:
        url = server.url
    away = Settings.model_validate({"llm": {"url": url}})
    (notice,) = run(lambda judge: judge.start(), away)
    assert "windows abstain until it answers" in notice
    with pytest.raises(Unreachable):
        run(lambda judge: judge.judge(CALM, WINDOW), away)


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (lambda: ScriptedServer([answer()], key="secret"), Unauthorised, "401"),
        (lambda: ScriptedServer([Send(404, {"error": "no model made-model"})]), ConfigError, "no model made-model"),
        (lambda: ScriptedServer([answer()], models=("a", "b")), ConfigError, "more than one model"),
        (lambda: ScriptedServer([refusal("never")]), RequestRefused, "never"),
    ],
)
def test_what_can_never_work_ends_the_session_at_the_start(
    made: Callable[[], ScriptedServer], error: type[Exception], said: str
) -> None:
    with made() as server, pytest.raises(error, match=said):
        run(lambda judge: judge.start(), settings(server))


def test_the_end_of_a_model_is_told_of() -> None:
    served = [{"id": "old-model", "shutdown_date": "2000-01-14"}]
    with ScriptedServer([answer()], models=served) as server:
        (notice,) = run(lambda judge: judge.start(), settings(server))
    assert notice.startswith("the model old-model is shut down on 2000-01-14")
    assert notice.endswith("which is past; choose its successor in llm.model")


def test_an_end_that_is_far_off_is_not_told_of() -> None:
    served = [{"id": "new-model", "shutdown_date": "9999-01-14"}]
    with ScriptedServer([answer()], models=served) as server:
        assert run(lambda judge: judge.start(), settings(server)) == ()


def test_a_model_that_cannot_answer_the_trial_is_told_of() -> None:
    with ScriptedServer(["la la la"]) as server:
        (notice,) = run(lambda judge: judge.start(), settings(server))
    assert "no usable answer to a trial" in notice


def test_the_describers_server_serves_both_with_its_model_and_key() -> None:
    with ScriptedServer([answer()], key="shared") as server:
        both = Settings.model_validate({"mllm": {"url": server.url, "model": "both-model"}})

        async def work() -> None:
            judge = OpenAIJudge(both, environ={"EMOTION_MONITOR_MLLM_KEY": "shared"}, wait=no_wait)
            await judge.judge(CALM, WINDOW)
            await judge.close()

        asyncio.run(work())
        assert server.chats[0].body["model"] == "both-model"


def test_the_describers_key_is_never_sent_to_the_judges_own_server() -> None:
    with ScriptedServer([answer()]) as server:
        apart = Settings.model_validate({"mllm": {"url": "http://127.0.0.1:9/v1"}, "llm": {"url": server.url}})

        async def work() -> None:
            judge = OpenAIJudge(apart, environ={"EMOTION_MONITOR_MLLM_KEY": "secret"}, wait=no_wait)
            await judge.judge(CALM, WINDOW)
            await judge.close()

        asyncio.run(work())
        assert all("secret" not in str(asked.headers) for asked in server.asked)


def test_settings_that_cannot_work_say_so() -> None:
    with pytest.raises(ConfigError, match=r"llm\.url"):
        OpenAIJudge(Settings())
    with pytest.raises(ConfigError, match=r"llm\.samples"):
        OpenAIJudge(settings(None, samples=5, method="logprobs"))


def test_the_registry_makes_it_where_a_server_is_set() -> None:
    made = make_judge(Settings.model_validate({"mllm": {"url": "http://127.0.0.1:9/v1"}}))
    assert made.info.name == "openai"
    assert not made.info.heuristic
    assert not made.info.calibrated
    asyncio.run(made.close())


def test_a_budget_that_is_spent_sends_nothing() -> None:
    with ScriptedServer([weighed("negative", 0.9)]) as server, pytest.raises(ModelUnavailable, match="used up"):
        verdicts(server, 3, requests_per_hour=2, method="logprobs")
