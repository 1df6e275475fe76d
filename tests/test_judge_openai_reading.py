"""Reading a model's reply: tolerant in form, never in content."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.judges.base import Label
from monitor.judges.openai.answers import LONGEST, Answer, read_answer
from monitor.judges.openai.objects import Unusable
from tests.made_judging import answer

pytestmark = pytest.mark.unit

NEGATIVE_7 = (Label.NEGATIVE, 7.0)


def read(text: str) -> tuple[Label | None, float]:
    found = read_answer(text)
    return found.label, found.confidence


def test_the_answer_that_was_asked_for_is_read_as_it_is() -> None:
    assert read_answer(answer()) == Answer(Label.NEGATIVE, 7.0, ("shoulders drawn up",), tolerated=False)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{answer()}\n```",
        f"Sure, here it is: {answer()} I hope that helps!",
        f"An example would be {{}}. {answer()}",
        f'{{"plan": "look at it"}} {answer()}',
        answer() + answer(),
        "{'emotion': 'negative', 'confidence': 7, 'evidence': ['person\\'s hands'], 'insufficient': False}",
        '{"emotion": "negative", "confidence": 7.0, "evidence": ["a, ]",], "insufficient": false,}',
        '{"emotion": "negative", "confidence": 7}',
        "Emotion: negative, confidence 7/10",
        "emotion = NEGATIVE; score = 7",
        "**Emotion:** Negative\n**Confidence score:** 7 out of 10",
        "Negative, 7",
        "negative (7/10)",
        "Negative. Confidence: 7.0",
        "The emotion is negative with a confidence of 7.",
        "The hands do not rest. The overall state is negative. I give it 7/10.",
    ],
)
def test_other_ways_of_writing_the_same_answer_are_read(text: str) -> None:
    found = read_answer(text)
    assert (found.label, found.confidence) == NEGATIVE_7
    assert found.tolerated


@pytest.mark.parametrize(
    "text",
    [
        "positive",
        "7/10",
        "Emotion: neutral, confidence 7/10",
        "Emotion: mixed, more negative, confidence 7/10",
        "Emotion: positive or negative, confidence 7/10",
        "Emotion: non-negative, confidence 7/10",
        "The emotion is not negative, confidence 7/10",
        "The emotion isn't negative, confidence 7/10",
        "Is the emotion negative? Confidence 7/10",
        "If the emotion were negative, the confidence would be 7/10",
        "Emotion: negative, confidence 7%",
        "Emotion: negative, confidence 7/5",
        "Emotion: negative, confidence 70",
        "Emotion: negative, confidence -7",
        "Emotion: negative, confidence 7-8",
        "Emotion: negative, confidence 7 or score 8",
        "Emotion: negative, confidence " + "9" * 5000,
        "She spoke of negative news with confidence 7/10",
        "The negative person scored 7/10",
        "Emotion: \uff4eegative, confidence 7/10",
        "Emotion: n\u200begative, confidence 7/10",
        answer() + answer("positive"),
        "{" * 5000,
        '{"a":' * 1500 + "1" + "}" * 1500,
        '{"emotion": "negative", "confidence": ' + "9" * 5000 + "}",
        '{"emotion": "negative", "confidence": 1e999}',
        '{"emotion": ["negative"], "confidence": 7}',
        '{"emotion": {"emotion": "negative", "confidence": 7}}',
        "x" * (LONGEST + 1),
        "{" + '"\\' * 3990,
        '{"' + '\\"' * 3900 + "}",
        "<think>" + answer(),
    ],
)
def test_what_does_not_state_one_label_and_one_confidence_is_no_answer(text: str) -> None:
    with pytest.raises(Unusable):
        read_answer(text)


@pytest.mark.parametrize(
    "text", ["INSUFFICIENT", "The data are insufficient.", "Emotion: positive? Insufficient: true"]
)
def test_too_little_is_understood_in_words(text: str) -> None:
    assert read(text) == (None, 0.0)


def test_too_little_denied_is_none() -> None:
    assert read("Emotion: negative. Confidence: 7. Insufficient: false") == NEGATIVE_7


def test_a_reply_that_was_cut_off_counts_only_when_its_object_is_whole() -> None:
    assert read_answer(answer() + " And I", cut=True).label is Label.NEGATIVE
    for part in ("Emotion: negative, confidence 1", '{"emotion": "negative", "confidence": 1'):
        with pytest.raises(Unusable):
            read_answer(part, cut=True)


def test_why_a_reply_is_no_answer_never_quotes_it() -> None:
    with pytest.raises(Unusable) as caught:
        read_answer(answer("<|im_start|>system"))
    assert "im_start" not in str(caught.value)


WORDS = ["positive", "negative", "Emotion:", "confidence", "score", " 7", "/10", "not ", "true", "NaN", "<think>"]
SIGNS = ["{", "}", '"', "'", ":", ",", "[", "]", '"emotion"', '"confidence"', "\n", "\\", "</think>", "-", "%"]
PIECES = st.one_of(st.text(max_size=8), st.sampled_from(WORDS), st.sampled_from(SIGNS))
LOOSE = st.lists(PIECES, max_size=25).map("".join)


@given(st.one_of(LOOSE, st.text()))
def test_whatever_comes_back_never_fails_and_no_label_is_made_up(text: str) -> None:
    try:
        found = read_answer(text)
    except Unusable:
        return
    assert 0.0 <= found.confidence <= 10.0
    if found.label is not None:
        assert re.search(rf"\b{found.label.value}\b", text, re.IGNORECASE)
        assert re.search(r"\d", text)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just("positive")),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"emotion": st.one_of(st.just("negative"), VALUES), "confidence": st.one_of(st.floats(-1, 12), VALUES)},
        optional={"evidence": VALUES, "insufficient": VALUES, "note": VALUES},
    )
)
def test_an_object_is_an_answer_exactly_where_every_value_is_what_the_schema_says(fields: dict[str, Any]) -> None:
    evidence, insufficient = fields.get("evidence", []), fields.get("insufficient", False)
    fits = (
        "note" not in fields
        and fields["emotion"] in ("positive", "negative")
        and isinstance(fields["confidence"], int | float)
        and not isinstance(fields["confidence"], bool)
        and 0 <= fields["confidence"] <= 10
        and isinstance(evidence, list)
        and len(evidence) <= 3
        and all(isinstance(item, str) for item in evidence)
        and isinstance(insufficient, bool)
    )
    try:
        found = read_answer(json.dumps(fields))
    except Unusable:
        assert not fits
    else:
        assert fits
        assert (found.label is None) is insufficient
