"""One HTTP request to an OpenAI-compatible server and its bounded answer; no meaning, no retry, no deadline.

The `openai` package carries it. What it would add by itself is taken off again: keys, organisations and headers from
the environment, facts about this machine, redirects (the pictures of a person go to the server that was named, or
nowhere) and its own retries. Bodies are never logged.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from configs.errors import ConfigError, ModelUnavailable
from monitor.remote.errors import ServerFailed, Unreachable
from monitor.remote.parse import one_line

if TYPE_CHECKING:
    import httpx2

MOST_BYTES: Final = 1024 * 1024
"""Longest body that is read; an answer of 4,096 tokens with their rivals is about half of it."""

HOST: Final = re.compile(r"[\w.:-]+")

KEPT_HEADERS: Final = frozenset({"host", "accept", "content-type", "content-length", "transfer-encoding"})
"""All that is sent besides what is set here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to one server. `shown` is its address without user, password and query, fit for messages."""

    def __init__(self, url: str, key: str | None, what: str) -> None:
        """`what` names the server in messages.

        Raises:
            ConfigError: `url` is no http address.
            ModelUnavailable: The package `openai` is not installed.
        """
        try:
            import httpx2
            import openai
        except ImportError:
            raise ModelUnavailable(
                f"{what} needs the package openai, which is not installed: pip install 'emotion-monitor[openai]'"
            ) from None
        try:
            address = httpx2.URL(url)
        except (httpx2.InvalidURL, TypeError, ValueError):
            address = httpx2.URL("")
        if address.scheme not in {"http", "https"} or not HOST.fullmatch(address.host):
            raise ConfigError(f"the address of {what} is no http address; write it like http://localhost:8000/v1")
        self.host = address.host
        self.shown = str(address.copy_with(userinfo=b"", query=None, fragment=None)).rstrip("/")
        self._name = f"{what} at {self.shown}"
        self._secrets = [secret for secret in (key, address.password) if secret]
        authorization = None if key is None else f"Bearer {key}"
        if authorization is None and address.username:
            pair = f"{address.username}:{address.password}".encode()
            authorization = f"Basic {base64.b64encode(pair).decode('ascii')}"
        for logger in ("openai", "httpx2", "httpcore2"):
            # At DEBUG these print whole requests, pictures included, and addresses with their passwords.
            logging.getLogger(logger).setLevel(logging.WARNING)
        self._client = openai.AsyncOpenAI(
            # The key itself is put in by `_Bare`: this client neither holds it nor looks for one by itself.
            api_key="-",
            admin_api_key="-",
            organization="",
            project="",
            base_url=address.copy_with(userinfo=b""),
            max_retries=0,
            timeout=None,
            http_client=httpx2.AsyncClient(
                timeout=None,  # the caller's total deadline covers connecting, sending and reading
                follow_redirects=False,
                # A connection a request: a kept one may be closed by the server just as it is used (after a 500, or
                # idle between two windows), and nobody can tell that from a request that was lost.
                limits=httpx2.Limits(max_keepalive_connections=0),
                event_hooks={"request": [_Bare(authorization)], "response": [_bounded]},
            ),
        )

    async def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send one request; `path` begins with a slash and is under the server's address. Any status is an answer.

        Raises:
            Unreachable: No connection, or it broke off.
            ServerFailed: The body is too long, or packed though nobody asked for that.
        """
        import httpx2
        import openai

        failed: Unreachable | ServerFailed
        try:
            if method == "GET":
                response = await self._client.get(path, cast_to=httpx2.Response)
            else:
                response = await self._client.post(path, cast_to=httpx2.Response, body=dict(body or {}))
            return Answer(response.status_code, _headers(response), response.content)
        except openai.APIStatusError as error:
            return Answer(error.response.status_code, _headers(error.response), error.response.content)
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            why = one_line(self.without_secrets(str(cause)), 200) or type(cause).__name__
            if isinstance(cause, httpx2.DecodingError):
                failed = ServerFailed(f"{self._name} sent no reply: {why}")
            else:
                failed = Unreachable(f"{self._name} cannot be reached: {why}; is it running, is its address right?")
        # Raised out here so that it does not carry the package's error, which holds the request and its key.
        raise failed

    def without_secrets(self, text: str) -> str:
        """The text with the key and the address's password struck out: servers like to quote them."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _headers(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


class _Bare:
    """Takes off what the package adds and puts on the key, where there is one."""

    __slots__ = ("_authorization",)

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    async def __call__(self, request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name.lower() not in KEPT_HEADERS:
                del request.headers[name]
        request.headers["connection"] = "close"
        request.headers["user-agent"] = "emotion-monitor"
        request.headers["accept-encoding"] = "identity"  # a packed body can be a thousand times what was read
        if self._authorization is not None:
            request.headers["authorization"] = self._authorization


async def _bounded(response: httpx2.Response) -> None:
    """Let no more than `MOST_BYTES` of the body be read."""
    import httpx2

    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.DecodingError("its body is packed", request=response.request)

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, inner: httpx2.AsyncByteStream) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for chunk in self._inner:
                read += len(chunk)
                if read > MOST_BYTES:
                    raise httpx2.DecodingError(f"its body is longer than {MOST_BYTES:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await self._inner.aclose()

    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = Bounded(response.stream)
