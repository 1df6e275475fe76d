"""The WHIP endpoint (RFC 9725) as an ASGI application: the page, the offer, the goodbye, and how it is going.

No response may be read by pages of other origins: there are no CORS headers, and a publisher that is no browser
needs none.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.clock import monotonic_s
from streams.sources.webrtc.ice import IceServer
from streams.sources.webrtc.room import Refused, Room
from streams.sources.webrtc.token import Access, Guard

_SDP: Final = "application/sdp"

_BODY_S: Final = 5.0
"""Time an offer has to arrive (s); it is a few kilobytes."""

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
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}

Handler = Callable[[Request], Awaitable[Response]]


def application(room: Room, guard: Guard, servers: Sequence[IceServer], *, most_bytes: int) -> ASGIApp:
    """Serve `room` to who passes `guard`; offers longer than `most_bytes` are refused."""

    async def publish(request: Request) -> Response:
        _admit(request, guard)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _SDP:
            raise Refused(415, f"an offer is sent as {_SDP}")
        ticked = request.headers.get("x-consent") == "yes"
        if not ticked and (request.headers.get("x-consent") or request.query_params.get("consent")) != "yes":
            raise Refused(403, "publish only with the consent of whoever is seen and heard, and say X-Consent: yes")
        consent = (
            "the publisher ticked the consent box" if ticked else "the publisher's address says that consent was given"
        )
        name, answer = await room.join(await _offer(request, most_bytes), consent)
        return Response(answer, 201, {"location": f"/whip/{name}"}, media_type=_SDP)

    async def leave(request: Request) -> Response:
        _admit(request, guard)
        if not room.leave(request.path_params["name"]):
            raise Refused(404, "nobody of this name is sharing")
        return Response(status_code=200)

    async def options(request: Request) -> Response:
        methods = "DELETE, OPTIONS" if "name" in request.path_params else "POST, OPTIONS"
        return Response(status_code=204, headers={"allow": methods, "accept-post": _SDP})

    async def state(request: Request) -> Response:
        _admit(request, guard)
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
        routes.append(Route(path, _answering(handler), methods=[method]))
    return _Headed(Starlette(routes=routes))


class _Headed:
    """Adds the headers that protect the page to every response."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS.items()]
            await send(message)

        await self._inner(scope, receive, headed)


def _answering(handler: Handler) -> Handler:
    """The handler, with refusals as one line of text; what was not read of a refused request is not read any more."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            headers = {"connection": "close"}
            if refused.status == 401:
                headers["www-authenticate"] = "Bearer"
            if refused.retry_s is not None:
                headers["retry-after"] = str(refused.retry_s)
            return PlainTextResponse(f"{refused.reason}\n", refused.status, headers)

    return answered


def _admit(request: Request, guard: Guard) -> None:
    address = request.client.host if request.client else ""
    access = guard.check(request.headers.get("authorization"), address, monotonic_s())
    if access is Access.TOO_MANY:
        raise Refused(429, "too many wrong tokens: try again in a minute", retry_s=60)
    if access is Access.DENIED:
        raise Refused(401, "the token is missing or wrong: open the link that the monitor printed")


async def _offer(request: Request, most_bytes: int) -> str:
    too_long = Refused(413, f"the offer is longer than {most_bytes // 1024} KiB (webrtc.max_sdp_kbytes)")
    if int(request.headers.get("content-length", "0")) > most_bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise too_long
    except TimeoutError:
        raise Refused(408, "the offer did not arrive in time") from None
    except ClientDisconnect:
        raise Refused(400, "the offer broke off") from None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, "this is no SDP offer") from None


@functools.cache
def _read(name: str) -> bytes:
    return files("streams.sources.webrtc").joinpath("page", name).read_bytes()
