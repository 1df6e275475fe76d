"""The judge behind an OpenAI-compatible server: reads the description as data and answers by a schema, or abstains."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final, TypeVar

from buffers.evidence import Cadence, Evidence
from configs.digest import json_digest
from configs.errors import ConfigError
from configs.prompts import prompts_digest
from configs.secrets import read_secret
from configs.settings import Settings
from monitor.describers.base import Description, ModelInfo
from monitor.judges.base import NO_MEMORY, Memory, Verdict
from monitor.judges.openai.asking import UNHELD, Asker, Opinion, Turn
from monitor.judges.openai.blocks import Block, harmless
from monitor.judges.openai.ladder import Ladder, Method
from monitor.judges.openai.probabilities import paper_form
from monitor.judges.openai.questions import ORDERS, Question, question_of
from monitor.judges.openai.several import agreed, both_orders
from monitor.remote.errors import AnswerLate, NotServed, RemoteError, RequestRefused, Unauthorised
from monitor.remote.server import Server, Wait
from monitor.remote.shutdown import shutdown_notice
from monitor.usage import Prices, Spent

T = TypeVar("T")

NAME: Final = "openai"

MOST_RAW: Final = 4_000
"""Characters of the model's replies kept in the journal."""

MOST_REASON: Final = 200
"""Characters of the evidence that a model names, as far as the rationale quotes it."""

READ_FORM: Final = 1
"""Goes up when the reading of replies changes what a verdict is; part of the fingerprint."""

IN_WORDS: Final = (Method.SCHEMA, Method.JSON, Method.TEXT)
"""Ways that can be asked several times for different answers."""

TRIAL: Final = Question("question_local", 0.0, 30.0, (Block("description", ("A person sits at a table and speaks.",)),))
"""Asked at the start, so that what the server can do is known before the first window."""


