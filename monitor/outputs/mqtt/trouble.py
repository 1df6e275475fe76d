"""What went wrong with the broker: one line for a person, and when to try again. Pure."""

from __future__ import annotations

import random
import socket
import ssl
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from monitor.outputs.mqtt.broker import Broker

_TOO_LARGE: Final = 149
"""Reason codes of MQTT 5, which paho also makes of those of 3.1.1."""
_UNSAID: Final = 128
"""What paho says of a connection that was closed without a word."""
_SILENT: Final = 141
"""What paho says where pings are not answered."""

_FIRST_S: Final = 1.0
_MOST_S: Final = 30.0
"""Waits between attempts (s): a restarted broker is back within seconds, one that is off is not asked all the time."""

_SLOW_S: Final = 60.0
"""Wait where a person has to mend something first (s)."""

_CHANCE: Final = 0.25
"""Share of a wait that is chance: monitors that lost one broker shall not all come back at one moment."""


class Then(Enum):
    """What to do after it."""

    AGAIN = auto()
    """Try again, each time after a longer wait."""
    SLOWLY = auto()
    """A person must mend something; look from time to time whether it was done."""
    OLDER = auto()
    """The broker does not speak MQTT 5: speak 3.1.1."""
    STOP = auto()
    """Trying again would do harm."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`reason` holds no secret.

    `silent` where the broker took the connection and never said anything, `unsaid` where it ended one without a word,
    `garbled` where one side said what the other cannot read; `code` is what it said.
    """

    reason: str
    then: Then = Then.AGAIN
    silent: bool = False
    unsaid: bool = False
    garbled: bool = False
    code: int | None = None


class Refused(Exception):
    """The broker took a message and said that it will not have it."""

    def __init__(self, code: ReasonCode) -> None:
        """`code` is what it said."""
        super().__init__(str(code))
        self.code = code.value
        self.too_large = code.value == _TOO_LARGE


class TooLarge(Exception):
    """The broker takes nothing so large; another message may be taken."""

    def __init__(self, most_bytes: int | None = None) -> None:
        """`most_bytes` is what the broker said that it takes, None where it did not say."""
        limit = "" if most_bytes is None else f" ({most_bytes} bytes)"
        super().__init__(f"larger than the broker takes{limit}: raise its limit of a message's size")


def in_looking_up(error: OSError, broker: Broker) -> Trouble:
    """Why it is not known where the broker is."""
    if isinstance(error, TimeoutError):
        return Trouble(f"nobody says where {broker.host} is: check the network and its name server")
    return _unreachable(error, broker)


def in_connecting(error: Exception, broker: Broker, *, known: bool = False) -> Trouble:
    """Why a connection did not come about; `known` where one had come about before."""
    if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode):
        return _refused(error.rc, broker)
    # aiomqtt makes text of what the socket raised and hides the error; it is still there as the context.
    cause = error.__context__ if isinstance(error, aiomqtt.MqttError) else error
    # A timeout without words is that of waiting for the broker's answer, not of the socket.
    if isinstance(cause, OSError) and not (isinstance(cause, TimeoutError) and not cause.args):
        return _unreachable(cause, broker)
    if known:
        return Trouble(f"{broker.address} does not answer any more", silent=True)
    expects = "whether it wants a client certificate" if broker.tls else "whether it expects TLS"
    return Trouble(
        f"{broker.address} takes the connection but does not answer; check the port and {expects}", silent=True
    )


def in_use(error: Exception, broker: Broker) -> Trouble:
    """Why a connection that had come about is over."""
    if isinstance(error, Refused):
        return Trouble(
            f"the broker refuses what is published ({error}): let its ACL allow this user to write all topics",
            Then.SLOWLY,
            code=error.code,
        )
    cause = error.__cause__ if isinstance(error.__cause__, aiomqtt.MqttCodeError) else error
    if isinstance(cause, aiomqtt.MqttCodeError):
        if isinstance(cause.rc, ReasonCode) and cause.rc.value not in {_UNSAID, _SILENT}:
            return _ended(cause.rc, broker)
        if not (isinstance(cause.rc, ReasonCode) and cause.rc.value == _SILENT):
            return Trouble(f"the connection to {broker.address} broke", unsaid=True)
    return Trouble(f"{broker.address} does not answer any more")


