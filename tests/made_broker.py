"""Real brokers for tests: Debian's mosquitto on loopback, as open or as closed as a test wants it."""

from __future__ import annotations

import asyncio
import ipaddress
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.properties import Properties

from streams.clock import monotonic_s, utc_now


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert isinstance(port, int)
        return port


@dataclass
class MadeBroker:
    """A mosquitto without persistence: what it kept is gone when it is started again."""

    folder: Path
    port: int = field(default_factory=free_port)
    lines: Sequence[str] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for program in ("mosquitto", "mosquitto_passwd"):
            if _found(program) is None:
                pytest.skip(f"{program} is not installed: apt-get install mosquitto")

    def start(self) -> Self:
        """Start it; returns once it takes connections."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = [f"listener {self.port} 127.0.0.1", "persistence false", "user root", *self.lines]
        config += [f"password_file {self._passwords()}"] if self.users else ["allow_anonymous true"]
        path = self.folder / "mosquitto.conf"
        path.write_text("\n".join(config) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            program = str(_found("mosquitto"))
            self.process = subprocess.Popen([program, "-v", "-c", str(path)], stdout=log, stderr=log)
        until(self._listens)
        return self

    def stop(self) -> None:
        """End it in order, as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It keeps its connections and reads nothing any more."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _end(self, sign: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(10)
            self.process = None

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
            return True
        return False

    def _passwords(self) -> Path:
        path = self.folder / "passwords"
        path.unlink(missing_ok=True)
        path.touch(0o600)
        for name, password in self.users.items():
            subprocess.run([str(_found("mosquitto_passwd")), "-b", str(path), name, password], check=True)
        return path


@dataclass(frozen=True)
class Heard:
    """A message as a subscriber saw it."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    properties: Any


@dataclass
class Listener:
    """Hears everything, through as many restarts of the broker as there are."""

    port: int
    heard: list[Heard] = field(default_factory=list)
    client: aiomqtt.Client | None = None

    def of(self, topic: str) -> list[Heard]:
        return [message for message in self.heard if message.topic == topic]

    def last(self, topic: str) -> str | None:
        return next((message.payload.decode() for message in reversed(self.heard) if message.topic == topic), None)

    async def say(
        self, topic: str, payload: str, *, retain: bool = False, properties: Properties | None = None
    ) -> None:
        assert self.client is not None
        await self.client.publish(topic, payload, 1, retain, properties)

    async def run(self) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", self.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
                    await client.subscribe("#", 1)
                    self.client = client
                    async for message in client.messages:
                        payload = message.payload
                        self.heard.append(
                            Heard(str(message.topic), payload, message.retain, message.qos, message.properties)
                        )
            self.client = None
            await asyncio.sleep(0.05)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    """Hear what is published from now on, and what is retained."""
    listener = Listener(port)
    task = asyncio.create_task(listener.run())
    try:
        await eventually(lambda: listener.client is not None)
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(true: Callable[[], bool], within_s: float = 15.0) -> None:
    """Wait for a condition without holding the event loop."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - what happens in another process sets no event
            await asyncio.sleep(0.02)


def until(true: Callable[[], bool], within_s: float = 15.0) -> None:
    """Wait for a condition."""
    end_s = monotonic_s() + within_s
    while not true():
        assert monotonic_s() < end_s, "it did not come about"
        threading.Event().wait(0.02)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: an authority, and a broker and a client that it vouches for."""

    authority: Path
    broker: Path
    broker_key: Path
    client: Path
    client_key: Path

    @property
    def lines(self) -> list[str]:
        """What mosquitto is told."""
        return [f"cafile {self.authority}", f"certfile {self.broker}", f"keyfile {self.broker_key}"]


def made_certificates(folder: Path, *, host: str = "127.0.0.1") -> Certificates:
    """An authority of its own for each call; the broker's certificate is for `host`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("made authority", authority_key, authority_key, None)
    made = {"authority": authority.public_bytes(serialization.Encoding.PEM)}
    for name in ("broker", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        made[name] = _certificate(name, key, authority_key, authority, host=host).public_bytes(
            serialization.Encoding.PEM
        )
        made[f"{name}_key"] = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    paths = {name: folder / f"{name}.pem" for name in made}
    for name, content in made.items():
        paths[name].write_bytes(content)
    return Certificates(**paths)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    *,
    host: str = "127.0.0.1",
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromisoformat(utc_now())
    named: x509.GeneralName = x509.DNSName(host)
    with suppress(ValueError):
        named = x509.IPAddress(ipaddress.ip_address(host))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([named]), critical=False)
    )
    return builder.sign(signing, hashes.SHA256())


def _found(program: str) -> str | None:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
