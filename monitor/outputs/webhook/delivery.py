"""Sends records until they are taken: retries with growing waits, and how the receiver does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime

from configs.output_settings import WebhookSettings
from monitor.outbox import Parcel, Undeliverable
from monitor.outputs.webhook.answers import Answer, Fate, pause_s
from monitor.outputs.webhook.events import event_body, message_id
from monitor.outputs.webhook.hook import Hook, Unreached
from monitor.snapshot import OutputState


class HookGone(Exception):
    """The receiver wants nothing any more."""


class Delivery:
    """Delivers one parcel at a time for each journal. `state` and `reason` say how the receiver does."""

    def __init__(self, settings: WebhookSettings, hook: Hook) -> None:
        """`open` before `deliver`."""
        self.state = OutputState.CONNECTING
        self.reason = ""
        self._settings = settings
        self._hook = hook
        self._now: Callable[[], str] = str
        self._hurried = asyncio.Event()
        self._random = random.Random()  # noqa: S311 - jitter, no secret

    async def open(self, now: Callable[[], str]) -> None:
        """Get ready; `now` is wall time in UTC (ISO 8601)."""
        self._now = now
        await self._hook.open()

    async def deliver(self, parcel: Parcel) -> None:
        """Send it until it is taken.

        Raises:
            Undeliverable: The receiver answers and will never take it.
            HookGone: It wants nothing any more.
        """
        body = event_body(parcel)
        failures = 0
        while True:
            if self.state is OutputState.STOPPED:  # it may have said so to another journal's record
                raise HookGone(self.reason)
            answer = await self._sent(message_id(parcel), body)
            match answer.fate:
                case Fate.TAKEN:
                    self._is(OutputState.UP)
                    return
                case Fate.REFUSED:
                    self._is(OutputState.UP, answer.reason)
                    raise Undeliverable(answer.reason)
                case Fate.GONE:
                    self._is(OutputState.STOPPED, answer.reason)
                    raise HookGone(answer.reason)
            self._is(OutputState.DOWN, answer.reason)
            failures += 1
            await self._pause(answer, failures)

    def hurry(self) -> None:
        """The end is near: try once more at once instead of waiting."""
        self._hurried.set()

    async def close(self) -> None:
        """Close the connections."""
        await self._hook.close()

    async def _sent(self, name: str, body: bytes) -> Answer:
        at = int(datetime.fromisoformat(self._now()).timestamp())
        try:
            return await self._hook.post(name, at, body)
        except Unreached as error:
            return Answer(Fate.AGAIN, str(error))

    async def _pause(self, answer: Answer, failures: int) -> None:
        settings = self._settings
        wait_s = pause_s(
            failures, first_s=settings.retry_first_s, most_s=settings.retry_most_s, chance=self._random.random()
        )
        try:
            async with asyncio.timeout(max(wait_s, answer.wait_s or 0.0)):
                await self._hurried.wait()
        except TimeoutError:
            return
        self._hurried.clear()

    def _is(self, state: OutputState, reason: str = "") -> None:
        if self.state is not OutputState.STOPPED:
            self.state, self.reason = state, reason
