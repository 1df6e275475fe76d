"""What models are asked for: how often, how long they take, how many tokens that is and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol, runtime_checkable

from configs.model_settings import LlmSettings, MllmSettings


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a model was asked since the session began: `role` is `describer` or `judge`.

    `seconds` is wall time spent waiting for all answers together, `last_s` for the latest. Tokens are as its server
    counts them, 0 where it does not; `cost` is in the currency of the prices that are set, None where none are.
    """

    role: str
    name: str
    asked: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_s: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


_PER: Final = 1e6
"""Prices are those of a million tokens."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens that are read and that are written, in whatever currency."""

    read: float
    written: float

    @classmethod
    def of(cls, settings: MllmSettings | LlmSettings) -> Prices | None:
        """Those that are set, None where none are."""
        if settings.price_in is None or settings.price_out is None:
            return None
        return cls(settings.price_in, settings.price_out)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a model used up so far. Tokens are as its server counts them; `uncounted` answers came without a count.

    `recalled` counts answers for which nobody was asked: a cassette's.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    recalled: int = 0
    prices: Prices | None = None

    def counted(self, prompt: int | None, completion: int | None) -> Spent:
        """With one more answer of so many tokens; None where its server does not tell."""
        return replace(
            self,
            prompt_tokens=self.prompt_tokens + (prompt or 0),
            completion_tokens=self.completion_tokens + (completion or 0),
            uncounted=self.uncounted + (prompt is None or completion is None),
        )

    @property
    def cost(self) -> float | None:
        """In the currency of the prices; None where none are set, or an answer came without a count."""
        if self.prices is None or self.uncounted:
            return None
        return (self.prompt_tokens * self.prices.read + self.completion_tokens * self.prices.written) / _PER


@runtime_checkable
class Spending(Protocol):
    """A describer or judge that uses something up, or wraps one that may."""

    @property
    def spent(self) -> Spent:
        """What it used up so far."""


def spent_by(model: object) -> Spent:
    """What a describer or judge used up so far; nothing where it counts nothing."""
    return model.spent if isinstance(model, Spending) else Spent()


@dataclass(slots=True)
class Asked:
    """One question: whether something stood in for the model because it could not answer."""

    stood_in: bool = False


class Meter:
    """Measures what is asked of one model."""

    def __init__(self, role: str, model: object) -> None:
        """`role` is `describer` or `judge`."""
        self._role = role
        self._model = model
        self._asked = 0
        self._failed = 0
        self._seconds = 0.0
        self._last_s: float | None = None

    @contextmanager
    def asking(self) -> Iterator[Asked]:
        """Around one question. It counts unless it was recalled; as failed where it raises or something stood in."""
        clock = asyncio.get_running_loop()
        recalled, began_s, failed = spent_by(self._model).recalled, clock.time(), True
        asked = Asked()
        try:
            yield asked
            failed = asked.stood_in
        finally:
            if spent_by(self._model).recalled == recalled:
                self._last_s = clock.time() - began_s
                self._asked += 1
                self._failed += failed
                self._seconds += self._last_s

    def use(self, name: str) -> ModelUse:
        """All of it so far, of the model that is called `name`."""
        spent = spent_by(self._model)
        return ModelUse(
            role=self._role,
            name=name,
            asked=self._asked,
            failed=self._failed,
            seconds=self._seconds,
            last_s=self._last_s,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            cost=spent.cost,
        )
