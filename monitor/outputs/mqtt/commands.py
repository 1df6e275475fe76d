"""What comes in: switches and requests, read and judged. Pure: nothing is obeyed or published here, nothing raised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from monitor.outputs.mqtt.topics import OFF, ON, Topics
from monitor.outputs.public import Payload

MOST_BYTES: Final = 4096
"""Longest request."""

MOST_NOTE: Final = 200
"""Longest note of a mark (characters)."""

_MOST_NAME: Final = 64
"""Longest transaction, and longest name of a command that is answered (characters)."""

_MOST_NUMBER: Final = 2**53
"""Largest transaction that every reader of JSON hands back as it was."""

_MOST_TOPIC: Final = 1024
"""Longest topic that an answer is sent to (bytes)."""

_MOST_CORRELATION: Final = 1024
"""Longest correlation data that are handed back (bytes)."""


class What(StrEnum):
    """What a stream's switch switches."""

    ENABLED = "enabled"
    """Capture: off is a pause for the sake of privacy."""
    PREVIEW = "preview"
    """Masked pictures."""


class Wanted(StrEnum):
    """Requests that are known."""

    HEALTH_CHECK = "health_check"
    """How it does."""
    REPUBLISH = "republish"
    """All that is retained, once more."""
    MARK = "mark"
    """A mark in the journal, now."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Where who asked wants the answer (MQTT 5): properties of the request, None where it had none."""

    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an answer goes, and what it hands back."""

    topic: str
    correlation: bytes | None = None
    transaction: str | int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Switch something of a stream on or off."""

    stream: str
    what: What
    on: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Do something and answer. `stream` None is every one; a mark always has one, `note` is its."""

    wanted: Wanted
    stream: str | None
    note: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Problem:
    """Nothing is to be done; `why` in one line that holds nothing of what was sent. Answered where `reply` is there."""

    why: str
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is published, not retained."""

    topic: str
    payload: Payload
    correlation: bytes | None


Asked = Switch | Request


def subscriptions(topics: Topics, streams: Mapping[str, bool]) -> list[str]:
    """The topics to subscribe to. `streams` says of each name whether it can be paused."""
    switches = [
        topic for name in streams for topic in (topics.stream(name).enabled_set, topics.stream(name).preview_set)
    ]
    return [*switches, topics.requests]


def read_command(
    topic: str,
    payload: bytes,
    *,
    retained: bool,
    topics: Topics,
    streams: Mapping[str, bool],
    sender: Sender | None = None,
) -> Asked | Problem | None:
    """What a message asks for; None where it is no command.

    A retained one is none either: it was said to somebody else, once, and the broker repeats it to everybody.
    """
    if retained:
        return None
    for name, pausable in streams.items():
        of = topics.stream(name)
        if topic == of.enabled_set:
            return _switch(name, What.ENABLED, payload) if pausable else Problem(f"{name}: a recording is never paused")
        if topic == of.preview_set:
            return _switch(name, What.PREVIEW, payload)
    before = topics.request("")
    if not topic.startswith(before):
        return None
    command = topic.removeprefix(before)
    if not command or len(command) > _MOST_NAME or "/" in command:
        return Problem("request: no command has such a name")
    return _request(command, payload, topics, streams, sender or Sender())


def answer(reply: Reply, data: Mapping[str, Any] | None = None, *, error: str | None = None) -> Answer:
    """The answer to a request that was obeyed, or with `error` to one that was not."""
    return Answer(
        reply.topic,
        {
            "status": "ok" if error is None else "error",
            "data": dict(data or {}),
            "error": error,
            "transaction": reply.transaction,
        },
        reply.correlation,
    )


def _switch(stream: str, what: What, payload: bytes) -> Switch | Problem:
    word = payload[:16].strip().upper()
    if word not in {ON.encode(), OFF.encode()}:
        return Problem(f"{stream}: {what.value}/set takes {ON} or {OFF}")
    return Switch(stream, what, word == ON.encode())


@dataclass(frozen=True, slots=True)
class _Fields:
    """What a request says; `why` what is wrong with it, empty where nothing is."""

    stream: str | None = None
    note: str = ""
    transaction: str | int | None = None
    why: str = field(default="", kw_only=True)


def _request(
    command: str, payload: bytes, topics: Topics, streams: Mapping[str, bool], sender: Sender
) -> Request | Problem:
    refused = _refused(sender, topics)
    usual = sender.response_topic is None or bool(refused)
    where = topics.response(command) if usual or sender.response_topic is None else sender.response_topic
    correlation = sender.correlation if len(sender.correlation or b"") <= _MOST_CORRELATION else None
    fields = _fields(payload)
    reply = Reply(where, correlation, fields.transaction)
    known = command in {wanted.value for wanted in Wanted}
    why = refused or ("" if known else f"unknown command: use one of {_listed(list(Wanted))}") or fields.why
    if why:
        return Problem(f"request: {why}", reply)
    if fields.stream is not None and fields.stream not in streams:
        return Problem(f"request: unknown stream: use one of {_listed(list(streams))}", reply)
    wanted, stream = Wanted(command), fields.stream
    if wanted is Wanted.MARK and stream is None:
        if len(streams) != 1:
            return Problem(f"request: several streams: name one of {_listed(list(streams))}", reply)
        (stream,) = streams
    return Request(wanted, stream, fields.note, reply)


def _fields(payload: bytes) -> _Fields:
    """Read a request's JSON; fields that are not known are ignored."""
    if len(payload) > MOST_BYTES:
        return _Fields(why=f"too long: {MOST_BYTES} bytes are the most")
    try:
        said = json.loads(payload) if payload.strip() else {}
    except (ValueError, RecursionError):
        return _Fields(why="not JSON")
    if not isinstance(said, dict):
        return _Fields(why="not a JSON object")
    stream, note, transaction = said.get("stream"), said.get("note") or "", said.get("transaction")
    whole = type(transaction) is int and abs(transaction) <= _MOST_NUMBER
    if not (transaction is None or whole or _text(transaction, _MOST_NAME)):
        transaction, why = None, f"transaction is no whole number and no text of up to {_MOST_NAME} characters"
    elif not (stream is None or isinstance(stream, str)):
        why = "stream is no text"
    elif not _text(note, MOST_NOTE):
        why = f"note is no printable text of up to {MOST_NOTE} characters"
    else:
        why = ""
    return _Fields(why=why, transaction=transaction) if why else _Fields(stream, note, transaction)


def _refused(sender: Sender, topics: Topics) -> str:
    """Why nothing is sent to the wanted topic; empty where it may be.

    Whoever may ask could otherwise let us say things, under our name, where they may not speak.
    """
    topic = sender.response_topic
    if topic is None:
        return ""
    if not topic or topic.startswith("$") or not topic.isprintable() or any(sign in topic for sign in "+#"):
        return "the response topic must be a plain one"
    if len(topic.encode("utf-8", "replace")) > _MOST_TOPIC:
        return "the response topic is too long"
    if f"{topic}/".startswith(f"{topics.root}/") and not topic.startswith(topics.response("")):
        return f"the response topic may not be one of ours, but below {topics.response('')}"
    return ""


def _text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most and value.isprintable()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
