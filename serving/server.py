"""Runs an endpoint: a web server and its connections, in one event loop, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final, TypeVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from configs.errors import ConfigError

T = TypeVar("T")

_REQUEST_S: Final = 10.0
"""How long a connection may take to ask for something (s); a page asks at once."""

_START_S: Final = 5.0
"""How long the server may take to listen (s); it takes a few milliseconds."""

_BLOCKED_S: Final = 30.0
"""How long a connection may take nothing of what it asked for (s), before it is given up: phones lose their network for
as long, and come back."""

_CALL_S: Final = 15.0
"""How long anything asked of the loop may take (s): STUN servers that do not answer hold a connection for five."""


class EndpointClosed(Exception):
    """The endpoint does not serve, or its loop does not answer."""


class _Impatient(H11Protocol):
    """Lets nobody hold connections for nothing: without a token that would keep the publisher's page from asking."""

    most: ClassVar[int]
    _late: asyncio.TimerHandle | None = None
    _blocked: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse one too many, and give the others a while."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        self._expect()

    def on_response_complete(self) -> None:
        """Give it the same while to ask for more."""
        self._expect()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        for timer in (self._late, self._blocked):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Nothing is taken any more: for so long and no longer."""
        super().pause_writing()
        self._blocked = self.loop.call_later(_BLOCKED_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It is taken again."""
        if self._blocked is not None:
            self._blocked.cancel()
        super().resume_writing()

    def shutdown(self) -> None:
        """Wait for no goodbye from who does not even listen."""
        if self.flow.write_paused:
            self.transport.abort()
        else:
            super().shutdown()

    def _expect(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._late = self.loop.call_later(_REQUEST_S, self._leave)

    def _leave(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]  # none before the first
            self.transport.abort()


class Server:
    """Use `start`, then `call` from other threads, then `close`."""

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        *,
        section: str,
        certificate: str | None = None,
        key: str | None = None,
        most_connections: int = 32,
    ) -> None:
        """Prepare to serve on a bound socket, which is the server's from now on, for so many connections at a time.

        Raises `ConfigError`, which names the settings of `section`, where the certificate or its key cannot be used.
        """
        # Warnings there are of requests that were no HTTP, errors tracebacks of answers that broke off: what somebody
        # else can cause at will, and the operator cannot mend, is not printed over the screen.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            app,
            http=type("Impatient", (_Impatient,), {"most": most_connections}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=2 * most_connections,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        try:
            config.load()
        except OSError as error:
            raise ConfigError(
                f"{section}.certificate, {section}.key: {error.strerror or error}; "
                "both are PEM files, and the key has no password"
            ) from None
        self._listener = listener
        self._uvicorn = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name=section, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it is serving."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to serve; returns once connections are taken."""
        self._thread.start()
        if not self._listening.wait(_START_S):
            raise EndpointClosed("the endpoint did not start")

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns, run in the server's loop. Raises `EndpointClosed` where the loop does not answer."""
        if self._loop is None or not self.alive:
            work.close()
            raise EndpointClosed("the endpoint is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(_CALL_S)
        except TimeoutError:
            future.cancel()
            raise EndpointClosed("the endpoint does not answer") from None

    def tell(self, callback: Callable[[], None]) -> None:
        """Have `callback` run in the server's loop soon, asked from any thread; nothing happens once it is over."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed in between
                self._loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """End it, its connections and its thread. Safe to call twice."""
        self._uvicorn.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_START_S)
        self._listener.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        # One thread converts pictures; names are looked up in it too.
        self._loop.set_default_executor(ThreadPoolExecutor(1, "endpoint-pictures"))
        self._listener.listen()  # who comes from now on is served, even if a moment later
        self._listening.set()
        await self._uvicorn.serve(sockets=[self._listener])
