"""The WHIP endpoint (RFC 9725) as an ASGI application: the page, the offer, the goodbye, and how it is going.

No response may be read by pages of other origins: there are no CORS headers, and a publisher that is no browser
needs none.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from serving.requests import Headed, Refused, admit, answering, read_text
from serving.token import Guard
from streams.sources.webrtc.ice import IceServer
from streams.sources.webrtc.room import Room

_SDP: Final = "application/sdp"

_PAGE: Final = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/sharing.js": ("sharing.js", "text/javascript"),
}

_HEADERS: Final = {
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"permissions-policy": b"camera=(self), microphone=(self)",
}


def application(room: Room, guard: Guard, servers: Sequence[IceServer], *, most_bytes: int) -> ASGIApp:
    """Serve `room` to who passes `guard`; offers longer than `most_bytes` are refused."""

    async def publish(request: Request) -> Response:
        admit(request, guard)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _SDP:
            raise Refused(415, f"an offer is sent as {_SDP}")
        ticked = request.headers.get("x-consent") == "yes"
        if not ticked and (request.headers.get("x-consent") or request.query_params.get("consent")) != "yes":
            raise Refused(403, "publish only with the consent of whoever is seen and heard, and say X-Consent: yes")
        consent = (
            "the publisher ticked the consent box" if ticked else "the publisher's address says that consent was given"
        )
        offer = await read_text(request, most_bytes=most_bytes, what="SDP offer", setting="webrtc.max_sdp_kbytes")
        name, answer = await room.join(offer, consent)
        return Response(answer, 201, {"location": f"/whip/{name}"}, media_type=_SDP)

    async def leave(request: Request) -> Response:
        admit(request, guard)
        if not room.leave(request.path_params["name"]):
            raise Refused(404, "nobody of this name is sharing")
        return Response(status_code=200)

    async def options(request: Request) -> Response:
        methods = "DELETE, OPTIONS" if "name" in request.path_params else "POST, OPTIONS"
        return Response(status_code=204, headers={"allow": methods, "accept-post": _SDP})

    async def state(request: Request) -> Response:
        admit(request, guard)
        told = [{"urls": s.url, "username": s.user, "credential": s.secret} for s in servers if s.user is not None]
        told += [{"urls": s.url} for s in servers if s.user is None]
        return JSONResponse({**asdict(room.seen()), "ice_servers": told})

    async def page(request: Request) -> Response:
        name, kind = _PAGE[request.url.path]
        return Response(_read(name), media_type=kind)

    routes = [Route(path, page) for path in _PAGE]
    for path, method, handler in (
        ("/whip", "POST", publish),
        ("/whip", "OPTIONS", options),
        ("/whip/{name}", "DELETE", leave),
        ("/whip/{name}", "OPTIONS", options),
        ("/state", "GET", state),
    ):
        routes.append(Route(path, answering(handler), methods=[method]))
    return Headed(Starlette(routes=routes), _HEADERS)


@functools.cache
def _read(name: str) -> bytes:
    return files("streams.sources.webrtc").joinpath("page", name).read_bytes()
