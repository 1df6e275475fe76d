"""Verdicts and changes of state as signed HTTP requests: every record of the journal that is asked for, in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from configs.errors import JournalError
from configs.output_settings import WebhookSettings
from monitor.outbox import Box, Outbox, outbox_folder
from monitor.outputs.base import Output, Stream
from monitor.outputs.webhook.delivery import Delivery, HookGone
from monitor.outputs.webhook.events import journal_kinds
from monitor.outputs.webhook.hook import Hook
from monitor.outputs.webhook.signing import read_key
from monitor.snapshot import OutputState, OutputStatus, Snapshot

logger = logging.getLogger("emotion_monitor.webhook")

NAME: Final = "webhook"


class WebhookDestination:
    """One receiver for all streams. What it does not take now waits in the journals."""

    def __init__(self, settings: WebhookSettings, url: str, environ: Mapping[str, str]) -> None:
        """Read the secret; nothing is sent yet.

        Raises:
            ConfigError: The address cannot be used, or there is no secret.
        """
        self._drain_s = settings.drain_s
        hook = Hook(url, read_key(settings, environ), timeout_s=settings.timeout_s)
        self.delivery = Delivery(settings, hook)
        kinds = journal_kinds(settings.kinds, rationale=settings.rationale)
        folder = outbox_folder(NAME, *hook.receiver)
        self.outbox = Outbox(folder, kinds, self.delivery.deliver, words=settings.rationale)
        self._earlier: asyncio.Task[None] | None = None
        self._until_s: float | None = None

    async def open(self, streams: Sequence[Stream]) -> None:
        """Begin with what earlier runs left."""
        await self.delivery.open(streams[0].now)
        self._earlier = asyncio.create_task(self._deliver_earlier([stream.session for stream in streams]))
        self._earlier.add_done_callback(_tell_of_bug)
        for stream in streams:
            stream.report(OutputStatus(NAME, OutputState.CONNECTING, waiting=0))

    def output(self, stream: Stream) -> Output:
        """The output of one of the streams."""
        return _Delivered(self, stream)

    def ending(self) -> float:
        """A stream ends: how long it may wait for what is not taken yet (s)."""
        self.delivery.hurry()
        self._until_s = asyncio.get_running_loop().time() + self._drain_s
        return self._drain_s

    async def close(self) -> None:
        """Leave what could not be delivered to the next run: earlier runs' share the time of the last stream's end."""
        if self._earlier is not None:
            if self._until_s is None:  # no stream ever ended, since none began
                self.ending()
            assert self._until_s is not None
            left_s = self._until_s - asyncio.get_running_loop().time()
            try:
                await asyncio.wait({self._earlier}, timeout=max(0.0, left_s))
            finally:
                self._earlier.cancel()
                await asyncio.gather(self._earlier, return_exceptions=True)
        await self.delivery.close()

    async def _deliver_earlier(self, without: Sequence[str]) -> None:
        with contextlib.suppress(HookGone):  # the streams tell of it
            await self.outbox.deliver_earlier(without)


def _tell_of_bug(earlier: asyncio.Task[None]) -> None:
    error = None if earlier.cancelled() else earlier.exception()
    if error is not None:
        logger.error("delivering what was left failed; please report this", exc_info=error)


class _Delivered:
    """Delivers the journal of one stream."""

    def __init__(self, destination: WebhookDestination, stream: Stream) -> None:
        self._destination = destination
        self._stream = stream
        self._box: Box | None = None
        self._running: asyncio.Task[None] | None = None
        self._fault = ""
        self._told: OutputStatus | None = None

    async def start(self) -> None:
        """Begin to follow the journal."""
        stream = self._stream
        try:
            self._box = self._destination.outbox.begin(stream.session, stream.name, stream.journal)
        except JournalError as error:
            self._fault = str(error)
            self._tell()
        else:
            self._running = asyncio.create_task(self._run(self._box))
            self._running.add_done_callback(self._ended)

    def record(self, line: str) -> None:
        """One line was added to the journal."""
        if self._box is not None:
            self._box.wake(line)

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - nothing of it is sent
        """Nothing of it is sent; how the receiver does is told where that has changed."""
        self._tell()

    async def close(self, last: Snapshot | None) -> None:  # noqa: ARG002 - nothing of it is sent
        """Wait a while for what is not taken yet; the rest goes out with the next run."""
        if self._box is None or self._running is None:
            return
        draining = asyncio.create_task(self._box.drain(self._destination.ending()))
        try:
            await asyncio.wait({self._running, draining}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (draining, self._running):
                task.cancel()
            await asyncio.gather(draining, self._running, return_exceptions=True)
            self._box.close()
        self._tell(over=True)

    async def _run(self, box: Box) -> None:
        with contextlib.suppress(HookGone):  # the delivery says so
            await box.run()

    def _ended(self, running: asyncio.Task[None]) -> None:
        """Delivering ended before the session: the next run goes on with it."""
        error = None if running.cancelled() else running.exception()
        if isinstance(error, (JournalError, OSError)):
            self._fault = str(error)
        elif error is not None:
            logger.error("delivering failed", exc_info=error)
            self._fault = f"unexpected {type(error).__name__}; please report this"

    def _tell(self, *, over: bool = False) -> None:
        """Report how it is, once for each change."""
        delivery, waiting = self._destination.delivery, 0 if self._box is None else self._box.waiting
        state, reason = delivery.state, delivery.reason
        if self._fault:
            state, reason = OutputState.STOPPED, self._fault
        elif over and waiting and state is not OutputState.STOPPED:
            reason = f"{waiting} records wait for the next session{f': {reason}' if reason else ''}"
        status = OutputStatus(NAME, state, reason, waiting)
        if status != self._told:
            self._told = status
            self._stream.report(status)
