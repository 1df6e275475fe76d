"""Windows, answers and tokens for the tests of the judge behind a server."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from buffers.evidence import Cadence, Evidence
from configs.settings import Settings
from monitor.describers.base import Description
from monitor.judges.base import NO_MEMORY, Memory, Verdict
from monitor.judges.openai.judge import OpenAIJudge
from tests.made_evidence import event, evidence
from tests.made_server import Asked, Say, ScriptedServer, Send

T = TypeVar("T")

CALM = Description("The person leans back and speaks evenly.", "made-describer")

WINDOW = evidence(events=(event(210.0),))
WHOLE = evidence(0.0, 230.0, cadence=Cadence.GLOBAL)


async def no_wait(seconds: float) -> None:
    """Waits for nothing."""


def answer(
    emotion: object = "negative",
    confidence: object = 7,
    said: object = ("shoulders drawn up",),
    insufficient: object = False,
    **more: object,
) -> str:
    """An answer as the schema wants it, unless told otherwise."""
    fields = {"emotion": emotion, "confidence": confidence, "evidence": said, "insufficient": insufficient, **more}
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def tokens(label: str, p_label: float, *, pieces: Sequence[str] | None = None) -> list[tuple[str, Mapping[str, float]]]:
    """Tokens of an answer in which the label was chosen with that probability against the other."""
    other = {"positive": "negative", "negative": "positive"}[label]
    first, *rest = pieces or (label,)
    sure = {first: math.log(p_label), other: math.log(1.0 - p_label)}
    plain = ['{"', "emotion", '":', ' "']
    after = ['",', ' "', "confidence", '":', " ", "7", ', "evidence": ["shoulders drawn up"], "insufficient": false}']
    return [
        *((token, {token: 0.0}) for token in plain),
        (first, sure),
        *((token, {token: 0.0}) for token in [*rest, *after]),
    ]


def weighed(label: str, p_label: float) -> Say:
    """An answer with the probabilities of its labels."""
    return Say(answer(label), tokens=tokens(label, p_label))


def decided(positive: float, negative: float, insufficient: float = 0.0, **more: object) -> Send:
    """An answer of the Decisions API."""
    shares = {"positive": positive, "negative": negative, "insufficient": insufficient}
    first = {
        "type": "choice",
        "name": "emotion",
        "choice": max(shares, key=lambda value: shares[value]),
        "confidence": max(shares.values()),
        "probabilities": [{"value": value, "probability": share} for value, share in shares.items()],
        **more,
    }
    return Send(200, {"answers": [first], "model": "made-model", "usage": {}})


def settings(server: ScriptedServer | None = None, **llm: object) -> Settings:
    """Settings that name the server as the judge's."""
    url = None if server is None else server.url
    return Settings.model_validate({"llm": {"url": url, "timeout_s": 5.0, **llm}})


def run(work: Callable[[OpenAIJudge], Coroutine[Any, Any, T]], chosen: Settings) -> T:
    """Do something with a judge and close it."""

    async def all_of_it() -> T:
        judge = OpenAIJudge(chosen, environ={}, wait=no_wait)
        try:
            return await work(judge)
        finally:
            await judge.close()

    return asyncio.run(all_of_it())


def verdict(
    server: ScriptedServer,
    *,
    window: Evidence = WINDOW,
    description: Description = CALM,
    memory: Memory = NO_MEMORY,
    **llm: object,
) -> Verdict:
    """The verdict on one window, without a trial."""
    return run(lambda judge: judge.judge(description, window, memory), settings(server, **llm))


def verdicts(server: ScriptedServer, times: int, **llm: object) -> list[Verdict]:
    """So many verdicts of one judge."""

    async def several(judge: OpenAIJudge) -> list[Verdict]:
        return [await judge.judge(CALM, WINDOW) for _ in range(times)]

    return run(several, settings(server, **llm))


def figures(found: Verdict) -> tuple[float, float]:
    """Probability of positive and confidence of a verdict that has them."""
    assert found.p_positive is not None
    assert found.confidence is not None
    return found.p_positive, found.confidence


def way(asked: Asked) -> str:
    """Which way of asking a request was."""
    if asked.path == "/v1/decisions":
        return "decisions"
    form = asked.body.get("response_format", {}).get("type")
    if form == "json_schema":
        return "logprobs" if asked.body.get("logprobs") else "schema"
    return "json" if form else "text"
