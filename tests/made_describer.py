"""A describer before a scripted server, and windows for it to describe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np

from buffers.evidence import AudioClip, Cadence, Evidence, StoredFrame
from buffers.records import NfblEvent
from configs.model_settings import MllmSettings
from configs.settings import Settings
from monitor.describers.base import Description
from monitor.describers.openai.describer import OpenAIDescriber
from monitor.remote.server import Server
from tests.made_evidence import evidence, frames
from tests.made_server import Action, Asked, ScriptedServer

Found = TypeVar("Found")


async def no_wait(_seconds: float) -> None:
    """Do not wait."""


def describer(made: ScriptedServer, **changed: object) -> OpenAIDescriber:
    mllm = MllmSettings.model_validate({"url": made.url, **changed})
    server = Server(
        url=made.url,
        model=mllm.model,
        key=None,
        timeout_s=mllm.timeout_s,
        requests_per_hour=mllm.requests_per_hour,
        what="the describer's server",
        seed=1,
        wait=no_wait,
    )
    return OpenAIDescriber(Settings(mllm=mllm), server)


def run(who: OpenAIDescriber, what: Callable[[OpenAIDescriber], Coroutine[Any, Any, Found]]) -> Found:
    async def go() -> Found:
        try:
            return await what(who)
        finally:
            await who.close()

    return asyncio.run(go())


def clips(*times_s: float, coverage: float = 1.0) -> tuple[AudioClip, ...]:
    return tuple(AudioClip(t_s, np.full(32_000, 0.5, np.float32), coverage) for t_s in times_s)


def window(
    pictures: int = 4,
    *,
    shown: tuple[StoredFrame, ...] | None = None,
    heard: tuple[AudioClip, ...] | None = None,
    events: tuple[NfblEvent, ...] = (),
    cadence: Cadence = Cadence.LOCAL,
) -> Evidence:
    times_s = [200.0 + 7.5 * place for place in range(pictures)]
    return evidence(
        shown=frames(times_s, [10 + place for place in range(pictures)]) if shown is None else shown,
        clips=clips(201.0, 221.0) if heard is None else heard,
        events=events,
        cadence=cadence,
    )


def describe(made: ScriptedServer, what: Evidence | None = None, **changed: object) -> Description:
    async def started(who: OpenAIDescriber) -> Description:
        await who.start()
        return await who.describe(what or window())

    return run(describer(made, **changed), started)


def start(made: ScriptedServer, **changed: object) -> tuple[str, ...]:
    return run(describer(made, **changed), lambda who: who.start())


class StrictServer(ScriptedServer):
    """One whose script answers the probes too."""

    def answer(self, asked: Asked) -> Action:
        if asked.path == "/v1/chat/completions":
            self.asked.append(asked)
            return self._scripted(asked)
        return super().answer(asked)
