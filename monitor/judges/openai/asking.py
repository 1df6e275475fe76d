"""Asks a server for one opinion: the best way it can, one repair per verdict, and never a label of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from configs.errors import ConfigError
from monitor.judges.base import Label
from monitor.judges.openai.answers import Answer, read_answer
from monitor.judges.openai.ladder import Ladder, Method
from monitor.judges.openai.objects import Unusable
from monitor.judges.openai.probabilities import (
    Stated,
    decision_probability,
    label_probability,
    refused_decision,
    stated_probability,
)
from monitor.judges.openai.questions import Order, Question, decision, messages, repair, schema_format
from monitor.remote.errors import NotServed, RemoteError, RequestRefused, ServerFailed
from monitor.remote.replies import Reply
from monitor.remote.server import Server

RIVALS: Final = 20
"""Rivals of each token that are asked for: the most that OpenAI gives."""

SAMPLING_TEMPERATURE: Final = 0.7
"""Temperature of answers whose agreement is counted: at 0 they would all be the same. Source: self-consistency."""

UNHELD: Final = "the server does not hold its model to the schema"
"""Said where a reply was read that the schema that was asked for does not allow."""

TOO_LARGE: Final = 413
"""A request that is too large stays so, however the answer is asked for."""


@dataclass(slots=True)
class Turn:
    """What one verdict has used up so far: `at_s` is media time, `replies` are as they came."""

    at_s: float
    repairs_left: int = 1
    replies: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def flag(self, fact: str) -> None:
        """Note what a reader of the verdict should know, once."""
        if fact not in self.flags:
            self.flags.append(fact)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a server said of one question. `p_positive` is None where it said nothing, and `why` says why.

    `stated` is the label and confidence in the paper's form, None where only probabilities came. `unread` tells that
    the server answered and no answer could be read.
    """

    method: Method
    p_positive: float | None
    stated: Stated | None = None
    evidence: tuple[str, ...] = ()
    why: str = ""
    unread: bool = False


