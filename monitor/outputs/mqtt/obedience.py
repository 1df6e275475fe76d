"""Does what is asked through the broker, and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from monitor.outputs.base import Command
from monitor.outputs.mqtt.commands import Answer, Problem, Request, Sender, Switch, Wanted, What, answer, read_command
from monitor.outputs.mqtt.link import Link
from monitor.outputs.mqtt.messages import Incoming, Outgoing, encoded
from monitor.outputs.mqtt.output import MqttOutput
from monitor.outputs.mqtt.topics import Topics
from monitor.outputs.public import Payload

logger = logging.getLogger("emotion_monitor.mqtt")


_ANSWER_EXPIRY_S: Final = 60
"""How long a broker keeps an answer for who asked and is away (s)."""


class Obedience:
    """Takes one message after the other; what is wrong with one is answered or logged, never raised."""

    def __init__(
        self,
        topics: Topics,
        pausable: Mapping[str, bool],
        outputs: Mapping[str, MqttOutput],
        link: Link,
        *,
        stats: Callable[[], Payload],
        republish: Callable[[], asyncio.Task[None]],
    ) -> None:
        """`stats` is what a health check is answered, `republish` begins to publish all that is retained."""
        self._topics = topics
        self._pausable = pausable
        self._outputs = outputs
        self._link = link
        self._stats = stats
        self._republish = republish

    async def receive(self, message: Incoming) -> None:
        """Do what it says."""
        sender = Sender(message.response_topic, message.correlation)
        asked = read_command(
            message.topic,
            message.payload,
            retained=message.retained,
            topics=self._topics,
            streams=self._pausable,
            sender=sender,
        )
        match asked:
            case Switch():
                self._switch(asked)
            case Request():
                await self._request(asked)
            case Problem():
                logger.warning("a command was not obeyed: %s", asked.why)
                if asked.reply is not None:
                    await self._send(answer(asked.reply, error=asked.why))

    def _switch(self, asked: Switch) -> None:
        output = self._outputs[asked.stream]
        if asked.what is What.PREVIEW:
            output.preview = asked.on
            output.changed()
        else:
            # What the session makes of it shows in the next snapshot, and is published then.
            output.stream.command(Command.RESUME if asked.on else Command.PAUSE, "")

    async def _request(self, asked: Request) -> None:
        data: Payload = {}
        match asked.wanted:
            case Wanted.HEALTH_CHECK:
                data = self._stats()
            case Wanted.REPUBLISH:
                await asyncio.wait({self._republish()})
            case Wanted.MARK if asked.stream is not None:
                if not self._outputs[asked.stream].stream.command(Command.MARK, asked.note):
                    await self._send(answer(asked.reply, error=f"{asked.stream} does not run: nothing was marked"))
                    return
        await self._send(answer(asked.reply, data))

    async def _send(self, told: Answer) -> None:
        await self._link.answer(
            Outgoing(told.topic, encoded(told.payload), expiry_s=_ANSWER_EXPIRY_S, correlation=told.correlation)
        )
