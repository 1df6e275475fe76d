"""Where an endpoint listens, and how a person is told of it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

from configs.errors import ConfigError

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
    def at(self) -> str:
        """Host and port in one word."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def bound(place: Place, section: str) -> tuple[socket.socket, Place]:
    """A socket that holds the place but does not listen yet, and the place with the port it really has.

    Raises `ConfigError`, which names the settings of `section`, where the place cannot be had.
    """
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise ConfigError(f"{section}.host: {place.host} is no address of this machine; 127.0.0.1 is") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{section}.port: cannot listen on {place.host} port {place.port} ({error.strerror or error}); "
            "name another one, or 0 for any that is free"
        ) from None
    return listener, Place(place.host, listener.getsockname()[1], place.tls)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
