"""What is published, as values, and what MQTT 5 is told of each message beside its topic and its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.outputs.public import SCHEMA, Payload

EVENT_EXPIRY_S: Final = 300
"""How long a broker keeps an event for who is away (s): somebody who comes later has the state, and the journal."""

_JSON: Final = "application/json"
_TEXT: Final = "text/plain"
_JPEG: Final = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message. `expiry_s` and what follows are for MQTT 5; older brokers never see them."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    content_type: str = _JSON
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message that came in; the last two are properties of MQTT 5."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None = None
    correlation: bytes | None = None


def retained(topic: str, payload: Payload) -> Outgoing:
    """JSON that the broker keeps, the newest only."""
    return Outgoing(topic, encoded(payload), retain=True)


def event(topic: str, payload: Payload) -> Outgoing:
    """JSON that tells of something that happened once; no reader may take it for what is so now."""
    return Outgoing(topic, encoded(payload), expiry_s=EVENT_EXPIRY_S)


def fleeting(topic: str, payload: Payload, *, expiry_s: int) -> Outgoing:
    """JSON of which the next comes soon anyway."""
    return Outgoing(topic, encoded(payload), qos=0, expiry_s=expiry_s)


def word(topic: str, text: str) -> Outgoing:
    """A word that the broker keeps: an availability, a switch's state."""
    return Outgoing(topic, text.encode(), retain=True, content_type=_TEXT)


def picture(topic: str, jpeg: bytes, *, expiry_s: int) -> Outgoing:
    """A masked picture."""
    return Outgoing(topic, jpeg, qos=0, expiry_s=expiry_s, content_type=_JPEG)


def encoded(payload: Payload) -> bytes:
    """As JSON in UTF-8."""
    return json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def packet_bytes(message: Outgoing) -> int:
    """Size of the packet that carries it in MQTT 5, at most four bytes too many: those of its length's own length."""
    told = len(properties(message).pack())  # type: ignore[no-untyped-call]
    return 5 + 2 + len(message.topic.encode()) + (2 if message.qos else 0) + told + len(message.payload)


def properties(message: Outgoing, *, will_delay_s: int | None = None) -> Properties:
    """The same as MQTT 5 takes it; with `will_delay_s` as a will."""
    kind = PacketTypes.PUBLISH if will_delay_s is None else PacketTypes.WILLMESSAGE
    told = Properties(kind)  # type: ignore[no-untyped-call]
    told.ContentType = message.content_type
    told.PayloadFormatIndicator = int(message.content_type != _JPEG)
    if message.content_type == _JSON:
        told.UserProperty = ("schema", str(SCHEMA))
    if message.expiry_s is not None:
        told.MessageExpiryInterval = message.expiry_s
    if message.correlation is not None:
        told.CorrelationData = message.correlation
    if will_delay_s is not None:
        told.WillDelayInterval = will_delay_s
    return told
