"""Reading what a server sent, trusting none of it: every shape that is not the expected one is an error or a blank."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from monitor.remote.replies import Reply, ServedModel, TokenChoice

MOST_SAID: Final = 500
"""Characters kept of a server's own explanation."""

MOST_TEXT: Final = 65_536
"""Characters kept of an answer: far beyond any that was asked for."""

CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]+")
"""Line ends, terminal controls, halves of pairs, and marks that are invisible or turn the direction of writing."""


class NoReply(ValueError):
    """The body is not what the route promises; the text says what is wrong with it."""


def one_line(text: str, most: int) -> str:
    """The text on one line without control characters, cut to `most` characters."""
    line = " ".join(CONTROLS.sub(" ", text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def read_object(body: bytes) -> Mapping[str, object]:
    """A JSON object out of a body; raises NoReply."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise NoReply("it is not JSON") from None
    if not isinstance(found, dict):
        raise NoReply("it is not a JSON object")
    return found


def read_replies(body: bytes) -> tuple[Reply, ...]:
    """The answers of a chat completion, at least one; raises NoReply."""
    found = read_object(body)
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices:
        error = _explanation(found)
        raise NoReply(f"it holds no answer{f': {_clean(error)}' if error else ''}")
    prompt, completion = read_usage(found)
    return tuple(_reply(choice, prompt, completion) for choice in choices)


def read_usage(found: Mapping[str, object]) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the answer as a server counts them, None where it does not."""
    usage = _mapping(found.get("usage"))
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def read_models(body: bytes) -> tuple[ServedModel, ...]:
    """The models in a list, none where it is no list."""
    try:
        data = read_object(body).get("data")
    except NoReply:
        return ()
    models = []
    for entry in data if isinstance(data, list) else []:
        fields = _mapping(entry)
        name, date = fields.get("id"), fields.get("shutdown_date")
        if isinstance(name, str) and name:
            models.append(ServedModel(_clean(name), one_line(date, 40) if isinstance(date, str) else None))
    return tuple(models)


def explanation(body: bytes) -> str:
    """What a server says about a refusal, as it says it: raw, and often empty."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        text = re.sub(r"<[^>]*>", " ", body[:MOST_TEXT].decode("utf-8", "replace"))
        return _clean(text)
    return _clean(_explanation(found))


def _explanation(found: object) -> str:
    """The message of any of the usual error shapes, with the parameter it names."""
    if isinstance(found, str):
        return found
    fields = _mapping(found)
    for name in ("error", "detail", "message"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list) and value:
            return json.dumps(value)
        inner = _mapping(value)
        if inner:
            message, parameter = inner.get("message"), inner.get("param")
            said = message if isinstance(message, str) else json.dumps(inner)
            return f"{said} ({parameter})" if isinstance(parameter, str) and parameter not in said else said
    return ""


def _reply(choice: object, prompt: int | None, completion: int | None) -> Reply:
    fields = _mapping(choice)
    message = fields.get("message")
    if not isinstance(message, dict):
        raise NoReply("its answer holds no message")
    refusal, finish = message.get("refusal"), fields.get("finish_reason")
    return Reply(
        text=_text(message.get("content")),
        refusal=_clean(refusal) if isinstance(refusal, str) and refusal.strip() else None,
        finish=one_line(finish, 40) if isinstance(finish, str) else "",
        prompt_tokens=prompt,
        completion_tokens=completion,
        tokens=tuple(_tokens(_mapping(fields.get("logprobs")).get("content"))),
    )


def _text(content: object) -> str:
    """The words of a message: a text, or a list of parts of which those with text count."""
    if isinstance(content, str):
        return _clean(content)
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _mapping(part).get("text") for part in content]
        return _clean("".join(text for text in texts if isinstance(text, str)))
    return ""


def _tokens(content: object) -> Iterator[TokenChoice]:
    for entry in content if isinstance(content, list) else []:
        fields = _mapping(entry)
        chosen = _token(fields)
        if chosen is not None:
            rivals = fields.get("top_logprobs")
            found = (_token(_mapping(rival)) for rival in (rivals if isinstance(rivals, list) else []))
            yield TokenChoice(*chosen, tuple(rival for rival in found if rival is not None))


def _token(fields: Mapping[str, object]) -> tuple[str, float] | None:
    token, logprob = fields.get("token"), fields.get("logprob")
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, (int, float)):
        return None
    if not -1e6 < logprob <= 1e-3:  # beyond this it is no logarithm of a probability; NaN compares false too
        return None
    return _clean(token), min(0.0, float(logprob))


def _count(value: object) -> int | None:
    """A count, also where a server writes it as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 1e12 else None  # NaN compares false; what JSON can write is not all a float


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which JSON may hold and no file can; cut to `MOST_TEXT` characters."""
    return text[:MOST_TEXT].encode("utf-8", "replace").decode("utf-8")
