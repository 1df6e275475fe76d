"""Says in one short phrase why a stream cannot be had. libav's own texts hold the address, and with it the password."""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from av import error as libav

_BY_CLASS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (libav.HTTPUnauthorizedError, "refused (401): the user name or the password is missing or wrong"),
    (libav.HTTPForbiddenError, "refused (403): it may not be watched with this user name"),
    (libav.HTTPNotFoundError, "there is no such path (404)"),
    (libav.HTTPTooManyRequestsError, "refused (429): too many requests"),
    (libav.HTTPClientError, "the server refuses the request (4xx)"),
    (libav.HTTPServerError, "the server reports an error of its own (5xx)"),
    (libav.InvalidDataError, "what comes is no stream that can be read"),
    (libav.ProtocolNotFoundError, "the way it is sent is not supported, or not allowed from there"),
    (libav.DemuxerNotFoundError, "what comes is no stream that can be read"),
    (libav.EOFError, "the connection was closed before a stream came"),
)

_BY_NUMBER: Final = {
    errno.EACCES: "permission denied",
    errno.EADDRINUSE: "another program has taken the port",
    errno.EADDRNOTAVAIL: "the address is none of this machine",
    errno.ECONNABORTED: "the connection broke off",
    errno.ECONNREFUSED: "refused: nothing listens there",
    errno.ECONNRESET: "the connection broke off",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.EIO: "it cannot be read",
    errno.ENETDOWN: "the network is down",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.EPIPE: "the connection broke off",
}

_SILENT: Final = (libav.ExitError, TimeoutError)
"""What libav raises where a time limit of ours ran out."""

_NEARLY: Final = 0.95
"""Share of a time limit after which any failure is one of time: RTSP calls it invalid data."""


def phrase(error: Exception, *, waited_s: float, limit_s: float) -> str:
    """Why reading or opening failed after `waited_s` (s), with a time limit of `limit_s`; without secrets."""
    if isinstance(error, _SILENT) or waited_s >= _NEARLY * limit_s:
        # TCP has a limit of its own for connecting, which is shorter.
        return f"nothing came for {waited_s if waited_s >= 1.0 else limit_s:.0f} s"
    for kind, text in _BY_CLASS:
        if isinstance(error, kind):
            return text
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in _BY_NUMBER:
        return _BY_NUMBER[number]
    if isinstance(error, OSError) and isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    return f"it cannot be read ({type(error).__name__})"


def unknown_host(host: str) -> bool:
    """Whether nobody knows the host's name; libav only says that it cannot read."""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return True
    return False
