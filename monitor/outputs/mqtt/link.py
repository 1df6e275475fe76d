"""Keeps a connection to the broker: connects, greets, listens, and begins again after whatever went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import aiomqtt

from monitor.outbox import Undeliverable
from monitor.outputs.lookup import Lookup
from monitor.outputs.mqtt.broker import Broker
from monitor.outputs.mqtt.client import Client
from monitor.outputs.mqtt.messages import Incoming, Outgoing
from monitor.outputs.mqtt.trouble import (
    Refused,
    Then,
    TooLarge,
    Trouble,
    Waits,
    dropped_again,
    in_connecting,
    in_looking_up,
    in_use,
)
from monitor.snapshot import OutputState

T = TypeVar("T")

logger = logging.getLogger("emotion_monitor.mqtt")

ANSWER_S: Final = 10.0
"""How long the broker may take to answer anything (s); after that the connection counts as dead."""

_SHORT_S: Final = 30.0
"""A connection that held so long worked (s)."""

_DROPS: Final = 3
"""Short connections in a row to a broker that kept running, from which somebody else is suspected of ending them.
MQTT 3.1.1 has no words for it; MQTT 5 has, but mosquitto 2.0.11 does not say them."""

_LISTENS_S: Final = 1.0
"""How long a broker that runs may take to accept a connection (s)."""

_MOST_GARBLED: Final = 64
"""Messages that are remembered as answered by what cannot be read; a broker that answers more so is of no use."""

_FAREWELL_S: Final = 2.0
"""How long the last messages may take (s)."""


class Lost(Exception):
    """The connection is over; whether the message arrived is not known."""


class Link:
    """The connection, through all its lives. Use `start`, then `tell` and `deliver`, then `close`."""

    def __init__(
        self,
        broker: Broker,
        will: Outgoing,
        *,
        greet: Callable[[], Sequence[Outgoing]],
        topics: Sequence[str],
        receive: Callable[[Incoming], Awaitable[None]],
        changed: Callable[[OutputState, str], None],
        waits: Waits | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Nothing happens yet.

        Args:
            broker: Where to.
            will: What the broker publishes if we vanish.
            greet: What is published first on every connection, in this order.
            topics: What is subscribed to.
            receive: Takes what comes in, one after the other.
            changed: Is told how the connection does, in a short phrase where something is the matter.
            waits: How long to wait between attempts.
            answer_s: How long the broker may take to answer (s).
        """
        self._broker = broker
        self._lookup = Lookup(broker.host, broker.port)
        self._will = will
        self._greet = greet
        self._topics = list(topics)
        self._receive = receive
        self._changed = changed
        self._waits = waits or Waits()
        self._answer_s = answer_s
        self._v5 = broker.protocol != "3.1.1"
        self._settled = broker.protocol != "auto"
        """Whether it is known which version to speak."""
        self._known = False
        """Whether there was a connection before."""
        self._drops = 0
        self._closing = False
        self._warned: set[str] = set()
        self._suspect: Outgoing | None = None
        self._garbled: set[Outgoing] = set()
        self._connection: _Connection | None = None
        self._up = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the broker was greeted and listens."""
        return self._up.is_set()

    @property
    def stopped(self) -> bool:
        """Whether it is not tried any more."""
        return self._running is None or self._running.done()

    def start(self, died: Callable[[asyncio.Task[None]], None]) -> None:
        """Begin to connect; `died` is called when nothing more is done, with why where nobody foresaw it."""
        self._running = asyncio.create_task(self._run(), name="mqtt")
        self._running.add_done_callback(died)

    def room_for(self, message: Outgoing) -> int:
        """How long the payload of the message may be for this broker (bytes)."""
        return sys.maxsize if self._connection is None else self._connection.room_for(message)

    async def wait_up(self) -> None:
        """Wait until the broker was greeted and listens."""
        await self._up.wait()

    async def tell(self, message: Outgoing) -> bool:
        """Publish now or never; whether it arrived (QoS 1) or was sent (QoS 0)."""
        connection = self._connection
        if connection is None or not self.up:
            return False
        try:
            return await self._publish(connection, message)
        except Lost:
            return False

    async def answer(self, message: Outgoing) -> None:
        """Publish now or never, where somebody else wanted it: that the broker forbids it says nothing of the rest."""
        connection = self._connection
        if connection is None or not self.up:
            return
        try:
            await connection.send(message, may_be_refused=True)
        except (Refused, TooLarge) as error:
            logger.warning("an answer was not taken by the broker: %s", error)
        except Lost:
            pass

    async def deliver(self, message: Outgoing) -> None:
        """Publish until it is acknowledged, through as many connections as it takes.

        Raises:
            Undeliverable: the broker takes nothing so large.
        """
        while True:
            await self._up.wait()
            connection = self._connection
            if connection is None:
                continue
            try:
                await self._send(connection, message)
            except Lost:
                continue
            except TooLarge as error:
                raise Undeliverable(str(error)) from None
            return

    def give_up(self) -> None:
        """Whoever waited for an answer has waited long enough: the connection counts as dead."""
        if self._connection is not None:
            self._connection.end(aiomqtt.MqttError("no answer"))

    async def close(self, farewell: Sequence[Outgoing]) -> None:
        """Publish `farewell` if there is a connection, then end it. Safe to call twice."""
        self._closing = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(Lost, TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    for message in farewell:
                        await self._publish(connection, message)
            await connection.leave()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _run(self) -> None:
        """Connect again and again, until cancelled or until a person must do something."""
        while True:
            trouble = await self._once()
            if self._closing:
                return
            if trouble.then is Then.STOP:
                self._changed(OutputState.STOPPED, trouble.reason)
                return
            if trouble.then is Then.OLDER and self._broker.protocol == "auto":
                self._v5, self._settled = False, True
                continue
            self._changed(OutputState.DOWN, trouble.reason)
            await asyncio.sleep(self._waits.after(trouble))

    async def _once(self) -> Trouble:
        """One connection, from its beginning to its end; why it ended."""
        try:
            async with asyncio.timeout(self._answer_s):
                await self._lookup.answered()
        except OSError as error:  # TimeoutError is one
            return in_looking_up(error, self._broker)
        client = Client(self._broker, self._will, v5=self._v5, answer_s=self._answer_s)
        try:
            await client.enter()
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            trouble = in_connecting(error, self._broker, known=self._known)
            self._drops = 0
            if not self._settled:
                # Some brokers of old say nothing to MQTT 5: the next attempt speaks 3.1.1, the one after it 5 again.
                self._v5 = not (self._v5 and trouble.silent)
            return trouble
        self._known = self._settled = True
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        trouble = await self._use(client)
        if loop.time() - began_s > _SHORT_S:
            self._waits.worked()
            self._drops = 0
        elif trouble.unsaid and await self._listens():
            self._drops += 1
            if self._drops >= _DROPS:
                trouble = dropped_again(self._broker)
        else:
            self._drops = 0
        return trouble

    async def _listens(self) -> bool:
        """Whether somebody takes connections right now: where a broker was restarted, nobody does for a moment."""
        try:
            async with asyncio.timeout(_LISTENS_S):
                _, writer = await asyncio.open_connection(self._broker.host, self._broker.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def _use(self, client: Client) -> Trouble:
        # From now on it is left in order: who has connected and vanishes without a word looks like a crash.
        connection = self._connection = _Connection(client, self._broker, self._ended)
        reading = asyncio.create_task(self._read(client, connection))
        try:
            heard = await connection.listen(self._topics)
            if await self._greeted(connection):
                self._up.set()
                self._changed(OutputState.UP, "" if heard else "the broker lets this user subscribe to no commands")
            # Reading may also end by a fault, which nobody else would see.
            both: set[asyncio.Future[Any]] = {reading, connection.over}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            return await connection.over
        except Lost:
            return await connection.over
        finally:
            self._ended()
            reading.cancel()
            client.cut()

    async def _greeted(self, connection: _Connection) -> bool:
        """Say all there is to say first; False where the end came before. Raises `Lost`."""
        for message in self._greet():
            if self._closing:
                return False
            await self._publish(connection, message)
        return not self._closing

    async def _publish(self, connection: _Connection, message: Outgoing) -> bool:
        """Whether it was taken; what is too large for the broker is left out. Raises `Lost`."""
        try:
            await self._send(connection, message)
        except TooLarge as error:
            if message.topic not in self._warned:
                self._warned.add(message.topic)
                logger.warning("%s is not published: %s", message.topic, error)
            return False
        return True

    async def _send(self, connection: _Connection, message: Outgoing) -> None:
        """Publish. Raises `Lost`, or `TooLarge` also where that can only be guessed.

        Mosquitto 2.0 answers what is too large by a code that MQTT does not have for it, by which paho breaks. To send
        the same message on every new connection would be of no use, and hold up all that comes after it.
        """
        if message in self._garbled:
            raise TooLarge
        try:
            await connection.send(message)
        except Lost:
            if connection.suspect == message:
                if self._suspect == message and len(self._garbled) < _MOST_GARBLED:
                    self._garbled.add(message)  # the second time it is not by chance
                self._suspect = message
            raise

    async def _read(self, client: Client, connection: _Connection) -> None:
        try:
            async for message in client.incoming():
                await self._heed(message)
        except aiomqtt.MqttError as error:
            connection.end(error)

    async def _heed(self, message: Incoming) -> None:
        try:
            await self._receive(message)
        except Exception as error:
            # Nothing that anybody sends may end what is published.
            logger.warning("a message that came in is ignored: unexpected %s", type(error).__name__)
            logger.debug("of this message", exc_info=True)

    def _ended(self) -> None:
        self._connection = None
        self._up.clear()


class _Connection:
    """A client that is connected, until the first thing goes wrong with it; `over` then says what."""

    def __init__(self, client: Client, broker: Broker, ended: Callable[[], None]) -> None:
        self._client = client
        self._broker = broker
        self._ended = ended
        self.over: asyncio.Future[Trouble] = asyncio.get_running_loop().create_future()
        self.suspect: Outgoing | None = None
        """What was answered by something that cannot be read, by which it ended."""

    def end(self, error: Exception) -> None:
        """It went wrong."""
        if not self.over.done():
            trouble = in_use(error, self._broker)
            if trouble.garbled:
                self.suspect = self._client.sending
            self.over.set_result(trouble)
            self._ended()

    def room_for(self, message: Outgoing) -> int:
        """How long the message's payload may be (bytes)."""
        return self._client.room_for(message)

    async def send(self, message: Outgoing, *, may_be_refused: bool = False) -> None:
        """Publish. What the broker refuses ends the connection, unless it `may_be_refused`.

        Raises:
            Lost: the connection is over.
            TooLarge: the broker takes nothing so large.
            Refused: the broker will not have it.
        """
        try:
            await self._while_connected(self._client.send(message))
        except Refused as error:
            if may_be_refused:
                raise
            self.end(error)
            raise Lost from None

    async def listen(self, topics: list[str]) -> bool:
        """Subscribe; False where the broker refuses any of them. Raises `Lost`."""
        return await self._while_connected(self._client.listen(topics))

    async def leave(self) -> None:
        """Say goodbye to the broker."""
        await self._client.leave()

    async def _while_connected(self, work: Awaitable[T]) -> T:
        """What `work` returns; aiomqtt itself would wait for an answer on a connection that is gone."""
        working = asyncio.ensure_future(work)
        try:
            both: set[asyncio.Future[Any]] = {working, self.over}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
        except aiomqtt.MqttError as error:
            self.end(error)
        finally:
            working.cancel()
        raise Lost
