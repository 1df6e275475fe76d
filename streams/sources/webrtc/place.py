"""Which place to listen on the address of a WebRTC source means."""

from __future__ import annotations

import re
from typing import Final

from configs.errors import ConfigError
from configs.live_settings import WebrtcSettings
from serving.address import Place

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?")
"""A host name, an IPv4 or a bracketed IPv6 address, each with or without a port."""


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
