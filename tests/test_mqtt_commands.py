from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.outputs.mqtt.commands import (
    MOST_BYTES,
    MOST_NOTE,
    Answer,
    Asked,
    Problem,
    Reply,
    Request,
    Sender,
    Switch,
    Wanted,
    What,
    answer,
    read_command,
    subscriptions,
)
from monitor.outputs.mqtt.topics import Topics

pytestmark = pytest.mark.unit

TOPICS = Topics("emotion-monitor", "a1b2c3")
STREAMS = {"front": True, "recording": False}
ROOT = "emotion-monitor/a1b2c3"


def read(
    topic: str,
    payload: bytes | dict[str, Any] = b"",
    *,
    retained: bool = False,
    streams: dict[str, bool] = STREAMS,
    sender: Sender | None = None,
) -> Asked | Problem | None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read_command(f"{ROOT}/{topic}", data, retained=retained, topics=TOPICS, streams=streams, sender=sender)


def problem(topic: str, payload: bytes | dict[str, Any] = b"", sender: Sender | None = None) -> str:
    """What is wrong with a request, as its answer says it."""
    found = read(topic, payload, sender=sender)
    assert isinstance(found, Problem)
    assert found.reply is not None
    assert found.why.isprintable()
    told = answer(found.reply, error=found.why)
    assert told.payload["status"] == "error"
    return str(told.payload["error"])


def test_only_switches_and_requests_are_listened_to() -> None:
    assert subscriptions(TOPICS, STREAMS) == [
        f"{ROOT}/streams/front/enabled/set",
        f"{ROOT}/streams/front/preview/set",
        f"{ROOT}/streams/recording/enabled/set",
        f"{ROOT}/streams/recording/preview/set",
        f"{ROOT}/request/+",
    ]


@pytest.mark.parametrize(
    ("payload", "on"), [(b"ON", True), (b"off", False), (b"On", True), (b" OFF\n", False), (b"oN", True)]
)
def test_switches_take_on_and_off_in_any_case(payload: bytes, on: bool) -> None:
    assert read("streams/front/enabled/set", payload) == Switch("front", What.ENABLED, on)
    assert read("streams/recording/preview/set", payload) == Switch("recording", What.PREVIEW, on)


@pytest.mark.parametrize("payload", [b"", b"1", b"true", b"ONN", b"\xff\xfe", b"ON" + b" " * 100, b'{"state":"ON"}'])
def test_anything_else_is_a_problem_that_repeats_nothing_of_it(payload: bytes) -> None:
    found = read("streams/front/enabled/set", payload)
    assert found == Problem("front: enabled/set takes ON or OFF") or payload.strip() == b"ON"


def test_a_recording_is_not_paused() -> None:
    assert read("streams/recording/enabled/set", b"OFF") == Problem("recording: a recording is never paused")


@pytest.mark.parametrize("topic", ["streams/front/enabled/set", "streams/front/preview/set", "request/mark"])
def test_what_the_broker_kept_is_ignored(topic: str) -> None:
    assert read(topic, b"ON", retained=True) is None


@pytest.mark.parametrize(
    "topic", ["streams/other/enabled/set", "streams/front/enabled/state", "availability", "response/mark", "requests/x"]
)
def test_other_topics_are_no_commands(topic: str) -> None:
    assert read(topic, b"ON") is None
    assert read_command("home/request/mark", b"", retained=False, topics=TOPICS, streams=STREAMS) is None


@pytest.mark.parametrize("wanted", ["health_check", "republish"])
@pytest.mark.parametrize("payload", [b"", b" ", {}, {"unknown": [1]}, {"note": None, "stream": None}])
def test_a_request_without_a_stream_is_for_all(wanted: str, payload: bytes | dict[str, Any]) -> None:
    assert read(f"request/{wanted}", payload) == Request(Wanted(wanted), None, "", Reply(f"{ROOT}/response/{wanted}"))


def test_a_mark_has_a_note_and_a_stream_and_its_answer_the_transaction() -> None:
    found = read("request/mark", {"transaction": "t-1", "stream": "front", "note": "laughter …"})
    reply = Reply(f"{ROOT}/response/mark", None, "t-1")
    assert found == Request(Wanted.MARK, "front", "laughter …", reply)
    assert answer(reply, {"seq": 7}) == Answer(
        f"{ROOT}/response/mark",
        {"status": "ok", "data": {"seq": 7}, "error": None, "transaction": "t-1"},
        None,
    )


