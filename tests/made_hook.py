"""A receiver of webhooks on loopback that does as a test says, and checks signatures by itself."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from configs.output_settings import WebhookSettings
from monitor.outputs.base import Output
from monitor.outputs.webhook.destination import WebhookDestination
from monitor.snapshot import OutputState, OutputStatus
from tests.made_snapshot import RUNNING
from tests.made_stream import MadeStream

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
VARIABLE = "EMOTION_MONITOR_WEBHOOK_SECRET"


@dataclass(frozen=True, slots=True)
class Posted:
    """One request: headers by lower-case name."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def seq(self) -> int:
        return int(self.id.rpartition("-")[2])

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def genuine(self) -> bool:
        """Whether it was signed with `SECRET`."""
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(bytes(range(32)), content, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{expected}"


@dataclass(frozen=True, slots=True)
class Says:
    """An answer; with `stalls` nothing comes after its headers, with `silent` nothing at all."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stalls: bool = False
    silent: bool = False


Script = Sequence[Says] | Callable[[Posted], Says]


class MadeHook:
    """See the module. Answers in the order of the script, the last one for ever; `posted` holds every request."""

    def __init__(self, script: Script = (Says(),), *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.posted: list[Posted] = []
        self._came = threading.Condition()
        self.over = threading.Event()
        self._http = _Http(self, port)
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return self._http.server_port

    @property
    def url(self) -> str:
        """Its address, with a secret in it."""
        return f"{self._scheme}://127.0.0.1:{self.port}/hook?key=hunter2"

    @property
    def taken(self) -> list[Posted]:
        """What was answered with success, in order, without what came again."""
        return list(
            {posted.id: posted for posted in self.posted if posted.headers["answered"].startswith("2")}.values()
        )

    def wait_for(self, count: int, seconds: float = 20.0) -> None:
        """Until so many requests have come."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.posted) >= count, seconds), self.posted

    def answer(self, posted: Posted) -> Says:
        with self._came:
            said = self.script(posted) if callable(self.script) else self._next()
            headers = {**posted.headers, "answered": str(said.status)}
            self.posted.append(Posted(posted.path, headers, posted.body))
            self._came.notify_all()
            return said

    def _next(self) -> Says:
        assert not callable(self.script)
        return self.script[min(len(self.posted), len(self.script) - 1)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, made: MadeHook, port: int) -> None:
        self.made = made
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        says = self.server.made.answer(Posted(self.path, headers, body))
        if says.silent:
            self.server.made.over.wait()
            return
        with contextlib.suppress(OSError):
            self.send_response(says.status)
            for name, value in says.headers.items():
                self.send_header(name, value)
            if "content-length" not in says.headers:
                self.send_header("content-length", str(len(says.body) + says.stalls))
            self.end_headers()
            self.wfile.write(says.body)
            self.wfile.flush()
            if says.stalls:
                self.server.made.over.wait()

    def do_GET(self) -> None:
        """Nobody gets anything: a redirect that was followed would be seen here."""
        self.server.made.answer(Posted(self.path, {"webhook-id": "get-0"}, b""))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


@dataclass
class Hooked:
    """A destination with one stream, as a session runs it: `async with Hooked(...) as hooked`."""

    made: MadeStream
    url: str
    changed: Mapping[str, object] = field(default_factory=dict)
    others: Sequence[MadeStream] = ()

    async def __aenter__(self) -> Self:
        settings = WebhookSettings.model_validate(
            {"url": self.url, "retry_first_s": 0.01, "retry_most_s": 0.05, "drain_s": 10.0, **self.changed}
        )
        self.destination = WebhookDestination(settings, self.url, {VARIABLE: SECRET})
        streams = (self.made, *self.others)
        await self.destination.open([one.stream for one in streams])
        self.outputs: list[Output] = []
        for one in streams:
            output = self.destination.output(one.stream)
            one.outputs.append(output)
            self.outputs.append(output)
            await output.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for output in self.outputs:
            await output.close(None)
        await self.destination.close()
        for one in (self.made, *self.others):
            one.outputs.clear()

    def show(self) -> OutputStatus:
        """What the operator sees now."""
        self.outputs[0].show(RUNNING)
        return self.made.told[-1]

    async def until(self, state: OutputState) -> OutputStatus:
        """What the operator sees once it is so."""
        async with asyncio.timeout(20.0):
            while self.show().state is not state:  # noqa: ASYNC110 - it is only ever told when it is shown
                await asyncio.sleep(0.01)
        return self.made.told[-1]
