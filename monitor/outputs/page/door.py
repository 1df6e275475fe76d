"""Who may see the page's data: on loopback whoever is here, anywhere else who once showed the token.

EventSource and pictures cannot carry a header, so the token is exchanged for a cookie that only this server reads.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from serving.address import Place
from serving.hosts import check_host
from serving.requests import Refused, admit
from serving.token import Guard, Token

_COOKIES: Final = 1024
"""Browsers that are remembered; beyond, the one that has not come for longest shows the token again."""

_OWN: Final = frozenset({None, "same-origin", "none"})
"""What `Sec-Fetch-Site` says of requests of our own page or of none. Who does not send it is no browser of today: on
loopback `Host` holds off pages elsewhere all the same, and where others can come the cookie does."""


class Door:
    """Admits requests, or raises `Refused`."""

    def __init__(self, token: Token, place: Place) -> None:
        """A token that was drawn is asked for only where other machines can come; one that was set, always."""
        self.asks = not (token.drawn and place.loopback)
        self._guard = Guard(token)
        self._place = place
        self._cookies: OrderedDict[str, None] = OrderedDict()
        # Cookies know no ports: two monitors on one host must not take each other's.
        self._name = f"emotion-monitor-{place.port}"

    def check(self, request: Request) -> None:
        """Refuse a request for data that is not the page's, or of who may not see it."""
        self.check_origin(request)
        if not self.asks:
            return
        cookie = request.cookies.get(self._name)
        if cookie is not None and cookie in self._cookies:
            self._cookies.move_to_end(cookie)
            return
        admit(request, self._guard)

    def check_name(self, request: Request) -> None:
        """Refuse what another name led to an endpoint on loopback."""
        check_host(request, self._place)

    def check_origin(self, request: Request) -> None:
        """Refuse what a page of another origin asks for."""
        self.check_name(request)
        if request.headers.get("sec-fetch-site") not in _OWN:
            raise Refused(403, "this is for the page of the monitor itself")

    def enter(self, request: Request) -> Response:
        """Exchange the token for a cookie."""
        self.check_origin(request)
        answer = Response(status_code=204)
        if not self.asks:
            return answer
        admit(request, self._guard)
        cookie = secrets.token_urlsafe(32)
        self._cookies[cookie] = None
        while len(self._cookies) > _COOKIES:
            self._cookies.popitem(last=False)
        answer.set_cookie(self._name, cookie, httponly=True, samesite="strict", secure=self._place.tls)
        return answer