def test_a_mark_needs_no_stream_where_there_is_one() -> None:
    found = read("request/mark", streams={"only": False})
    assert isinstance(found, Request)
    assert found.stream == "only"
    assert "several streams: name one of front, recording" in problem("request/mark")


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b" " * (MOST_BYTES + 1), "too long: 4096 bytes are the most"),
        ({"stream": "other"}, "unknown stream: use one of front, recording"),
        ({"stream": ["front"]}, "stream is no text"),
        ({"stream": "front", "note": "x" * (MOST_NOTE + 1)}, "note is no printable text of up to 200 characters"),
        ({"stream": "front", "note": "a\nb"}, "note is no printable text"),
        ({"stream": "front", "note": "\x1b[2J"}, "note is no printable text"),
        ({"stream": "front", "note": 7}, "note is no printable text"),
        ({"stream": "front", "note": "\ud800"}, "note is no printable text"),
        ({"transaction": {"a": 1}}, "transaction is no whole number"),
        ({"transaction": True}, "transaction is no whole number"),
        ({"transaction": 1.5}, "transaction is no whole number"),
        ({"transaction": 2**60}, "transaction is no whole number"),
        ({"transaction": "x" * 65}, "transaction is no whole number"),
    ],
)
def test_what_cannot_be_obeyed_is_answered_in_one_line(payload: bytes | dict[str, Any], why: str) -> None:
    assert why in problem("request/mark", payload)


def test_an_unknown_command_is_told_which_there_are() -> None:
    assert "unknown command: use one of health_check, republish, mark" in problem("request/reload")
    found = read("request/reload", {"transaction": 5})
    assert isinstance(found, Problem)
    assert found.reply == Reply(f"{ROOT}/response/reload", None, 5)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 65])
def test_what_is_no_name_of_a_command_is_not_answered(name: str) -> None:
    assert read(f"request/{name}") == Problem("request: no command has such a name")


def test_the_answer_goes_where_the_request_says_with_its_correlation() -> None:
    found = read("request/health_check", {"transaction": 9}, sender=Sender("people/carol/answers", b"\x00\x01"))
    assert isinstance(found, Request)
    assert found.reply == Reply("people/carol/answers", b"\x00\x01", 9)
    assert answer(found.reply).correlation == b"\x00\x01"
    within = read("request/health_check", sender=Sender(f"{ROOT}/response/health_check/carol"))
    assert isinstance(within, Request)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "a/+/b",
        "a/#",
        "$SYS/x",
        "$share/g/x",
        "a\x00b",
        "a\nb",
        "x" * 1025,
        "é" * 600,
        ROOT,
        f"{ROOT}/availability",
        f"{ROOT}/streams/front/enabled/set",
        f"{ROOT}/request/mark",
    ],
)
def test_nothing_is_sent_to_a_topic_that_is_none_or_ours(topic: str) -> None:
    asked = {"stream": "front", "transaction": 3}
    assert "the response topic" in problem("request/mark", asked, Sender(topic, b"c"))
    found = read("request/mark", asked, sender=Sender(topic, b"c"))
    assert isinstance(found, Problem)
    assert found.reply == Reply(f"{ROOT}/response/mark", b"c", 3)


def test_correlation_data_without_end_are_not_handed_back() -> None:
    found = read("request/health_check", sender=Sender("a", b"x" * 1025))
    assert isinstance(found, Request)
    assert found.reply.correlation is None


WORDS = st.sampled_from(["request/mark", "request/health_check", "streams/front/enabled/set", "request/", "x"])


@given(
    topic=WORDS | st.text(),
    payload=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["stream", "note", "transaction"]), inner),
    ).map(lambda value: json.dumps(value).encode()),
    sender=st.builds(Sender, st.none() | st.text(), st.none() | st.binary()),
)
def test_nothing_that_comes_in_raises_and_every_answer_is_a_line_of_json(
    topic: str, payload: bytes, sender: Sender
) -> None:
    found = read(topic, payload, sender=sender)
    if isinstance(found, Request | Problem) and found.reply is not None:
        told = answer(found.reply, error=found.why if isinstance(found, Problem) else None)
        assert not set(told.topic) & set("+#\x00")
        assert json.dumps(told.payload, ensure_ascii=False).encode().isascii() or told.payload["transaction"]
