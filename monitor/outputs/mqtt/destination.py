"""The broker as a destination: one connection for all streams of the process, and what is said of them together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from configs.output_settings import MqttSettings
from monitor.outbox import Outbox, Parcel, outbox_folder
from monitor.outputs.base import Output, Stream
from monitor.outputs.mqtt.broker import make_broker, read_password
from monitor.outputs.mqtt.commands import subscriptions
from monitor.outputs.mqtt.discovery import clearing_payload, discovery_payload
from monitor.outputs.mqtt.errand import Errand
from monitor.outputs.mqtt.link import ANSWER_S, Link
from monitor.outputs.mqtt.messages import Incoming, Outgoing, encoded, fleeting, retained, word
from monitor.outputs.mqtt.node import Node
from monitor.outputs.mqtt.obedience import Obedience
from monitor.outputs.mqtt.others import Others, read_info
from monitor.outputs.mqtt.output import MqttOutput, Shared, event_message, kinds
from monitor.outputs.mqtt.topics import OFFLINE, ONLINE, Topics, home_assistant_status
from monitor.outputs.mqtt.trouble import Waits
from monitor.outputs.public import Payload, info_payload, stats_payload
from monitor.records import EndReason
from monitor.snapshot import OutputState, OutputStatus, SessionState

logger = logging.getLogger("emotion_monitor.mqtt")

_NAME: Final = "mqtt"

_HOME_ASSISTANT_S: Final = 5.0
"""Home Assistant that comes up is answered within so long, at a random moment (s): not by everybody at once."""

_TIDY_S: Final = 2.0
"""How long another program under our name has to say that it is there, before its streams count as left behind (s)."""

_WORST: Final = (EndReason.FAILED, EndReason.LOST, EndReason.INTERRUPTED, EndReason.ENDED)
"""Why it stopped, where there were several streams: the first of these that was so of any."""


class MqttDestination:
    """See the module."""

    def __init__(
        self,
        settings: MqttSettings,
        environ: Mapping[str, str],
        *,
        waits: Waits | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Read the password; for the last two see `Link`. Raises `ConfigError` where a username has no password."""
        self._waits = waits
        self._answer_s = answer_s
        self._settings = settings
        self._password = read_password(settings, environ)
        self._version = version("emotion-monitor")
        self._instance = secrets.token_hex(4)
        self._node: Node | None = None
        self._link: Link | None = None
        self._outputs: dict[str, MqttOutput] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._state, self._reason = OutputState.CONNECTING, ""
        self._fault = ""
        self._closing = False
        self._stats_due = asyncio.Event()
        self._again = Errand(self._republish, self._spawn)
        self._again_soon = Errand(self._republish_soon, self._spawn)
        self._present = Errand(self._say_online, self._spawn)
        self._introducing = Errand(self._say_info, self._spawn)
        self._tidying = Errand(self._tidy, self._spawn)

    async def open(self, streams: Sequence[Stream]) -> None:
        """Begin to connect. Raises `ConfigError` where a certificate cannot be used or no name can be kept."""
        settings = self._settings
        self._node = Node(settings.node) if settings.node else await asyncio.to_thread(Node.claim)
        name = self._node.name
        self._topics = topics = Topics(settings.base_topic, name)
        drawn = f"{settings.base_topic.replace('/', '-')}-{name}-{secrets.token_hex(2)}"
        broker = await asyncio.to_thread(make_broker, settings, self._password, client_id=drawn)
        pausable = {stream.name: stream.pausable for stream in streams}
        self._others = Others(self._instance, pausable)
        status = [home_assistant_status(settings.discovery_prefix)] if settings.discovery else []
        commands = subscriptions(topics, pausable) if settings.commands else []
        self._link = link = Link(
            broker,
            word(topics.availability, OFFLINE),
            greet=self._greeting,
            topics=[topics.info, topics.availability, *status, *commands],
            receive=self._receive,
            changed=self._changed,
            waits=self._waits,
            answer_s=self._answer_s,
        )
        folder = outbox_folder(_NAME, broker.host, str(broker.port), settings.base_topic)
        self._outbox = Outbox(folder, kinds(settings), self._deliver, words=settings.rationale)
        shared = Shared(settings, topics, link, self._outbox, self._report, self._introduce, self._died)
        self._outputs = {stream.name: MqttOutput(stream, shared) for stream in streams}
        self._obedience = Obedience(topics, pausable, self._outputs, link, stats=self._stats, republish=self._again.ask)
        self._changed(OutputState.CONNECTING, "")
        link.start(self._died)
        self._spawn(self._outbox.deliver_earlier({stream.session for stream in streams}))
        self._spawn(self._tell_stats())

    def output(self, stream: Stream) -> Output:
        """The output of one of the streams."""
        return self._outputs[stream.name]

    async def close(self) -> None:
        """Say that all is over, and why."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._link is not None:
            gone = word(self._topics.availability, OFFLINE)
            # Where the end came amid the greeting, streams may have been told to be there.
            streams = [] if self._link.up else self._words()
            await self._link.close([*streams, gone, self._info(self._why_stopped())])
        if self._node is not None:
            self._node.close()

    def _greeting(self) -> list[Outgoing]:
        """All that is retained, as it is now; that we are there comes last, when all the rest is true."""
        return [*self._discovery(), self._info(), *self._words(), word(self._topics.availability, ONLINE)]

    def _words(self) -> list[Outgoing]:
        return [message for output in self._outputs.values() for message in output.retained()]

    def _discovery(self) -> list[Outgoing]:
        if not self._settings.discovery:
            return []
        messages = []
        for name, output in self._outputs.items():
            payload = discovery_payload(
                name,
                topics=self._topics,
                version=self._version,
                pausable=output.stream.pausable,
                preview=self._settings.preview,
                commands=self._settings.commands,
                heartbeat_s=self._settings.heartbeat_s,
                stats_s=self._settings.stats_s,
            )
            topic = self._topics.discovery(self._settings.discovery_prefix, name)
            messages += [Outgoing(topic, encoded(clearing_payload(payload))), retained(topic, payload)]
        return messages

    def _info(self, stopped: str | None = None) -> Outgoing:
        shown = {name: output.snapshot for name, output in self._outputs.items()}
        payload = info_payload(
            shown,
            version=self._version,
            node=self._topics.node,
            instance=self._instance,
            ts=self._now(),
            stopped=stopped,
        )
        return retained(self._topics.info, payload)

    def _why_stopped(self) -> str:
        ends = {_end(output) for output in self._outputs.values()}
        return min(ends, key=_WORST.index).value

    def _stats(self) -> Payload:
        shown = {name: output.snapshot for name, output in self._outputs.items() if output.snapshot is not None}
        return stats_payload(shown, self._now())

    def _now(self) -> str:
        return next(iter(self._outputs.values())).stream.now()

    async def _tell_stats(self) -> None:
        """How it does: as soon as anything is known and somebody hears it, then every so often."""
        period_s = self._settings.stats_s
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await self._stats_due.wait()
            self._stats_due.clear()
            if any(output.snapshot is not None for output in self._outputs.values()):
                told = fleeting(self._topics.stats, self._stats(), expiry_s=max(1, round(2 * period_s)))
                await self._of_link.tell(told)

    async def _deliver(self, parcel: Parcel) -> None:
        await self._of_link.deliver(event_message(parcel, self._topics, rationale=parcel.words))

    async def _receive(self, message: Incoming) -> None:
        if self._closing:
            return  # it may be our own farewell
        if message.topic == self._topics.info:
            self._look_at(message)
        elif message.topic == self._topics.availability:
            # Said by the will of a connection of before, which comes late, or by another program at its end.
            if message.payload == OFFLINE.encode() and not message.retained:
                self._present.ask()
        elif message.topic == home_assistant_status(self._settings.discovery_prefix):
            if message.payload == ONLINE.encode() and not message.retained:
                self._again_soon.ask()
        else:
            await self._obedience.receive(message)

    def _look_at(self, message: Incoming) -> None:
        """Somebody said what this installation is: we did, or another program of the same name, now or before."""
        other, before = read_info(message.payload), self._others.rivals
        if other is None:
            return
        if self._others.heard(other, retained=message.retained):
            self._introducing.ask()  # so that it, and who reads, learns of us
        if self._others.rivals is not before:
            if self._others.rivals:
                logger.warning("another program publishes as node %s too: set outputs.mqtt.node", self._topics.node)
            self._changed(self._state, self._reason)
        if self._others.left:
            self._tidying.ask()

    async def _republish(self) -> None:
        for message in (*self._discovery(), self._info()):
            await self._of_link.tell(message)
        for output in self._outputs.values():
            await output.again()
        await self._say_online()

    async def _republish_soon(self) -> None:
        await asyncio.sleep(random.uniform(0.0, _HOME_ASSISTANT_S))  # noqa: S311 - a moment, no secret
        await asyncio.wait({self._again.ask()})

    async def _say_online(self) -> None:
        await self._of_link.wait_up()
        await self._of_link.tell(word(self._topics.availability, ONLINE))

    async def _say_info(self) -> None:
        await self._of_link.wait_up()
        await self._of_link.tell(self._info())

    async def _tidy(self) -> None:
        """Say of streams that a run left behind by a crash that they are gone: nobody else would ever."""
        await self._of_link.wait_up()
        await asyncio.sleep(_TIDY_S)
        told = [
            await self._of_link.tell(word(self._topics.stream(name).availability, OFFLINE))
            for name in self._others.left
        ]
        if told and all(told):
            self._others.tidied()

    def _introduce(self) -> None:
        self._introducing.ask()
        self._stats_due.set()

    def _changed(self, state: OutputState, reason: str) -> None:
        self._state, self._reason = state, reason
        if state is OutputState.UP:
            self._stats_due.set()
        for output in self._outputs.values():
            output.changed()
            self._report(output.stream)

    def _report(self, stream: Stream) -> None:
        output = self._outputs[stream.name]
        state, reason = self._state, self._reason
        if self._fault:
            state, reason = OutputState.STOPPED, self._fault
        elif state is OutputState.UP and output.fault:
            state, reason = OutputState.DOWN, output.fault
        elif state is OutputState.UP and self._others.rivals and not reason:
            reason = f"another program publishes as node {self._topics.node} too: set outputs.mqtt.node"
        stream.report(OutputStatus(_NAME, state, reason, waiting=output.waiting))

    @property
    def _of_link(self) -> Link:
        assert self._link is not None, "open was not called"
        return self._link

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=_NAME)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._died)
        return task

    def _died(self, task: asyncio.Task[None]) -> None:
        """A task of ours broke by something that nobody foresaw: the session goes on without."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("a task of MQTT broke", exc_info=error)
            self._fault = f"unexpected {type(error).__name__}: please report it"
            self._changed(self._state, self._reason)


def _end(output: MqttOutput) -> EndReason:
    """Why its session ended; one that never began, or was cut short, was interrupted."""
    if output.end is not None or output.snapshot is None:
        return output.end or EndReason.INTERRUPTED
    seen = {SessionState.FAILED: EndReason.FAILED, SessionState.ENDED: EndReason.ENDED}
    return seen.get(output.snapshot.state, EndReason.INTERRUPTED)
