"""The endpoint that Prometheus scrapes, as an ASGI application: one page, and nothing to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from serving.address import Place
from serving.hosts import Meant
from serving.requests import Headed, Refused, admit, answering
from serving.token import Guard

PATH: Final = "/metrics"

_HEADERS: Final = {b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'"}


def application(registry: CollectorRegistry, place: Place, guard: Guard | None) -> ASGIApp:
    """Serve what `registry` collects at `place`, to who passes `guard` where there is one."""

    async def metrics(request: Request) -> Response:
        if guard is not None:
            _admit(request, guard)
        encode, kind = _form(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": kind})

    inner = Starlette(routes=[Route(PATH, answering(metrics), methods=["GET"])])
    inner.router.redirect_slashes = False
    return Headed(Meant(inner, place), _HEADERS)


def _form(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    """How figures are written for who accepts this, and what that is called; as plain text where it makes no sense."""
    try:
        return choose_encoder(accept)
    except Exception:  # noqa: BLE001 - prometheus_client says nowhere what it raises for a header that is malformed
        return choose_encoder("")


def _admit(request: Request, guard: Guard) -> None:
    try:
        admit(request, guard)
    except Refused as refused:
        if refused.status == 401:
            raise Refused(401, "the token is missing or wrong: send it as Authorization: Bearer TOKEN") from None
        raise
