"""What every endpoint does with a request: headers that protect its pages, tokens, and refusals in one line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.token import Access, Guard

logger = logging.getLogger("emotion_monitor.serving")

Handler = Callable[[Request], Awaitable[Response]]

_BODY_S: Final = 5.0
"""Time a request's body has to arrive (s); the longest is a few kilobytes."""

_PROTECTING: Final = {
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Refused(Exception):
    """A request is refused with this status; the message is one short phrase for whoever sent it."""

    def __init__(self, status: int, reason: str, *, retry_s: int | None = None) -> None:
        """`retry_s` is when it may be tried again (s)."""
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_s = retry_s


class Headed:
    """Adds the headers that protect an endpoint's pages to every response.

    None lets pages of other origins read anything: there are no CORS headers.
    """

    def __init__(self, inner: ASGIApp, more: Mapping[bytes, bytes]) -> None:
        """`more` holds what differs: the content security policy, permissions."""
        self._inner = inner
        self._headers = {**_PROTECTING, **more}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add to its response."""

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers.items()]
            await send(message)

        await self._inner(scope, receive, headed)


def answering(handler: Handler) -> Handler:
    """The handler, with refusals and faults as one line of text; the rest of a refused request is not read any more."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            return refusal(refused)
        except Exception:
            # Whoever asks may have caused it: nothing is printed over the operator's screen for that.
            logger.debug("a request to %s failed", request.url.path, exc_info=True)
            return refusal(Refused(500, "the endpoint failed at this request"))

    return answered


def refusal(refused: Refused) -> Response:
    """A refusal as an answer."""
    headers = {"connection": "close"}
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refused.retry_s is not None:
        headers["retry-after"] = str(refused.retry_s)
    return PlainTextResponse(f"{refused.reason}\n", refused.status, headers)


def admit(request: Request, guard: Guard) -> None:
    """Raise `Refused` unless the request presents the token in its `Authorization` header."""
    address = request.client.host if request.client else ""
    access = guard.check(request.headers.get("authorization"), address, asyncio.get_running_loop().time())
    if access is Access.TOO_MANY:
        raise Refused(429, "too many wrong tokens: try again in a minute", retry_s=60)
    if access is Access.DENIED:
        raise Refused(401, "the token is missing or wrong: open the link on the monitor's own screen")


async def read_text(request: Request, *, most_bytes: int, what: str, setting: str) -> str:
    """The body as text; raises `Refused` where it is longer, late, broken off or none. `what` is it called: an offer.

    `setting` is the one that bounds it, for the message.
    """
    too_long = Refused(413, f"the {what} is longer than {most_bytes // 1024} KiB ({setting})")
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
        raise Refused(408, f"the {what} did not arrive in time") from None
    except ClientDisconnect:
        raise Refused(400, f"the {what} broke off") from None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(400, f"this is no {what}") from None
