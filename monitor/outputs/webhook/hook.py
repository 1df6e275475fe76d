"""One signed request to the receiver and the status of its answer; no retry, no meaning.

Nothing is sent but to the address that was set: no redirect is followed and no proxy of the environment is used, TLS
is checked against the system's authorities, and cookies are forgotten. What the answer says is not kept: only its
status and a few headers.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

import httpx

from configs.errors import ConfigError
from monitor.outputs.lookup import Lookup
from monitor.outputs.webhook.answers import Answer, answer_of
from monitor.outputs.webhook.signing import signed
from serving.address import Place

_MOST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read, and forgotten: whoever answers more has to bear a closed connection."""

_HOST: Final = re.compile(r"[\w.:-]+")

_CAUSES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ssl.SSLError, "it does not speak TLS as it should"),
    (socket.gaierror, "its name is not known"),
    (ConnectionRefusedError, "connection refused"),
)


class Unreached(Exception):
    """There was no answer; the message says why in one short phrase."""


class Hook:
    """The receiver. Used from one event loop; `open` before `post`."""

    def __init__(self, url: str, key: bytes, *, timeout_s: float) -> None:
        """Nothing is sent yet; `timeout_s` is a request's total time, answer included.

        Raises:
            ConfigError: `url` is no https address, nor an http one on this machine; the message does not hold it.
        """
        try:
            address = httpx.URL(url)
            host = address.host  # decoded only now: it may be no name either
        except (httpx.InvalidURL, ValueError):
            address, host = httpx.URL(""), ""
        usable = _HOST.fullmatch(host) and (address.port is None or 0 < address.port < 65536)
        if address.scheme not in {"http", "https"} or not usable:
            raise ConfigError("outputs.webhook.url is no address: write it like https://host/path")
        if address.scheme == "http" and not Place(host, 0).loopback:
            raise ConfigError(f"outputs.webhook.url: what goes to {host} could be read on its way; write it with https")
        self.host = host
        path = address.raw_path.partition(b"?")[0].decode("ascii")
        self.receiver = (address.scheme, address.raw_host.decode("ascii"), str(_port(address)), path)
        """What tells one receiver from another: not its password or its query, which are changed from time to time."""
        self._url = address
        self._lookup = Lookup(address.raw_host, _port(address))
        self._key = key
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None
        for library in ("httpx", "httpcore"):  # they log whole addresses, which may hold secrets
            logging.getLogger(library).setLevel(logging.WARNING)

    async def open(self) -> None:
        """Read the system's authorities, which takes a while."""
        context = await asyncio.to_thread(ssl.create_default_context)
        self._client = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            event_hooks={"response": [_go_nowhere]},
            timeout=None,  # noqa: S113 - the total time of a request bounds each of its steps
            # A connection a request: a kept one may be closed just as it is used, and looks like a receiver that fails.
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={
                "user-agent": f"emotion-monitor/{version('emotion-monitor')}",
                "accept-encoding": "identity",
                "connection": "close",
            },
        )

    async def post(self, message_id: str, at: int, body: bytes) -> Answer:
        """Send `body`, signed with this time (Unix, s).

        Raises:
            Unreached: No answer came.
        """
        assert self._client is not None
        headers = {"content-type": "application/json", **signed(self._key, message_id, at, body)}
        answer: Answer | None = None
        failure: Exception | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._lookup.answered()
                async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                    answer = answer_of(response.status_code, response.headers, self.host)
                    await _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            failure = error
        self._client.cookies.clear()
        if answer is not None:
            return answer  # however its body ended
        raise Unreached(f"{self.host} cannot be reached: {self._why(failure)}; it is tried again")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    def _why(self, failure: BaseException | None) -> str:
        """The cause in a few words; a library's own may hold addresses."""
        for cause in _causes(failure):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"its certificate cannot be trusted ({cause.verify_message})"
            for kind, said in _CAUSES:
                if isinstance(cause, kind):
                    return said
        if isinstance(failure, TimeoutError):
            lacking = "nobody who knows its name" if self._lookup.pending else "no answer"
            return f"{lacking} within {self._timeout_s:g} s"
        return "the connection broke off" if isinstance(failure, httpx.TransportError) else type(failure).__name__


def _port(address: httpx.URL) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


async def _go_nowhere(response: httpx.Response) -> None:
    """Forget where an answer sends to: httpx looks at it even where it does not follow, and may stumble over it."""
    response.headers.pop("location", None)


async def _read(response: httpx.Response) -> None:
    """Take the answer's body, as far as it is bounded: some receivers count an unread one as a failure."""
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read >= _MOST_ANSWER:
            return


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that led to it."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
