"""The describer that asks an OpenAI-compatible server: pictures, sound and body language in, a few sentences out."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final

from buffers.evidence import Evidence
from configs.digest import json_digest
from configs.errors import ConfigError, ModelUnavailable
from configs.prompts import prompts_digest
from configs.secrets import read_secret
from configs.settings import Settings
from monitor.describers.answers import declines, plain_answer, says_nothing
from monitor.describers.base import Description, ModelInfo
from monitor.describers.openai.content import Shown, messages
from monitor.describers.openai.probe import MOST_CLIPS, Abilities, fewer, probe
from monitor.describers.shown import heard, seen
from monitor.remote.errors import AnswerLate, NotServed, RemoteError, RequestRefused, Unauthorised
from monitor.remote.parse import one_line
from monitor.remote.replies import Reply
from monitor.remote.server import Server
from monitor.remote.shutdown import shutdown_notice
from monitor.usage import Prices, Spent

logger = logging.getLogger("emotion_monitor.describers")

NAME: Final = "openai"


class OpenAIDescriber:
    """One model on one server. Raises `ModelUnavailable` for what it cannot describe; it never makes anything up."""

    def __init__(self, settings: Settings, server: Server | None = None) -> None:
        """Read the key; nothing is sent yet. `server` is given by tests only.

        Raises:
            ConfigError: `mllm.url` is not set or no address, or the key cannot be read.
            ModelUnavailable: The package `openai` is not installed.
        """
        mllm = settings.mllm
        if mllm.url is None:
            raise ConfigError("the describer openai needs a server: set mllm.url, such as http://localhost:8000/v1")
        self._mllm = mllm
        self._server = server or Server(
            url=mllm.url,
            model=mllm.model,
            key=read_secret("key", mllm.key_env, mllm.key_file, os.environ),
            timeout_s=mllm.timeout_s,
            requests_per_hour=mllm.requests_per_hour,
            what="the describer's server",
            seed=settings.seed,
            prices=Prices.of(mllm),
        )
        self._model = mllm.model or ""
        self._abilities: Abilities | None = None
        self._useless: str | None = None

    @property
    def info(self) -> ModelInfo:
        """What this describer is; its fingerprint covers what the server was found to be able to do."""
        return ModelInfo(
            name=NAME,
            heuristic=False,
            calibrated=False,
            notice=f"{self._model or 'a model'} on {self._server.host}: its words are unverified; {self._hearing}",
            model=self._model,
            fingerprint=self._fingerprint(),
            on_grid=True,
        )

    @property
    def spent(self) -> Spent:
        """What its server counted."""
        return self._server.spent

    async def start(self) -> tuple[str, ...]:
        """Ask the server what it can do.

        Raises:
            ConfigError: There is no such model, or it serves several and none was set.
            ModelUnavailable: It refuses the key or takes no pictures.
        """
        try:
            return await self._get_ready(0.0)
        except NotServed as error:
            raise ConfigError(str(error)) from None
        except (Unauthorised, RequestRefused):
            raise
        except RemoteError as error:
            return (f"{error}; the session goes on and asks again at each window",)

    async def describe(self, evidence: Evidence) -> Description:
        """Describe one window, within `mllm.timeout_s` altogether, so that a stand-in still has its time."""
        if self._useless is not None:
            raise ModelUnavailable(self._useless)
        try:
            async with asyncio.timeout(self._mllm.timeout_s):
                return await self._described(evidence)
        except TimeoutError:
            raise AnswerLate(
                f"{self._server.name} gave no description within {self._mllm.timeout_s:g} s; raise mllm.timeout_s "
                "or lower mllm.images"
            ) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _get_ready(self, at_s: float) -> tuple[str, ...]:
        """Find out the model and what it can do; remembers a server that can never describe."""
        try:
            self._model = await self._server.resolve()
            self._abilities, notices = await probe(self._server, self._mllm, at_s=at_s)
        except RemoteError:
            raise
        except ModelUnavailable as error:
            self._useless = str(error)
            raise
        ends = await self._ends()
        return notices if ends is None else (ends, *notices)

    async def _ends(self) -> str | None:
        """A warning where the model is to be shut down; keys that may not list models are common and no matter."""
        try:
            served = await self._server.models()
        except RemoteError:
            return None
        return shutdown_notice(served, self._model, self._server.today)

    async def _described(self, evidence: Evidence) -> Description:
        at_s = evidence.window.end_s
        notes: list[str] = []
        if self._abilities is None:
            try:
                notes += await self._get_ready(at_s)
            except ConfigError as error:
                raise ModelUnavailable(str(error)) from None
        while True:
            assert self._abilities is not None
            abilities = self._abilities
            shown = Shown(abilities.images, abilities.clips, abilities.uuids, low_detail=self._server.is_openai)
            pictures, clips = len(seen(evidence, shown.images)), len(heard(evidence, shown.clips))
            if not pictures and not clips:
                raise ModelUnavailable("no picture and no sound of this window can be sent")
            try:
                reply = await self._server.chat(
                    messages(evidence, shown),
                    at_s=at_s,
                    max_tokens=self._mllm.max_tokens,
                    temperature=self._mllm.temperature,
                    extra=self._server.thinking_off if self._mllm.thinking == "off" else None,
                )
            except RequestRefused as refused:
                less = fewer(abilities, refused, pictures=pictures, clips=clips)
                if less is None:
                    raise
                self._abilities = less
                notes += _learned(abilities, less)
            else:
                return self._description(reply, notes)

    def _description(self, reply: Reply, notes: list[str]) -> Description:
        """What the answer says; raises ModelUnavailable where it says nothing or declines."""
        for note in notes:
            logger.warning("%s: %s", self._server.name, note)
        answer = plain_answer(reply.text, cut_off=reply.finish == "length")
        if reply.refusal is not None or reply.finish == "content_filter" or declines(answer):
            words = reply.refusal or answer or reply.finish
            raise ModelUnavailable(f"the model on {self._server.host} refused to describe: {one_line(words, 120)}")
        if not answer:
            raise ModelUnavailable(f"the model on {self._server.host} refused to describe: its answer is empty")
        return Description(answer, NAME, insufficient=says_nothing(answer), note="; ".join(notes) or None)

    @property
    def _hearing(self) -> str:
        if self._abilities is None:
            return "it was not reached yet"
        return "it sees and hears" if self._abilities.hears else "it sees, but hears nothing"

    def _fingerprint(self) -> str:
        """Of all that decides what is asked and of whom."""
        abilities = self._abilities or Abilities(self._mllm.images, MOST_CLIPS if self._mllm.audio == "on" else 0)
        asked = {
            "describer": NAME,
            "model": self._model,
            "prompts": prompts_digest("describe"),
            "max_tokens": self._mllm.max_tokens,
            "temperature": self._mllm.temperature,
            "thinking": self._mllm.thinking,
            "images": abilities.images,
            "clips": abilities.clips,
            "refused": sorted(self._server.capabilities.refused),
        }
        return json_digest(asked)


def _learned(before: Abilities, after: Abilities) -> list[str]:
    """What a person should know of a limit that was met."""
    told = []
    if after.images < before.images:
        told.append(f"the server takes {after.images} images at once; windows are thinned to them")
    if after.clips < before.clips:
        told.append(
            f"the server takes {after.clips} clips at once"
            if after.clips
            else "the server takes no sound; it is left out"
        )
    return told
