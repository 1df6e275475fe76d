"""The broker as the settings name it: where, by what name, with which secret, and whom to trust. Read once."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from configs.errors import ConfigError
from configs.output_settings import MqttSettings, MqttTlsSettings
from configs.secrets import read_secret

logger = logging.getLogger("emotion_monitor.mqtt")

_PORT: Final = 1883
_TLS_PORT: Final = 8883
"""As registered with IANA."""

_HERE: Final = ("localhost", "::1")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and how. `tls` is None where nothing is encrypted."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    drawn: bool = False
    """Whether the client's id was drawn for this run: then nobody else can have it by mistake."""
    keepalive_s: int = 30
    protocol: Literal["auto", "5", "3.1.1"] = "auto"

    @property
    def address(self) -> str:
        """Its name and port, for people."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_password(settings: MqttSettings, environ: Mapping[str, str]) -> str | None:
    """The password to log in with; None without a username.

    Raises:
        ConfigError: a username has no password, or the password cannot be read.
    """
    if settings.username is None:
        return None
    password = read_secret("MQTT password", settings.password_env, settings.password_file, environ)
    if password is None:
        raise ConfigError(
            f"outputs.mqtt.username needs a password: set the variable {settings.password_env} or "
            "outputs.mqtt.password_file"
        )
    return password


def make_broker(settings: MqttSettings, password: str | None, *, client_id: str) -> Broker:
    """Read the certificates, which takes a while: call it off the event loop. `client_id` is for who set none.

    Raises:
        ConfigError: a certificate or key cannot be used.
    """
    tls = settings.tls
    if tls.insecure:
        logger.warning("outputs.mqtt.tls.insecure: the broker's name is not checked; whoever is between can read along")
    here = settings.host in _HERE or settings.host.startswith("127.")
    if password is not None and not tls.enabled and not here:
        logger.warning("outputs.mqtt: the password crosses the network unencrypted; set outputs.mqtt.tls.enabled=true")
    return Broker(
        host=settings.host,
        port=settings.port or (_TLS_PORT if tls.enabled else _PORT),
        client_id=settings.client_id or client_id,
        drawn=settings.client_id is None,
        username=settings.username,
        password=password,
        tls=_context(tls) if tls.enabled else None,
        keepalive_s=settings.keepalive_s,
        protocol=settings.protocol,
    )


def _context(tls: MqttTlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=_path(tls.ca_file))
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"outputs.mqtt.tls.ca_file {tls.ca_file}: {_why(error)}; name a readable PEM file with the broker's CA"
        ) from None
    context.check_hostname = not tls.insecure
    if tls.certificate is not None and tls.key is not None:
        try:
            # An empty password: a key that needs one is refused instead of asked for on the terminal.
            context.load_cert_chain(Path(tls.certificate).expanduser(), Path(tls.key).expanduser(), password="")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"outputs.mqtt.tls.certificate, outputs.mqtt.tls.key: {_why(error)}; "
                "both are PEM files that belong together, and the key has no password"
            ) from None
    return context


def _path(file: str | None) -> Path | None:
    return None if file is None else Path(file).expanduser()


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not readable as PEM").replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