class Asker:
    """Asks one server, and remembers which ways of asking it turned out not to know."""

    def __init__(self, server: Server, ladder: Ladder, *, max_tokens: int) -> None:
        """`max_tokens` bounds each answer."""
        self._server = server
        self._ladder = ladder
        self._max_tokens = max_tokens

    async def opinion(self, question: Question, order: Order, turn: Turn) -> Opinion:
        """One opinion at temperature 0.

        Raises:
            RemoteError: The server cannot be reached, or takes none of the ways of asking.
        """
        return (await self._climb(question, order, turn, samples=1))[0]

    async def samples(self, question: Question, order: Order, turn: Turn, samples: int) -> tuple[Opinion, ...]:
        """So many opinions, drawn independently and without repair; raises as `opinion`."""
        return await self._climb(question, order, turn, samples=samples)

    async def _climb(self, question: Question, order: Order, turn: Turn, *, samples: int) -> tuple[Opinion, ...]:
        refused: list[Method] = []
        failed: list[Method] = []
        last: RemoteError | None = None
        methods = tuple(self._ladder.to_try())
        for method in methods:
            try:
                opinions = await self._ask(method, question, order, turn, samples)
            except (RequestRefused, NotServed) as error:
                # Without the chat route or the model no other way of asking helps, nor does it for what is too large.
                hopeless = isinstance(error, NotServed) and method is not Method.DECISIONS
                if hopeless or (isinstance(error, RequestRefused) and error.status == TOO_LARGE):
                    raise
                refused.append(method)
                last = error
            except ServerFailed as error:
                failed.append(method)
                last = error
            else:
                # There is no repairing a decision: one that contradicts itself is as good as none.
                if method is Method.DECISIONS and opinions[0].unread and method is not methods[-1]:
                    failed.append(method)
                    continue
                self._ladder.worked(opinions[0].method, refused=tuple(refused), failed=tuple(failed))
                return opinions
        assert last is not None
        raise last

    async def _ask(
        self, method: Method, question: Question, order: Order, turn: Turn, samples: int
    ) -> tuple[Opinion, ...]:
        if method is Method.DECISIONS:
            return (await self._decide(question, order, turn),)
        asked = messages(question, order)
        if samples == 1:
            return (await self._chat_opinion(method, asked, order, turn),)
        replies: list[Reply] = []
        while len(replies) < samples:  # servers that do not know `n` give one answer at a time
            left = samples - len(replies)
            replies.extend((await self._draw(method, asked, order, turn, n=left))[:left])
        return tuple(self._read(method, reply, turn) for reply in replies)

    async def _decide(self, question: Question, order: Order, turn: Turn) -> Opinion:
        try:
            model = await self._server.resolve()
        except ConfigError as error:  # in the middle of a session a wrong setting ends no more than this window
            raise NotServed(str(error)) from None
        answer = await self._server.post("/decisions", decision(question, order, model), at_s=turn.at_s)
        turn.replies.append(_written(answer))
        if refused_decision(answer):
            return Opinion(Method.DECISIONS, None, why="the model refused to answer")
        try:
            p_positive = decision_probability(answer)
        except Unusable as error:
            return Opinion(Method.DECISIONS, None, why=f"the decision cannot be used: {error}", unread=True)
        if p_positive is None:
            return Opinion(Method.DECISIONS, None, why="the model says that the description shows too little")
        return Opinion(Method.DECISIONS, p_positive)

    async def _chat_opinion(self, method: Method, asked: list[Mapping[str, Any]], order: Order, turn: Turn) -> Opinion:
        """One answer, asked for again once where it cannot be read."""
        reply = (await self._draw(method, asked, order, turn))[0]
        first = self._read(method, reply, turn)
        if not first.unread or not turn.repairs_left:
            return first
        turn.repairs_left -= 1
        turn.flag("one repair")
        again = repair(asked, reply.text, first.why, order)
        return self._read(method, (await self._draw(method, again, order, turn))[0], turn)

    async def _draw(
        self, method: Method, asked: list[Mapping[str, Any]], order: Order, turn: Turn, *, n: int = 0
    ) -> tuple[Reply, ...]:
        """Answers at temperature 0, or `n` of them drawn at random."""
        forms: Mapping[Method, Mapping[str, object] | None] = {
            Method.LOGPROBS: schema_format(order),
            Method.SCHEMA: schema_format(order),
            Method.JSON: {"type": "json_object"},
        }
        replies = await self._server.draw(
            asked,
            at_s=turn.at_s,
            max_tokens=self._max_tokens,
            n=max(1, n),
            temperature=SAMPLING_TEMPERATURE if n else 0.0,
            response_format=forms.get(method),
            logprobs=method is Method.LOGPROBS,
            top_logprobs=RIVALS,
            extra=self._server.thinking_off,
        )
        turn.replies.extend(reply.text or reply.refusal or "" for reply in replies)
        return replies

    def _read(self, method: Method, reply: Reply, turn: Turn) -> Opinion:
        if reply.refusal is not None or reply.finish == "content_filter":
            return Opinion(method, None, why="the model refused to answer")
        try:
            answer = read_answer(reply.text, cut=reply.finish == "length")
        except Unusable as error:
            return Opinion(method, None, why=str(error), unread=True)
        method = self._really(method, reply, answer, turn)
        if answer.label is None:
            return Opinion(method, None, why="the model says that the description shows too little")
        stated = Stated(answer.label, answer.confidence)
        told = label_probability(reply.tokens) if method is Method.LOGPROBS else None
        if method is Method.LOGPROBS and told is None:
            turn.flag("no probabilities of the labels: as stated")
        if told is not None and (told >= 0.5) is not (answer.label is Label.POSITIVE):
            turn.flag(f"the model wrote {answer.label.value}, less likely by its own probabilities")
        p_positive = stated_probability(stated) if told is None else told
        return Opinion(method, p_positive, stated, answer.evidence)

    def _really(self, method: Method, reply: Reply, answer: Answer, turn: Turn) -> Method:
        """The way the answer came in truth: servers leave out, without a word, what they do not know."""
        if method is Method.LOGPROBS and not reply.tokens:
            self._ladder.give_up(method)
            method = Method.SCHEMA
        if answer.tolerated and method in {Method.SCHEMA, Method.JSON}:
            self._ladder.give_up(Method.SCHEMA)
            self._ladder.give_up(Method.JSON)
            turn.flag(UNHELD)
            method = Method.TEXT
        return method


def _written(answer: Mapping[str, Any]) -> str:
    """JSON as text that any file takes: halves of surrogate pairs stay escaped."""
    try:
        return json.dumps(answer, separators=(",", ":"))
    except RecursionError:
        return "(nested too deeply to be written down)"
