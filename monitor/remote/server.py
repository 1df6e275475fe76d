"""A client for one OpenAI-compatible server: total deadlines, one retry, a budget, and what it was found to take.

Whatever a server does ends as a `Reply` or as one of `monitor.remote.errors`, within the time allowed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

from configs.errors import ConfigError
from monitor.remote.budget import HourBudget
from monitor.remote.capabilities import Capabilities
from monitor.remote.errors import (
    AnswerLate,
    BudgetSpent,
    NotServed,
    RemoteError,
    RequestRefused,
    ServerBusy,
    ServerFailed,
    Unauthorised,
    Unreachable,
)
from monitor.remote.parse import (
    MOST_SAID,
    NoReply,
    explanation,
    one_line,
    read_models,
    read_object,
    read_replies,
    read_usage,
)
from monitor.remote.replies import Reply, ServedModel
from monitor.remote.wire import Answer, Wire
from monitor.usage import Prices, Spent

Wait = Callable[[float], Awaitable[None]]
Read = TypeVar("Read")

PAUSE_S: Final = (0.25, 0.75)
"""Bounds of the wait before the one retry; drawn, so that many clients of one server do not come back together."""

BUSY_PAUSE_S: Final = (1.0, 2.0)
"""The same after 429 without Retry-After."""

OPENAI_HOSTS: Final = ("api.openai.com", ".api.openai.com")
"""Hosts that take `reasoning_effort` and refuse `chat_template_kwargs`, which is vLLM's and SGLang's."""


class Server:
    """One server and one model on it, for one describer or judge. Used from one event loop."""

    def __init__(
        self,
        *,
        url: str,
        model: str | None,
        key: str | None,
        timeout_s: float,
        requests_per_hour: int,
        what: str,
        seed: int | None = None,
        prices: Prices | None = None,
        wait: Wait = asyncio.sleep,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: Address up to and with `/v1`.
            model: The model to ask for; None takes the only one served.
            key: Sent as bearer token where there is one.
            timeout_s: Total wall time of each call, retry included (s).
            requests_per_hour: Budget per hour of media time, retries included (0: no limit).
            what: Name in messages, such as "the describer's server".
            seed: Makes the waits before retries repeatable.
            prices: What its tokens cost, where that is known.
            wait: Waits some seconds; tests put their own here.

        Raises:
            ConfigError: `url` is no http address.
            ModelUnavailable: The package `openai` is not installed.
        """
        self._wire = Wire(url, key, what)
        self._model = model
        self._timeout_s = timeout_s
        self._budget = HourBudget(requests_per_hour)
        self._requests_per_hour = requests_per_hour
        self._what = what
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret
        self._wait = wait
        self._today: date | None = None
        self.capabilities = Capabilities()
        self.spent = Spent(prices=prices)
        """Tokens of everything it answered so far, probes and retries included."""

    @property
    def name(self) -> str:
        """What it is and where, for messages."""
        return f"{self._what} at {self._wire.shown}"

    @property
    def host(self) -> str:
        """The host it runs on."""
        return self._wire.host

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, which takes other parameters than the servers one runs oneself."""
        return self._wire.host == OPENAI_HOSTS[0] or self._wire.host.endswith(OPENAI_HOSTS[1])

    @property
    def today(self) -> date | None:
        """The day of its last answer by its own clock; None before the first, or where it does not say."""
        return self._today

    @property
    def thinking_off(self) -> Mapping[str, object]:
        """What to put into `extra` so that a model that thinks aloud answers directly; dropped where it is refused."""
        if self.is_openai:
            return {"reasoning_effort": "none"}
        return {"chat_template_kwargs": {"enable_thinking": False}}

    async def chat(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        at_s: float,
        max_tokens: int,
        temperature: float | None = None,
        response_format: Mapping[str, object] | None = None,
        logprobs: bool = False,
        top_logprobs: int | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> Reply:
        """One answer to `messages` (of the chat completions route), at media time `at_s`.

        Optional parameters that the server refuses are dropped for good, so `tokens` may be empty in spite of
        `logprobs`. `extra` is put into the request as it is.

        Raises:
            RemoteError: One of the family in `monitor.remote.errors`; nothing else.
        """
        replies = await self.draw(
            messages,
            at_s=at_s,
            max_tokens=max_tokens,
            n=1,
            temperature=temperature,
            response_format=response_format,
            logprobs=logprobs,
            top_logprobs=top_logprobs,
            extra=extra,
        )
        return replies[0]

    async def draw(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        at_s: float,
        max_tokens: int,
        n: int,
        temperature: float | None = None,
        response_format: Mapping[str, object] | None = None,
        logprobs: bool = False,
        top_logprobs: int | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> tuple[Reply, ...]:
        """As `chat`, for `n` answers in one request; at least one and perhaps fewer: some servers ignore `n`."""
        optional = {
            "temperature": temperature,
            "response_format": response_format,
            "logprobs": True if logprobs else None,
            "top_logprobs": top_logprobs if logprobs else None,
            "n": n if n > 1 else None,
        }
        body: dict[str, object] = {
            "messages": list(messages),
            "max_tokens": max_tokens,
            **{name: value for name, value in optional.items() if value is not None},
            **(extra or {}),
        }
        async with self._deadline() as until_s:
            body["model"] = await self._model_to_ask(until_s)
            answer = await self._posted("/chat/completions", body, at_s=at_s, until_s=until_s)
        try:
            replies = self._read(answer, read_replies)
        except ServerFailed:
            self._count_unusable(answer)
            raise
        self.spent = self.spent.counted(replies[0].prompt_tokens, replies[0].completion_tokens)
        return replies

    async def post(self, path: str, body: Mapping[str, object], *, at_s: float) -> Mapping[str, object]:
        """Post JSON to another route of the server, such as `/decisions`; the JSON object it answers with.

        The body is sent as it is, so it has to name the model (`resolve`). Raises as `chat`.
        """
        async with self._deadline() as until_s:
            answer = await self._posted(path, body, at_s=at_s, until_s=until_s)
        found = self._read(answer, read_object)
        self.spent = self.spent.counted(*read_usage(found))
        return found

    async def models(self) -> tuple[ServedModel, ...]:
        """The models it says it serves; empty where it has no list or an empty one. Not charged to the budget.

        Raises:
            RemoteError: It cannot be reached, fails, or refuses the key.
        """
        async with self._deadline() as until_s:
            return await self._listed(until_s)

    async def resolve(self) -> str:
        """The model to ask for: the one that was set, or the only one that is served.

        Raises:
            ConfigError: None was set, and not exactly one is served.
            RemoteError: The list of models cannot be had.
        """
        async with self._deadline() as until_s:
            return await self._resolved(until_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[float]:
        """Bound everything inside by the total time allowed; gives its end on the loop's clock (s)."""
        try:
            async with asyncio.timeout(self._timeout_s) as scope:
                until_s = scope.when()
                assert until_s is not None
                yield until_s
        except TimeoutError:
            raise AnswerLate(
                f"{self.name} gave no complete answer within {self._timeout_s:g} s; raise its timeout_s or ask for less"
            ) from None

    async def _model_to_ask(self, until_s: float) -> str:
        """As `_resolved`, for a caller in the middle of a session, which a wrong setting must not end."""
        try:
            return await self._resolved(until_s)
        except ConfigError as error:
            raise NotServed(str(error)) from None

    async def _resolved(self, until_s: float) -> str:
        if self._model is None:
            try:
                served = await self._listed(until_s)
            except ServerFailed as error:
                raise ServerFailed(f"{error}; or set its model by name, so that its list is not needed") from None
            if not served:
                raise ConfigError(f"{self.name} lists no model; set its model by name")
            if len(served) > 1:
                names = one_line(", ".join(model.id for model in served), 300)
                raise ConfigError(f"{self.name} serves more than one model; set its model to one of: {names}")
            self._model = served[0].id
        return self._model

    async def _listed(self, until_s: float) -> tuple[ServedModel, ...]:
        try:
            answer = await self._exchanged("GET", "/models", None, at_s=None, until_s=until_s)
        except (NotServed, RequestRefused):
            return ()
        return read_models(answer.body)

    async def _posted(self, path: str, body: Mapping[str, object], *, at_s: float, until_s: float) -> Answer:
        """Post, again without what the server refuses by name. Each round learns something, so the rounds end."""
        while True:
            sent = self.capabilities.fitted(body)
            try:
                return await self._exchanged("POST", path, sent, at_s=at_s, until_s=until_s)
            except RequestRefused as error:
                if not self.capabilities.learn(sent, error.said):
                    raise

    async def _exchanged(
        self, method: str, path: str, body: Mapping[str, object] | None, *, at_s: float | None, until_s: float
    ) -> Answer:
        """One request, and one more if it may help and fits into the time; `at_s` None charges nothing."""
        if at_s is not None and not self._budget.left(at_s):
            raise BudgetSpent(
                f"{self.name}: the {self._requests_per_hour} requests of this hour are used up; "
                "raise its requests_per_hour, or raise windows.local_every_s"
            )
        for last in (False, True):
            if at_s is not None:
                self._budget.charge(at_s)
            pause_s: float | None
            failure: RemoteError
            try:
                answer = await self._wire.send(method, path, body)
            except Unreachable as error:
                failure, pause_s = error, self._random.uniform(*PAUSE_S)
            else:
                self._today = _day(answer) or self._today
                if 200 <= answer.status < 300:
                    return answer
                failure, pause_s = self._failure(answer)
            out_of_time = pause_s is None or pause_s >= until_s - asyncio.get_running_loop().time()
            if last or out_of_time or (at_s is not None and not self._budget.left(at_s)):
                raise failure
            assert pause_s is not None
            await self._wait(pause_s)
        raise AssertionError  # the second round returns or raises

    def _failure(self, answer: Answer) -> tuple[RemoteError, float | None]:
        """What a status means, and how long to wait before trying again (s; None: there is no use in it)."""
        status = answer.status
        said = self._told(explanation(answer.body), MOST_SAID)
        told = f": {one_line(said, 200)}" if said else ""
        if status == 429:
            busy = ServerBusy(f"{self.name} asks for patience (429){told}; raise windows.local_every_s")
            return busy, self._patience(answer)
        if status >= 500 or status == 408:
            failed = ServerFailed(f"{self.name} failed ({status}){told}; its own log says why")
            return failed, self._random.uniform(*PAUSE_S)
        if status in {401, 403} and "logprobs" not in said:
            return Unauthorised(f"{self.name} refuses the key ({status}){told}; check key_env or key_file"), None
        if status in {404, 405}:
            return NotServed(f"{self.name} has no such model or route ({status}){told}; check its model and url"), None
        if 400 <= status < 500:
            refused = RequestRefused(f"{self.name} refuses the request ({status}){told}", status=status, said=said)
            return refused, None
        where = self._told(answer.headers.get("location", ""), 200)
        away = f" to {where}" if where else ""
        return ServerFailed(f"{self.name} sends elsewhere ({status}){away}; nothing is sent there: set its url"), None

    def _patience(self, answer: Answer) -> float | None:
        """How long a 429 asks to wait (s), with some jitter; a date counts from the server's own clock."""
        jitter_s = self._random.uniform(*PAUSE_S)
        asked = answer.headers.get("retry-after", "").strip()
        try:
            return max(0.0, float(asked)) + jitter_s
        except ValueError:
            pass
        try:
            until, now = (parsedate_to_datetime(text) for text in (asked, answer.headers.get("date", "")))
            return max(0.0, (until - now).total_seconds()) + jitter_s
        except (ValueError, TypeError, OverflowError):
            return self._random.uniform(*BUSY_PAUSE_S)

    def _read(self, answer: Answer, reader: Callable[[bytes], Read]) -> Read:
        try:
            return reader(answer.body)
        except NoReply as error:
            why = self._told(str(error), 300)
        # Raised out here so that it does not carry the server's raw words along.
        raise ServerFailed(f"{self.name} sent no reply: {why}; is its url that of the API, with /v1?")

    def _count_unusable(self, answer: Answer) -> None:
        """What is of no use is paid for all the same, as far as its server says that it counted anything."""
        try:
            usage = read_usage(read_object(answer.body))
        except NoReply:
            return
        if usage != (None, None):
            self.spent = self.spent.counted(*usage)

    def _told(self, raw: str, most: int) -> str:
        """A server's words fit for a message: secrets are struck out before anything is cut, lest half of one stay."""
        return one_line(self._wire.without_secrets(raw), most)


def _day(answer: Answer) -> date | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).date()
    except (ValueError, TypeError):
        return None
