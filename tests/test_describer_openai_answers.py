"""What the describer behind a server makes of every kind of answer."""

from __future__ import annotations

import pytest

from configs.errors import ModelUnavailable
from tests.made_describer import describe
from tests.made_server import Action, Say, ScriptedServer

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<think>They seem\n calm.</think>Sits still.", "Sits still."),
        ("seem calm.</think> Sits still.", "Sits still."),
        ("Sits\tstill.\x1b[2J\u202e", "Sits still. [2J"),
        (Say("Sits still. Then the left ha", finish="length"), "Sits still."),
        (Say("Sits and then", finish="length"), "Sits and then"),
        ("Cannot be seen: the face. I cannot help noticing the hands.", None),
    ],
)
def test_an_answer_becomes_one_plain_line(answer: Action, text: str | None) -> None:
    with ScriptedServer([answer]) as made:
        said = answer.text if isinstance(answer, Say) else answer
        assert describe(made).text == (text or said)


def test_an_endless_answer_is_cut() -> None:
    with ScriptedServer(["la " * 5000]) as made:
        assert len(describe(made).text) == 1500


@pytest.mark.parametrize("answer", ["INSUFFICIENT", "insufficient.", '"Insufficient"', "INSUFFICIENT: an empty room."])
def test_the_agreed_word_says_that_there_is_too_little(answer: str) -> None:
    with ScriptedServer([answer]) as made:
        assert describe(made).insufficient


def test_a_description_that_uses_the_word_is_none_of_that() -> None:
    with ScriptedServer(["Insufficient light, but the hands move quickly."]) as made:
        assert not describe(made).insufficient


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "<think>What is this",
        Say(None),
        Say(None, refusal="I will not describe people."),
        Say("The", finish="content_filter"),
        "I'm sorry, but I can't assist with that.",
        "I cannot help with describing people.",
        "Sorry, I\u2019m unable to comply.",
    ],
)
def test_refusals_and_silence_are_no_descriptions(answer: Action) -> None:
    with ScriptedServer([answer]) as made, pytest.raises(ModelUnavailable, match="refused to describe"):
        describe(made)
