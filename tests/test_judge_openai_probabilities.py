"""Where a probability comes from, both orders of the labels, and answers drawn several times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.judges.base import Label
from monitor.judges.openai.objects import Unusable
from monitor.judges.openai.probabilities import (
    Stated,
    agreement,
    decision_probability,
    label_probability,
    mean_of_log_odds,
    paper_form,
    stated_probability,
)
from monitor.remote.replies import TokenChoice
from tests.made_judging import answer, decided, figures, tokens, verdict, way, weighed
from tests.made_server import Asked, Say, ScriptedServer, Send

pytestmark = pytest.mark.unit


def chosen(
    first: str, rivals: dict[str, float], *, before: tuple[str, ...] = ('{"', "emotion", '":"')
) -> list[TokenChoice]:
    """An answer whose label begins with that token; rivals are probabilities."""
    told = tuple((token, math.log(share)) for token, share in rivals.items())
    return [*(TokenChoice(token, 0.0) for token in before), TokenChoice(first, math.log(rivals[first]), told)]


@pytest.mark.parametrize(
    ("first", "rivals", "before", "expected"),
    [
        ("negative", {"negative": 0.6, "positive": 0.4}, ('{"emotion":"',), 0.4),
        ("neg", {"neg": 0.6, "pos": 0.3, "p": 0.1}, ('{"', "emotion", '": "'), 0.4),
        ('"n', {'"n': 0.6, '"p': 0.3, ' "positive': 0.1}, ('{"emotion": ',), 0.4),
        (' "neg', {' "neg': 0.3, ' "pos': 0.2, " ": 0.5}, ('{ "emotion" :',), 0.4),
        ('positive","', {'positive","': 0.4, "negative": 0.6}, ('{"emotion":"',), 0.4),
        ("Neg", {"Neg": 0.6, "POS": 0.4}, ("{'emotion': '",), 0.4),
        ("n", {"n": 0.6, "p": 0.2, "P": 0.2}, ('{"emotion":"positive"} or {"emotion":"',), 0.4),
    ],
)
def test_the_probability_is_read_where_the_label_begins_whatever_the_tokens(
    first: str, rivals: dict[str, float], before: tuple[str, ...], expected: float
) -> None:
    assert label_probability(chosen(first, rivals, before=before)) == pytest.approx(expected)


def test_a_label_that_is_not_told_has_at_most_what_is_left_and_no_more_than_the_least_told() -> None:
    assert label_probability(chosen("negative", {"negative": 0.9})) == pytest.approx(0.1)
    found = label_probability(chosen("negative", {"negative": 0.7, "sad": 0.2, "calm": 0.01}))
    assert found == pytest.approx(0.01 / 0.71)


@pytest.mark.parametrize(
    "told",
    [
        [],
        [TokenChoice("negative", -0.1)],
        chosen("negative", {"negative": 0.02, "sad": 0.97}),
        chosen("sad", {"sad": 0.9, "negative": 0.1}),
        chosen('emotion":"negative', {'emotion":"negative': 1.0}, before=('{"',)),
        [TokenChoice('{"emotion":', 0.0)],
    ],
)
def test_where_no_token_begins_a_label_there_is_no_probability(told: list[TokenChoice]) -> None:
    assert label_probability(told) is None


@given(st.lists(st.builds(TokenChoice, st.text(max_size=12), st.floats(-50, 0), st.just(())), max_size=12))
def test_any_tokens_give_a_probability_or_none(told: list[TokenChoice]) -> None:
    found = label_probability(told)
    assert found is None or 0.0 <= found <= 1.0


@given(st.floats(0, 1), st.one_of(st.none(), st.builds(Stated, st.sampled_from([*Label][:2]), st.floats(0, 10))))
def test_label_probability_and_confidence_always_agree(p_positive: float, stated: Stated | None) -> None:
    form = paper_form(p_positive, stated)
    if form is None:
        assert stated is None
        assert p_positive == pytest.approx(0.5, abs=1e-6)
        return
    label, p, confidence = form
    assert (label is Label.POSITIVE) == (p >= 0.5)
    assert 0.0 <= confidence <= 10.0
    assert p == pytest.approx(p_positive, abs=2e-6)


@given(st.builds(Stated, st.sampled_from([*Label][:2]), st.floats(0, 10)))
def test_a_stated_confidence_comes_back_as_it_was_stated(stated: Stated) -> None:
    form = paper_form(stated_probability(stated), stated)
    assert form is not None
    assert form[0] is stated.label
    assert form[2] == pytest.approx(stated.confidence, abs=0.005)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_a_mean_of_log_odds_lies_between_its_parts(parts: list[float]) -> None:
    assert min(parts) - 1e-5 <= mean_of_log_odds(parts) <= max(parts) + 1e-5


def test_opposite_probabilities_cancel_out() -> None:
    assert mean_of_log_odds([0.2, 0.8]) == pytest.approx(0.5)
    assert mean_of_log_odds([0.0, 1.0]) == pytest.approx(0.5)


def test_agreement_is_the_mean_of_a_beta_distribution_from_an_even_prior() -> None:
    assert (agreement(5, 5), agreement(0, 5), agreement(3, 5)) == pytest.approx((6 / 7, 1 / 7, 4 / 7))


ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.sampled_from(["positive", "choice", "\ud800"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["value", "x"]), inner)),
    max_leaves=4,
)
CHOICE = st.fixed_dictionaries({"value": st.one_of(st.sampled_from(["positive", "negative", "insufficient"]), ODD)})


@given(
    st.fixed_dictionaries(
        {"type": st.one_of(st.just("choice"), ODD), "choice": st.one_of(st.just("positive"), ODD)},
        optional={
            "name": ODD,
            "probabilities": st.one_of(
                ODD, st.lists(st.builds(lambda c, p: {**c, "probability": p}, CHOICE, st.one_of(st.floats(0, 1), ODD)))
            ),
        },
    )
)
def test_any_decision_gives_a_probability_or_is_unusable(first: dict[str, object]) -> None:
    try:
        found = decision_probability({"answers": [first]})
    except Unusable:
        return
    assert found is None or 0.0 <= found <= 1.0


def prefers_the_first(asked: Asked) -> Say:
    """A model that believes 0.7 in whatever label is named first."""
    first = asked.body["response_format"]["json_schema"]["schema"]["properties"]["emotion"]["enum"][0]
    return weighed(first, 0.7)


def test_both_orders_cancel_a_preference_for_the_first_and_the_window_abstains() -> None:
    with ScriptedServer(prefers_the_first) as server:
        found = verdict(server, both_orders=True)
        first, second = (asked.body["messages"][0]["content"] for asked in server.chats)
    assert found.label is Label.ABSTAIN
    assert "cancel out" in found.rationale
    assert '"positive" or "negative"' in first
    assert '"negative" or "positive"' in second


def test_both_orders_average_the_log_odds() -> None:
    with ScriptedServer([weighed("negative", 0.9), weighed("negative", 0.6)]) as server:
        found = verdict(server, both_orders=True)
    odds = math.sqrt((0.1 / 0.9) * (0.4 / 0.6))
    assert figures(found) == pytest.approx((odds / (1 + odds), 7.0), abs=1e-6)
    assert "mean of both orders" in found.rationale


def test_both_orders_of_a_decision_are_asked_for_too() -> None:
    def decide(asked: Asked) -> Send:
        first = asked.body["questions"][0]["choices"][0]["value"]
        return decided(0.8, 0.2) if first == "positive" else decided(0.6, 0.4)

    with ScriptedServer(decide=decide) as server:
        odds = math.sqrt(4.0 * 1.5)
        assert verdict(server, both_orders=True).p_positive == pytest.approx(odds / (1 + odds), abs=1e-6)


@pytest.mark.parametrize("second", ["la la la", Send(500, {"error": "boom"})])
def test_one_order_alone_is_never_passed_off_as_both(second: str | Send) -> None:
    with ScriptedServer([weighed("negative", 0.9), second]) as server:
        found = verdict(server, both_orders=True, method="logprobs")
    assert found.p_positive == pytest.approx(0.1)
    assert "not averaged" in found.rationale
    assert "mean of both" not in found.rationale


def test_too_little_in_either_order_abstains() -> None:
    with ScriptedServer([answer(), answer(insufficient=True)]) as server:
        assert verdict(server, both_orders=True).label is Label.ABSTAIN


def test_one_repair_serves_both_orders() -> None:
    with ScriptedServer(["la la la"]) as server:
        assert verdict(server, both_orders=True, method="text").label is Label.ABSTAIN
        assert len(server.chats) == 3


def one_at_a_time(texts: list[str]) -> ScriptedServer:
    """A server that does not know `n`."""
    left = iter(texts)

    def script(asked: Asked) -> Send:
        message = {"role": "assistant", "content": next(left)}
        return Send(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    return ScriptedServer(script)


def test_the_agreement_of_several_answers_is_the_probability() -> None:
    said = [answer("positive", 8), answer("positive", 6), "la la la", answer("negative", 9), answer("positive", 7)]
    with one_at_a_time(said) as server:
        found = verdict(server, samples=5)
        assert [asked.body.get("n", 1) for asked in server.chats] == [5, 4, 3, 2, 1]
        assert {asked.body["temperature"] for asked in server.chats} == {0.7}
        assert {way(asked) for asked in server.asked if asked.method == "POST"} == {"schema"}
    assert (found.label, found.confidence) == (Label.POSITIVE, 7.0)
    assert found.p_positive == pytest.approx(4 / 6, abs=1e-6)
    assert "3 of 4 answers positive, 5 asked for" in found.rationale


def test_a_server_that_knows_n_is_asked_once() -> None:
    with ScriptedServer([answer("positive", 8)]) as server:
        found = verdict(server, samples=5)
        assert len(server.chats) == 1
    assert found.p_positive == pytest.approx(6 / 7, abs=1e-6)


def test_fewer_than_half_of_the_answers_make_no_verdict() -> None:
    with one_at_a_time([answer(), "no", "no"]) as server:
        found = verdict(server, samples=3, method="text")
    assert found.label is Label.ABSTAIN
    assert "only 1 of 3 answers name a label" in found.rationale


def test_answers_split_evenly_make_no_verdict() -> None:
    with one_at_a_time([answer("positive", 9), answer("negative", 1)]) as server:
        assert "cancel out" in verdict(server, samples=2, method="schema").rationale


def test_samples_in_both_orders_are_half_of_each() -> None:
    with one_at_a_time([answer("positive", 9)] * 5) as server:
        verdict(server, samples=5, both_orders=True, method="schema")
        orders = [
            asked.body["response_format"]["json_schema"]["schema"]["properties"]["emotion"]["enum"][0]
            for asked in server.chats
        ]
    assert orders == ["positive"] * 3 + ["negative"] * 2


def test_a_label_of_many_tokens_is_weighed_by_its_first() -> None:
    said = Say(answer("negative"), tokens=tokens("negative", 0.8, pieces=("n", "egat", "ive")))
    with ScriptedServer([said]) as server:
        assert verdict(server).p_positive == pytest.approx(0.2)
