"""What a server sends back, as far as anybody here reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One token of an answer and its rivals, each with the natural logarithm of its probability."""

    token: str
    logprob: float
    rivals: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A chat answer. `text` is empty where the model said nothing; `refusal` holds its words where it refused.

    `finish` is the server's reason for the end (`stop`, `length`, `content_filter`, ...); counts are None where the
    server does not tell. `tokens` is empty unless log-probabilities were asked for and given.
    """

    text: str
    refusal: str | None
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    tokens: tuple[TokenChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in a server's list; `shutdown_date` (ISO 8601) where the server announces one."""

    id: str
    shutdown_date: str | None = None
