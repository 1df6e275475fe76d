"""One connection to the broker: aiomqtt's client, which also says what was refused and can be let go of at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.outputs.mqtt.broker import Broker
from monitor.outputs.mqtt.messages import Incoming, Outgoing, packet_bytes, properties
from monitor.outputs.mqtt.trouble import Refused, TooLarge

WILL_DELAY_S: Final = 5
"""How long the broker waits with the will (MQTT 5, s): after a blip we are back in one or two, and nobody need see it;
who waits for `offline` after a crash is not kept long."""

_MOST_BYTES: Final = 64 * 1024
"""Longest message that MQTT 5 brokers may send us; commands are short."""

_MOST_WAITING: Final = 100
"""Messages that came in and were not looked at yet; more are dropped."""

_GOODBYE_S: Final = 1.0
"""How long a DISCONNECT may take to get out (s)."""

# What paho and aiomqtt say there is told in plain words through the session, or of no use to anyone.
_WIRE: Final = logging.getLogger("emotion_monitor.mqtt.wire")
_WIRE.setLevel(logging.CRITICAL)


class Client(aiomqtt.Client):
    """Use `enter` once, then `send` and `incoming`, then `leave` or `cut`."""

    def __init__(self, broker: Broker, will: Outgoing, *, v5: bool, answer_s: float) -> None:
        """Prepare a connection; whatever the broker shall answer it must answer within `answer_s`."""
        self._broker = broker
        self._v5 = v5
        self._given_up = False
        self._most_bytes: int | None = None
        self._refusal: ReasonCode | None = None
        self._acknowledged = asyncio.Lock()
        self.sending: Outgoing | None = None
        """What is published and not acknowledged yet."""
        super().__init__(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            protocol=ProtocolVersion.V5 if v5 else ProtocolVersion.V311,
            will=aiomqtt.Will(
                will.topic,
                will.payload,
                will.qos,
                will.retain,
                properties(will, will_delay_s=WILL_DELAY_S) if v5 else None,
            ),
            keepalive=broker.keepalive_s,
            timeout=answer_s,
            logger=_WIRE,
            tls_context=broker.tls,
            tls_insecure=None if broker.tls is None else not broker.tls.check_hostname,
            # MQTT 5: a delayed will is taken back only by who comes back to a session that outlives the connection.
            clean_session=None if v5 else True,
            clean_start=False if v5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties() if v5 else None,
            max_queued_incoming_messages=_MOST_WAITING,
        )

    async def enter(self) -> None:
        """Connect. Raises `aiomqtt.MqttError` or `OSError`; then, and when cancelled, nothing is left."""
        if self._broker.tls is not None:
            await self._knock(self._broker.tls)
        entering = asyncio.ensure_future(self.__aenter__())
        try:
            await asyncio.shield(entering)
        except BaseException:
            # The thread that connects cannot be interrupted: what it may still achieve is undone then.
            self._given_up = True
            entering.cancel()
            self.cut()
            raise
        # Who reads what comes in sees how it ended, if somebody still reads.
        self._disconnected.add_done_callback(lambda over: over.cancelled() or over.exception())

    def _on_disconnect(self, *told: Any, **named: Any) -> None:  # noqa: ANN401 - as paho calls it
        # Whom nobody waits for any more nobody tells: aiomqtt asks a cancelled future why, in the loop, unseen.
        if not self._connected.cancelled():
            super()._on_disconnect(*told, **named)

    async def send(self, message: Outgoing) -> None:
        """Publish; with QoS 1 until it is acknowledged, one after the other, so that they arrive in this order.

        Raises:
            aiomqtt.MqttError: the connection is over, or the broker does not answer.
            Refused: the broker will not have it (only MQTT 5 brokers say so).
            TooLarge: the broker takes nothing so large (only MQTT 5 brokers say so).
        """
        if self.room_for(message) < len(message.payload):
            raise TooLarge(self._most_bytes)
        if message.qos == 0:
            await self._publish(message)
            return
        async with self._acknowledged:
            self._refusal, self.sending = None, message
            await self._publish(message)
            self.sending = None
            if self._refusal is not None:
                refused = Refused(self._refusal)
                raise TooLarge if refused.too_large else refused

    def room_for(self, message: Outgoing) -> int:
        """How long the message's payload may be (bytes)."""
        if self._most_bytes is None:
            return sys.maxsize
        return self._most_bytes - (packet_bytes(message) - len(message.payload))

    async def listen(self, topics: list[str]) -> bool:
        """Subscribe; False where the broker refuses any. Raises `aiomqtt.MqttError`."""
        granted = await self.subscribe([(topic, 1) for topic in topics])
        return all((code.value if isinstance(code, ReasonCode) else code) < 128 for code in granted)

    async def incoming(self) -> AsyncIterator[Incoming]:
        """What comes in, until the connection is over. Raises `aiomqtt.MqttError` then."""
        async for message in self.messages:
            told = message.properties
            yield Incoming(
                str(message.topic),
                message.payload,
                message.retain,
                getattr(told, "ResponseTopic", None),
                getattr(told, "CorrelationData", None),
            )

    async def leave(self) -> None:
        """Say goodbye, which takes the will back."""
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self.__aexit__(None, None, None)
        self.cut()

    def cut(self) -> None:
        """Let go of the connection without a word; the broker publishes the will."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):
                # paho reads the end from it, in the event loop, and closes what it opened.
                connection.shutdown(socket.SHUT_RDWR)

    async def _knock(self, context: ssl.SSLContext) -> None:
        """See that TLS comes about: paho would leave its socket open where it does not, and hold a thread meanwhile."""
        broker = self._broker
        try:
            async with asyncio.timeout(self.timeout):
                _, writer = await asyncio.open_connection(broker.host, broker.port)
        except TimeoutError:
            raise TimeoutError("no connection in time") from None
        try:
            async with asyncio.timeout(self.timeout):
                await writer.start_tls(context, server_hostname=broker.host)
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await writer.wait_closed()

    async def _publish(self, message: Outgoing) -> None:
        told = properties(message) if self._v5 else None
        await self.publish(message.topic, message.payload, message.qos, message.retain, told)

    def _client_connect(self) -> None:
        super()._client_connect()
        if self._given_up:
            self.cut()

    def _on_connect(self, *told: Any, **named: Any) -> None:  # noqa: ANN401 - as paho calls it
        _client, _userdata, _flags, _code, said = told
        self._most_bytes = getattr(said, "MaximumPacketSize", None)
        super()._on_connect(*told, **named)

    def _on_publish(self, *told: Any) -> None:  # noqa: ANN401 - as paho calls it
        _client, _userdata, mid, code, _properties = told
        # Whose sender is gone is answered to nobody: the next message shall not take it for its own answer.
        if code.is_failure and mid in self._pending_publishes:
            self._refusal = code
        super()._on_publish(*told)


def _connect_properties() -> Properties:
    told = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    told.SessionExpiryInterval = WILL_DELAY_S
    told.MaximumPacketSize = _MOST_BYTES
    return told
