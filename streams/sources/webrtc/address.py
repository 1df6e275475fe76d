"""Where the endpoint listens, and how a person is told of it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final

from configs.errors import ConfigError
from configs.live_settings import WebrtcSettings

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?")
"""A host name, an IPv4 or a bracketed IPv6 address, each with or without a port."""

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - recognised, to name something better in a link


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a port to listen on; `tls` where the endpoint speaks https."""

    host: str
    port: int
    tls: bool = False

    @property
    def url(self) -> str:
        """What a browser opens, without any secret."""
        host = socket.gethostname() if self.host in _EVERYWHERE else self.host
        return f"{'https' if self.tls else 'http'}://{_bracketed(host)}:{self.port}/"

    @property
    def name(self) -> str:
        """What the source is called."""
        return f"webrtc:{_bracketed(self.host)}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def place_of(address: str, settings: WebrtcSettings) -> Place:
    """The place an address (`""`, `HOST`, `HOST:PORT`, `:PORT`) means; what it leaves out is in the settings.

    Raises `ConfigError` for anything else.
    """
    match = _ADDRESS.fullmatch(address)
    port = int(match["port"]) if match and match["port"] else settings.port
    if match is None or port > 65535:
        raise ConfigError(
            "webrtc: takes the address to listen on: webrtc:HOST:PORT, or nothing for webrtc.host and port"
        )
    if match["host"].isdigit():
        raise ConfigError(f"webrtc: {match['host']} is a port alone; write webrtc::{match['host']}")
    return Place(match["host"].strip("[]") or settings.host, port, settings.certificate is not None)


def bound(place: Place) -> tuple[socket.socket, Place]:
    """A socket that holds the place but does not listen yet, and the place with the port it really has.

    Raises `ConfigError` where the place cannot be had.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise ConfigError(f"webrtc.host: {place.host} is no address of this machine; 127.0.0.1 is") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"webrtc.port: cannot listen on {place.host} port {place.port} ({error.strerror or error}); "
            "name another one, or 0 for any that is free"
        ) from None
    return listener, Place(place.host, listener.getsockname()[1], place.tls)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