def dropped_again(broker: Broker) -> Trouble:
    """The broker closes connections soon after each begins and does not say why."""
    if broker.drawn:
        return Trouble(
            "the broker ends each connection soon after it began: check its ACL for this user, and its log", Then.SLOWLY
        )
    return Trouble(
        f"the broker ends each connection soon after it began: another client uses the id {broker.client_id}, or the "
        "broker forbids what is published; set outputs.mqtt.client_id",
        Then.STOP,
    )


class Waits:
    """How long to wait before each new attempt."""

    def __init__(self, chance: random.Random | None = None) -> None:
        """`chance` is where jitter comes from."""
        self._chance = chance or random.Random()  # noqa: S311 - jitter, no secret
        self._next_s = _FIRST_S

    def after(self, trouble: Trouble) -> float:
        """The wait (s)."""
        wait_s, self._next_s = self._next_s, min(_MOST_S, 2 * self._next_s)
        if trouble.then is Then.SLOWLY:
            wait_s = _SLOW_S
        return wait_s * self._chance.uniform(1.0 - _CHANCE, 1.0 + _CHANCE)

    def worked(self) -> None:
        """A connection held for a while."""
        self._next_s = _FIRST_S


def _refused(code: ReasonCode, broker: Broker) -> Trouble:
    match code.value:
        case 132:
            return Trouble("the broker does not speak MQTT 5: set outputs.mqtt.protocol=auto", Then.OLDER, code=132)
        case 133:
            words = f"the broker does not take the client id {broker.client_id}: set outputs.mqtt.client_id"
        case 134 | 135:
            named = "outputs.mqtt.username and its password"
            login = f"check {named}" if broker.username else f"it may want {named}"
            words = f"the broker refuses the login ({code}): {login}"
        case 138:
            words = "the broker has banned this client: ask who runs it"
        case _:
            return Trouble(f"the broker refuses the connection ({code})", code=code.value)
    return Trouble(words, Then.SLOWLY, code=code.value)


def _ended(code: ReasonCode, broker: Broker) -> Trouble:
    match code.value:
        case 142:
            return Trouble(
                f"another client has taken over the id {broker.client_id}: give each its own outputs.mqtt.client_id",
                Then.SLOWLY if broker.drawn else Then.STOP,
                code=142,
            )
        case 130:  # said by the broker of what it cannot read, and by paho of what it cannot read itself
            return Trouble(
                f"{broker.address} and this program do not understand each other: check its log", garbled=True, code=130
            )
        case 135 | 138:
            return Trouble(
                f"the broker ended the connection ({code}): check its ACL for this user", Then.SLOWLY, code=code.value
            )
        case _:
            return Trouble(f"the broker ended the connection ({code})", code=code.value)


def _unreachable(error: OSError, broker: Broker) -> Trouble:
    where = broker.address
    match error:
        case ConnectionResetError() | BrokenPipeError() if broker.tls is not None:
            return _not_tls(where)
        case socket.gaierror():
            words = f"no address is known for {broker.host}: check outputs.mqtt.host"
        case ssl.SSLError():
            return _untrusted(error, where)
        case ConnectionRefusedError():
            words = f"nobody listens at {where}: start the broker, or check outputs.mqtt.host and outputs.mqtt.port"
        case TimeoutError():
            words = f"{where} does not answer: check outputs.mqtt.host and outputs.mqtt.port"
        case _:
            words = f"{where} cannot be reached ({error.strerror or type(error).__name__})"
    return Trouble(words)


def _untrusted(error: ssl.SSLError, where: str) -> Trouble:
    reason = getattr(error, "reason", None) or "no reason"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        words = f"the certificate of {where} is not trusted ({why}): check outputs.mqtt.tls.ca_file and the host"
        return Trouble(words, Then.SLOWLY)
    if reason in {"WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"}:
        return _not_tls(where)
    return Trouble(f"TLS with {where} failed ({reason.replace('_', ' ').lower()})")


def _not_tls(where: str) -> Trouble:
    words = f"{where} does not speak TLS: check outputs.mqtt.port, or set outputs.mqtt.tls.enabled=false"
    return Trouble(words, Then.SLOWLY)
