"""The ways to ask a server, best first, and which of them it turned out to know. Pure state, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

FAILURES: Final = 2
"""Failures (5xx) of a way, while a lower one worked, after which it is given up: one may be bad luck."""


class Method(StrEnum):
    """How an answer is asked for, in the order of trust."""

    DECISIONS = "decisions"
    """`POST /decisions`: probabilities of the choices, no text."""
    LOGPROBS = "logprobs"
    """A chat answer held to a JSON schema, with the log-probabilities of its tokens."""
    SCHEMA = "schema"
    """The same without log-probabilities: the confidence that the model states."""
    JSON = "json"
    """A chat answer that is some JSON object."""
    TEXT = "text"
    """A chat answer of any form, read tolerantly."""


class Ladder:
    """Goes down where a way fails and a lower one works, and never up again within a session."""

    def __init__(self, methods: tuple[Method, ...]) -> None:
        """`methods` are those that may be used, best first; at least one."""
        self._methods = methods
        self._gone: set[Method] = set()
        self._failures: dict[Method, int] = {}
        self.settled: Method | None = methods[0] if len(methods) == 1 else None

    def to_try(self) -> Iterator[Method]:
        """The ways worth trying now, best first: the one that worked, then those below it."""
        best = 0 if self.settled is None else self._methods.index(self.settled)
        yield from [method for method in self._methods[best:] if method not in self._gone]

    def worked(self, method: Method, *, refused: tuple[Method, ...] = (), failed: tuple[Method, ...] = ()) -> None:
        """`method` gave an answer, after the server `refused` some ways for good and `failed` at others.

        Only now are those given up: where nothing works, it is the request or the server, not the way of asking.
        """
        self._gone.update(refused)
        for other in failed:
            self._failures[other] = self._failures.get(other, 0) + 1
            if self._failures[other] >= FAILURES:
                self._gone.add(other)
        # A way that may not be used is no better known for an answer that came in its form.
        if method in self._methods and self._gone.issuperset(self._methods[: self._methods.index(method)]):
            self.settled = method

    def give_up(self, method: Method) -> None:
        """The server takes this way of asking and does not do what it stands for; one that is alone is kept."""
        if len(self._methods) > 1:
            self._gone.add(method)
