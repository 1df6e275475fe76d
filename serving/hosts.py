"""Against DNS rebinding: an endpoint on loopback answers only those who meant it.

A page of another origin can have its own name resolve to 127.0.0.1, and then read what is served there as if it were
its own. Its requests still carry that name in `Host`.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.address import Place
from serving.requests import Refused, refusal

_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


def meant(host: str | None, place: Place) -> bool:
    """Whether a request with this `Host` header was meant for an endpoint on loopback at `place`."""
    if host is None:
        return False
    own = place.at.rpartition(":")[0]
    port = 443 if place.tls else 80
    hosts = {f"{name}:{place.port}" for name in (*_LOOPBACK, own)}
    if place.port == port:
        hosts |= {*_LOOPBACK, own}
    return host.lower() in hosts


class Meant:
    """Answers only what was meant for an endpoint at `place`, whatever path it asks for."""

    def __init__(self, inner: ASGIApp, place: Place) -> None:
        """Pass on to `inner`."""
        self._inner = inner
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        answer: ASGIApp = self._inner
        try:
            check_host(Request(scope), self._place)
        except Refused as refused:
            answer = refusal(refused)
        await answer(scope, receive, send)


def check_host(request: Request, place: Place) -> None:
    """Raise `Refused` (421) for what another name led to an endpoint on loopback; others are guarded by their token."""
    if place.loopback and not meant(request.headers.get("host"), place):
        raise Refused(421, f"this endpoint is called {place.at}, and nothing else")
