"""STUN and TURN servers as the settings write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from configs.errors import ConfigError

_SERVER: Final = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@\s]+):(?P<secret>[^@\s]+)@)?(?P<place>[^@\s/]+)"
)
"""`stun:host:port`, `turn:user:secret@host:port`, with `?transport=tcp` after it where wanted."""


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server. Its secret goes to aiortc and to publishers who hold the token."""

    url: str
    user: str | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        """Without user and secret."""
        return f"IceServer({self.url})"


def ice_servers(written: Sequence[str]) -> tuple[IceServer, ...]:
    """The servers; `ConfigError` for the first that is none, without its secret."""
    servers = []
    for number, text in enumerate(written, start=1):
        match = _SERVER.fullmatch(text)
        if match is None or match["scheme"].startswith("turn") != (match["user"] is not None):
            raise ConfigError(
                f"webrtc.ice_servers: entry {number} is no server; write stun:HOST:PORT or turn:USER:SECRET@HOST:PORT"
            )
        servers.append(IceServer(f"{match['scheme']}:{match['place']}", match["user"], match["secret"]))
    return tuple(servers)
