"""Reading a server's bodies: any JSON at all is a reply, no reply, or nothing; never another error."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.remote.capabilities import Capabilities
from monitor.remote.parse import NoReply, explanation, one_line, read_models, read_replies

pytestmark = pytest.mark.unit

NAMES = st.sampled_from(
    [
        "choices",
        "message",
        "content",
        "text",
        "refusal",
        "finish_reason",
        "logprobs",
        "token",
        "logprob",
        "top_logprobs",
        "usage",
        "prompt_tokens",
        "data",
        "id",
        "shutdown_date",
        "error",
        "detail",
        "param",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_any_json_is_read_or_refused(found: object) -> None:
    for value in (found, {"choices": [{"message": found, "logprobs": {"content": [found]}}], "usage": found}):
        body = json.dumps(value).encode()
        with contextlib.suppress(NoReply):
            for reply in read_replies(body):
                reply.text.encode("utf-8")
        read_models(body)
        explanation(body).encode("utf-8")
    assert all(model.id for model in read_models(json.dumps({"data": [found]}).encode()))


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(NoReply):
        read_replies(body)
    explanation(body).encode("utf-8")


@given(st.text(), st.integers(min_value=1, max_value=20))
def test_one_line_is_one_line_of_that_length(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1


def test_marks_that_turn_the_direction_of_writing_or_drive_a_terminal_are_taken_out() -> None:
    assert one_line("a\u202eb\u200bc\x1b[31md\r\ne\u2028f\ud83d", 40) == "a b c [31md e f"


@pytest.mark.parametrize(
    ("said", "sent", "learned"),
    [
        ("'temperature' is not supported", {"temperature": 0}, {"temperature"}),
        ("top_logprobs must be at most 5", {"logprobs": True, "top_logprobs": 9}, {"logprobs", "top_logprobs"}),
        ("'temperature' is not supported", {"logprobs": True}, None),
        ("the temperatures are low", {"temperature": 0}, None),
        ("'max_tokens' is not supported, use 'max_completion_tokens'", {"max_tokens": 9}, {"max_tokens"}),
        ("'max_tokens' or 'max_completion_tokens' is too large: 96", {"max_tokens": 96}, None),
        ("max_tokens must be at least 1", {"max_tokens": 0}, None),
    ],
)
def test_a_refusal_teaches_what_it_names_and_nothing_else(
    said: str, sent: dict[str, object], learned: set[str] | None
) -> None:
    capabilities = Capabilities()
    assert capabilities.learn(sent, said) == (learned is not None)
    assert capabilities.refused == (learned or set())