class OpenAIJudge:
    """Judges windows by a language model on a server."""

    def __init__(
        self, settings: Settings, *, environ: Mapping[str, str] | None = None, wait: Wait = asyncio.sleep
    ) -> None:
        """Nothing is sent yet. `environ` (the process's by default) holds the keys; `wait` waits before a retry.

        Raises:
            ConfigError: No server is set, its key cannot be read, or the settings contradict each other.
            ModelUnavailable: The package `openai` is not installed.
        """
        llm, mllm = settings.llm, settings.mllm
        environ = os.environ if environ is None else environ
        if llm.samples > 1 and llm.method in {"decisions", "logprobs"}:
            raise ConfigError(
                f"llm.samples = {llm.samples} counts answers in words, which llm.method = {llm.method} does not need;"
                " set llm.samples to 1 or llm.method to auto"
            )
        url, model, prices = llm.url, llm.model, Prices.of(llm)
        key = read_secret("key", llm.key_env, llm.key_file, environ)
        if url is None:
            # The describer's server: with its model, its price and its key, which no other server is ever sent.
            if prices is None and model in {None, mllm.model}:
                prices = Prices.of(mllm)
            url, model = mllm.url, model or mllm.model
            key = key or read_secret("key", mllm.key_env, mllm.key_file, environ)
        if url is None:
            raise ConfigError("the judge openai has no server: set llm.url, or mllm.url for one that does both")
        self._settings = llm
        self._server = Server(
            url=url,
            model=model,
            key=key,
            timeout_s=llm.timeout_s,
            requests_per_hour=llm.requests_per_hour,
            what="the judge's server",
            seed=settings.seed,
            prices=prices,
            wait=wait,
        )
        self._model = model or ""
        self._ladder = Ladder(_methods(llm.method, llm.samples))
        self._asker = Asker(self._server, self._ladder, max_tokens=llm.max_tokens)

    @property
    def info(self) -> ModelInfo:
        """What this judge is, as far as the server was found out."""
        method = self._ladder.settled
        how = "in a way not yet known" if method is None else f"by {method.value}"
        return ModelInfo(
            name=NAME,
            heuristic=False,
            calibrated=False,
            notice=(
                f"stated probabilities are uncalibrated; model {self._model or 'not yet known'} at"
                f" {self._server.host}, asked {how}"
            ),
            model=self._model,
            fingerprint=self._fingerprint(method),
        )

    @property
    def spent(self) -> Spent:
        """What its server counted."""
        return self._server.spent

    async def start(self) -> tuple[str, ...]:
        """Find the model and the best way to ask it, by one trial question; what a person should know of it.

        Raises:
            ConfigError, ModelUnavailable: The server has no such model, or refuses the key or every way of asking.
        """
        turn = Turn(0.0)
        try:
            self._model = await self._server.resolve()
            opinion = await self._within(self._asker.opinion(TRIAL, ORDERS[0], turn))
        except NotServed as error:
            raise ConfigError(str(error)) from None
        except (RequestRefused, Unauthorised):
            raise
        except RemoteError as error:
            return (f"{error}; windows abstain until it answers",)
        unread = f"the judge's model gave no usable answer to a trial ({opinion.why}); windows may abstain"
        return (
            *await self._ends(),
            *([unread] if opinion.unread else []),
            *(flag for flag in turn.flags if flag == UNHELD),
        )

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        """Judge one window; `memory` is read for windows over the whole session only.

        Abstains on a refusal, on what cannot be read after one repair, and where nothing decides between the labels.

        Raises:
            ModelUnavailable: The server did not answer (`monitor.remote.errors`).
        """
        if description.insufficient:
            return Verdict.abstain(self.info, description.describer, "the description says that it shows too little")
        if evidence.window.cadence is not Cadence.GLOBAL:
            memory = NO_MEMORY
        question = question_of(description, evidence, memory)
        turn = Turn(evidence.window.end_s)
        opinion = await self._within(self._asked(question, turn))
        self._model = self._model or await self._server.resolve()
        return self._verdict(opinion, turn, description.describer)

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _ends(self) -> tuple[str, ...]:
        """A warning where the model's end is announced; keys that may not list models are common and no matter."""
        try:
            served = await self._server.models()
        except RemoteError:
            return ()
        setting = "llm.model" if self._settings.url or self._settings.model else "mllm.model"
        notice = shutdown_notice(served, self._model, self._server.today, setting)
        return () if notice is None else (notice,)

    async def _within(self, answer: Awaitable[T]) -> T:
        """Bound everything that one verdict asks for."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await answer
        except TimeoutError:
            raise AnswerLate(
                f"{self._server.name} gave no verdict within {self._settings.timeout_s:g} s; raise llm.timeout_s, or"
                " lower llm.samples"
            ) from None

    async def _asked(self, question: Question, turn: Turn) -> Opinion:
        if self._settings.samples > 1:
            return await self._sampled(question, turn)
        if self._settings.both_orders:
            return await self._in_both_orders(question, turn)
        return await self._asker.opinion(question, ORDERS[0], turn)

    async def _in_both_orders(self, question: Question, turn: Turn) -> Opinion:
        first = await self._asker.opinion(question, ORDERS[0], turn)
        try:
            second = await self._asker.opinion(question, ORDERS[1], turn)
        except RemoteError as error:
            turn.flag(f"asked in one order of the labels only, not averaged: {harmless(str(error), MOST_REASON)}")
            return first
        return both_orders(first, second, turn)

    async def _sampled(self, question: Question, turn: Turn) -> Opinion:
        """Several answers in words; half of them in each order of the labels where that is asked for."""
        most = self._settings.samples
        parts = (most - most // 2, most // 2) if self._settings.both_orders else (most,)
        opinions = [
            opinion
            for order, samples in zip(ORDERS, parts, strict=False)
            for opinion in await self._asker.samples(question, order, turn, samples)
        ]
        return agreed(opinions, turn)

    def _verdict(self, opinion: Opinion, turn: Turn, describer: str) -> Verdict:
        form = None if opinion.p_positive is None else paper_form(opinion.p_positive, opinion.stated)
        raw = _raw(turn.replies)
        if form is None:
            why = opinion.why or "nothing decides between the labels: the answers cancel out"
            why = f"no usable answer: {why}" if opinion.unread else why
            return Verdict.abstain(self.info, describer, _line(opinion.method, why, turn.flags), raw)
        label, p_positive, confidence = form
        named = harmless("; ".join(opinion.evidence), MOST_REASON) or "no evidence named"
        rationale = _line(opinion.method, named, turn.flags)
        return Verdict(label, p_positive, confidence, NAME, describer, calibrated=False, rationale=rationale, raw=raw)

    def _fingerprint(self, method: Method | None) -> str:
        """Of all that decides what is asked, of whom, and how the reply is read."""
        asked = {
            "judge": NAME,
            "form": READ_FORM,
            "model": self._model,
            "prompts": prompts_digest("judge"),
            "method": self._settings.method if method is None else method.value,
            "both_orders": self._settings.both_orders,
            "samples": self._settings.samples,
            "max_tokens": self._settings.max_tokens,
            "refused": sorted(self._server.capabilities.refused),
        }
        return json_digest(asked)


def _methods(method: str, samples: int) -> tuple[Method, ...]:
    """The ways that the settings allow, best first."""
    if method != "auto":
        return (Method(method),)
    return tuple(Method) if samples == 1 else IN_WORDS


def _line(method: Method, said: str, flags: Sequence[str]) -> str:
    return "; ".join([f"{method.value}: {said}", *flags])


def _raw(replies: Sequence[str]) -> str | None:
    """The replies as they came: one as it is, several as a JSON list, shortened alike until they fit."""
    if len(replies) < 2:
        return replies[0][:MOST_RAW] if replies else None
    each = MOST_RAW
    while True:
        raw = json.dumps([reply[:each] for reply in replies], ensure_ascii=False)
        if len(raw) <= MOST_RAW:
            return raw
        each //= 2
