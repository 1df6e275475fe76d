"""Where verdicts go: what is switched on, whether it is reached, whether the port is free. Nothing is published."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from configs.endpoint_settings import EndpointSettings
from configs.errors import ConfigError
from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section
from streams.clock import monotonic_s

if TYPE_CHECKING:
    from monitor.outputs.mqtt.broker import Broker

ANSWER_S: Final = 4.0
"""How long a broker or a receiver may take to answer."""

_NOT_SET: Final = "not set"

_QUIET: Final = logging.getLogger("emotion_monitor.doctor.mqtt")
_QUIET.setLevel(logging.CRITICAL)
"""What the library says there is told by the check."""

_findings = Findings("outputs")


def _made(name: str, extra: str, asked: Asked) -> Check | None:
    """Let the destination look at its own settings; what is said of them, None where they can work.

    Raises:
        ConfigError: they cannot.
    """
    from monitor.outputs.destinations import DESTINATIONS

    try:
        made = DESTINATIONS[extra](asked.settings.outputs, os.environ)
    except ImportError as error:
        missing = error.name or str(error)
        return _findings.fail(name, f"{missing} is not installed", f"pip install 'emotion-monitor[{extra}]'")
    return _findings.skip(name, _NOT_SET) if made is None else None


def _broker(asked: Asked) -> Iterator[Check]:
    name = "broker (MQTT)"
    said = _made(name, "mqtt", asked)
    if said is not None:
        yield said
        return
    from monitor.outputs.mqtt.broker import make_broker, read_password

    settings = asked.settings.outputs.mqtt
    # An id of its own: with that of a monitor that runs it would throw it out.
    client_id = f"emotion-monitor-doctor-{secrets.token_hex(4)}"
    broker = make_broker(settings, read_password(settings, os.environ), client_id=client_id)
    yield asyncio.run(_greeted(name, broker))


async def _greeted(name: str, broker: Broker) -> Check:
    """Connect and leave, as MQTT 5 first where the settings allow both."""
    import aiomqtt

    from monitor.outputs.mqtt.trouble import Then, Trouble, in_connecting

    trouble: Trouble | None = None
    for v5 in {"auto": (True, False), "5": (True,), "3.1.1": (False,)}[broker.protocol]:
        began_s = monotonic_s()
        try:
            async with aiomqtt.Client(
                broker.host,
                broker.port,
                username=broker.username,
                password=broker.password,
                identifier=broker.client_id,
                protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
                timeout=ANSWER_S,
                logger=_QUIET,
                tls_context=broker.tls,
                tls_insecure=None if broker.tls is None else not broker.tls.check_hostname,
            ):
                took_ms = 1e3 * (monotonic_s() - began_s)
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            trouble = in_connecting(error, broker)
            if trouble.then is not Then.OLDER and not trouble.silent:
                break
            continue
        kind = f"MQTT {'5' if v5 else '3.1.1'}, {'TLS' if broker.tls else 'not encrypted'}"
        login = f"as {broker.username}" if broker.username else "without a login"
        return _findings.ok(name, f"{broker.address} answers in {took_ms:.0f} ms, {kind}, {login}")
    assert trouble is not None
    found, _, remedy = trouble.reason.partition(": ")
    return _findings.fail(name, found, remedy)


def _endpoint(name: str, extra: str, section: str, asked: Asked) -> Iterator[Check]:
    """The settings can work, the certificate can be read, and the port is free."""
    said = _made(name, extra, asked)
    if said is not None:
        yield said
        return
    from serving.address import Place, bound
    from serving.token import read_token

    settings: EndpointSettings = getattr(asked.settings.outputs, extra)
    wanted = Place(settings.host, settings.port, settings.certificate is not None)
    _certificate(settings, section)
    listener, place = bound(wanted, section)
    listener.close()
    token = read_token(settings, os.environ)
    asks = not token.drawn or not place.loopback
    kind = f"{place.at} is free, {'https' if place.tls else 'http'}, {'asks for a token' if asks else 'no token asked'}"
    if place.loopback or place.tls:
        yield _findings.ok(name, kind)
    else:
        remedy = f"{section}.certificate and {section}.key, or ssh -L {place.port}:127.0.0.1:{place.port} HERE"
        yield _findings.warn(name, f"{kind}: whoever is between can read along", remedy)


def _certificate(settings: EndpointSettings, section: str) -> None:
    if settings.certificate is None or settings.key is None:
        return
    import ssl

    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty password: a key that needs one is refused instead of asked for on the terminal.
        context.load_cert_chain(Path(settings.certificate), Path(settings.key), password="")
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or str(error)
        raise ConfigError(
            f"{section}.certificate, {section}.key: {why}; both are PEM files, and the key has no password"
        ) from None


def _webhook(asked: Asked) -> Iterator[Check]:
    name = "webhook"
    said = _made(name, "webhook", asked)
    if said is not None:
        yield said
        return
    url = urlsplit(asked.settings.outputs.webhook.url or "")
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    yield asyncio.run(_reached(name, host, port))


async def _reached(name: str, host: str, port: int) -> Check:
    """Open a connection and close it: a request would be taken for a verdict."""
    began_s = monotonic_s()
    where = f"{f'[{host}]' if ':' in host else host}:{port}"
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return _findings.fail(name, f"{where} does not answer within {ANSWER_S:g} s", "check outputs.webhook.url")
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        return _findings.fail(
            name, f"{where} cannot be reached ({why})", "start the receiver, or check outputs.webhook.url"
        )
    took_ms = 1e3 * (monotonic_s() - began_s)
    writer.close()
    return _findings.ok(name, f"{where} takes connections, in {took_ms:.0f} ms; requests are signed")


SECTION: Final = Section(
    "outputs",
    __name__,
    (
        # As MQTT 5 and as 3.1.1, and the time to import it all.
        Probe("broker (MQTT)", _broker, limit_s=2 * ANSWER_S + 8.0),
        Probe("page", partial(_endpoint, "page", "web", "outputs.web"), limit_s=10.0),
        Probe("metrics", partial(_endpoint, "metrics", "metrics", "outputs.metrics"), limit_s=10.0),
        Probe("webhook", _webhook, limit_s=ANSWER_S + 8.0),
    ),
)
