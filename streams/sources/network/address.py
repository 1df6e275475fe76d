"""Addresses of network streams: what libav is given, and what may be shown of it. Nothing is looked up here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from configs.errors import ConfigError

_PORT_NEEDED: Final = frozenset({"tcp", "udp"})
"""Schemes without a usual port."""

_LISTENING: Final = frozenset({"http", "rtmp", "tcp"})
"""Schemes for which libav can wait for somebody who publishes."""

_SECRET: Final = re.compile(r".*[=&].*|(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{16,}")
"""Parts of a path that are not shown: cameras take passwords there (`user=admin_password=...`), others drawn names."""

_HIDDEN: Final = "..."


@dataclass(frozen=True, slots=True)
class Address:
    """Where a stream comes from. `url` may hold a password or a token and is never shown, logged or raised.

    `shown` is scheme, host and path without them. `listens`: we wait at this address for somebody who publishes.
    """

    scheme: str
    url: str = field(repr=False)
    shown: str
    host: str
    port: int | None
    listens: bool


def parse(text: str) -> Address:
    """Read an address; `ConfigError`, in one line without secrets, where it cannot be meant."""
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme == "srt":
        raise ConfigError(
            "srt: is not built into PyAV; relay it: ffmpeg -i 'srt://HOST:PORT' -c copy -f mpegts "
            "udp://127.0.0.1:9000, then watch udp://127.0.0.1:9000; or let MediaMTX or go2rtc serve it as RTSP"
        )
    if any(char.isspace() or not char.isprintable() for char in text):
        raise ConfigError(f"{scheme}: the address holds a space or an unprintable character; write it as %20 and so on")
    if not rest.startswith("//"):
        raise ConfigError(f"{scheme}: an address looks like {scheme}://HOST:PORT/PATH")
    parts, port = _split(scheme, rest)
    host = parts.hostname or ""
    if not host and scheme != "udp":
        raise ConfigError(f"{scheme}: the address names no host; write {scheme}://HOST:PORT/PATH")
    if port is None and scheme in _PORT_NEEDED:
        raise ConfigError(f"{scheme}: the address names no port; write {scheme}://HOST:PORT")
    listens, query = _listening(scheme, parts.query)
    if scheme == "udp" and host == "localhost":
        # By its name it would be listened to on every network, not on this machine alone.
        host = "127.0.0.1"
        parts = parts._replace(netloc=f"{host}:{port}")
    url = parts._replace(query=query, fragment="").geturl()
    return Address(scheme, url, _shown(scheme, host, port, parts.path), host, port, listens)


def _split(scheme: str, rest: str) -> tuple[SplitResult, int | None]:
    """The parts and the port. What is wrong with them is told without them: they may hold half a password."""
    remedy = "; in a user name or password write / as %2F, ? as %3F, # as %23 and @ as %40, elsewhere @ as %40"
    try:
        parts = urlsplit(f"{scheme}:{rest}")
        port = parts.port
    except ValueError:
        raise ConfigError(
            f"{scheme}: the host or the port of the address is not one (a port is 1 to 65535){remedy}"
        ) from None
    if port == 0:
        raise ConfigError(f"{scheme}: the port of the address is 0; write the one that the stream comes from")
    # A slash within a password ends what is read as the host; then the real host follows an @ that is left over.
    left_over = parts.path + parts.query + parts.fragment
    if "@" not in parts.netloc and re.search("[^/]@", left_over) and (":" in parts.netloc or not parts.query):
        raise ConfigError(f"{scheme}: an @ stands behind the host of the address{remedy}")
    return parts, port


def _listening(scheme: str, query: str) -> tuple[bool, str]:
    """Whether `?listen=1` is asked for, and the query without it."""
    parts = [part for part in query.split("&") if part]
    asked = [part for part in parts if part in {"listen", "listen=1"}]
    if asked and scheme not in _LISTENING:
        known = ", ".join(sorted(_LISTENING))
        raise ConfigError(f"{scheme}: cannot listen for a publisher; use one of {known}, or webrtc:")
    return bool(asked), "&".join(part for part in parts if part not in asked)


def _shown(scheme: str, host: str, port: int | None, path: str) -> str:
    where = f"[{host}]" if ":" in host else host
    if port is not None:
        where += f":{port}"
    return f"{scheme}://{where}{_shown_path(scheme, path)}"


def _shown_path(scheme: str, path: str) -> str:
    parts = path.split("/")
    # What follows the application's name is the key with which one publishes and plays.
    hidden_from = 2 if scheme in {"rtmp", "rtmps"} else len(parts)
    return "/".join(
        _HIDDEN if part and (index >= hidden_from or _SECRET.fullmatch(part)) else part
        for index, part in enumerate(parts)
    )
