"""An OpenAI-compatible server that does what a test tells it to: real HTTP on 127.0.0.1, in a thread, without a model.

    with ScriptedServer(["The person leans forward."]) as server:
        ...Server(url=server.url, ...)

The script is a list, used up one by one (the last answer repeats), or a function of what was asked. It answers chat
requests with a system message; one without is a probe of what the server can do and is answered by `sees` and `hears`.
Abilities (`sees`, `hears`, `most_images`, `refuses`) come before the script and hold for every chat request.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PER_IMAGE = 64
"""Prompt tokens of an image."""

PER_SECOND = 25
"""Prompt tokens of a second of 16 kHz 16-bit sound."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `body` is empty for GET."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def parts(self) -> list[Mapping[str, Any]]:
        """The parts of all messages, texts included."""
        contents = [message.get("content") for message in self.body.get("messages", ())]
        return [
            part
            for content in contents
            for part in (content if isinstance(content, list) else [{"type": "text", "text": content}])
        ]

    @property
    def text(self) -> str:
        """All text of all messages."""
        return "\n".join(str(part["text"]) for part in self.parts if part["type"] == "text")

    @property
    def images(self) -> list[Mapping[str, Any]]:
        """The image parts."""
        return [part for part in self.parts if part["type"] == "image_url"]

    @property
    def clips(self) -> list[bytes]:
        """The WAV files."""
        return [base64.b64decode(part["input_audio"]["data"]) for part in self.parts if part["type"] == "input_audio"]

    @property
    def is_probe(self) -> bool:
        """Whether it has no system message."""
        return not any(message.get("role") == "system" for message in self.body.get("messages", ()))


@dataclass(frozen=True, slots=True)
class Say:
    """A chat answer. `tokens` are (token, {token: logprob}) pairs, the first of each its own."""

    text: str | None
    finish: str = "stop"
    refusal: str | None = None
    tokens: Sequence[tuple[str, Mapping[str, float]]] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """Any status and body: bytes as they are, everything else as JSON."""

    status: int
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing more after these bytes, until the server ends; with `headers_sent` a status 200 goes before."""

    headers_sent: bool = True
    first: bytes = b""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Closes the connection after these raw bytes: none, or some that are not HTTP."""

    raw: bytes = b""


Action = Say | Send | Stall | HangUp | str
Script = Sequence[Action] | Callable[[Asked], Action]


def refusal(said: str, status: int = 400) -> Send:
    """An error in OpenAI's shape."""
    return Send(status, {"error": {"message": said, "type": "invalid_request_error", "param": None, "code": None}})


class ScriptedServer:
    """See the module. Every request is in `asked`, in order; attributes may be changed while it runs."""

    def __init__(
        self,
        script: Script = ("The person sits upright and speaks calmly.",),
        *,
        models: Sequence[str | Mapping[str, object]] | None = ("made-model",),
        sees: bool = True,
        hears: bool = True,
        most_images: int | None = None,
        refuses: Mapping[str, str] | None = None,
        counts: bool = True,
        key: str | None = None,
        decide: Callable[[Asked], Action] | None = None,
    ) -> None:
        """`models` None: no such route. `refuses`: what is said of each top-level parameter that is not taken.
        `counts`: whether answers hold `usage`. `key`: what is demanded. `decide` answers /v1/decisions.
        """
        self.script = script
        self.models = models
        self.sees = sees
        self.hears = hears
        self.most_images = most_images
        self.refuses = dict(refuses or {})
        self.counts = counts
        self.key = key
        self.decide = decide
        self.asked: list[Asked] = []
        self._place = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address with /v1."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    @property
    def chats(self) -> list[Asked]:
        """The chat requests that were no probes."""
        return [asked for asked in self.asked if asked.path == "/v1/chat/completions" and not asked.is_probe]

    @property
    def probes(self) -> list[Asked]:
        """The chat requests that were probes."""
        return [asked for asked in self.asked if asked.path == "/v1/chat/completions" and asked.is_probe]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait_for_end(self) -> None:
        """Block until the server ends."""
        self._ended.wait()

    def answer(self, asked: Asked) -> Action:
        """What to do about a request."""
        with self._lock:
            self.asked.append(asked)
            if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
                return refusal(f"Incorrect API key provided: {asked.headers.get('authorization')}", 401)
            if asked.path == "/health":
                return Send(200, {})
            if asked.path == "/v1/models" and self.models is not None:
                entries = [{"id": model} if isinstance(model, str) else model for model in self.models]
                return Send(200, {"object": "list", "data": entries})
            if asked.path == "/v1/decisions" and self.decide is not None:
                return self.decide(asked)
            if asked.path != "/v1/chat/completions":
                return refusal("Not Found", 404)
            return self._refused(asked) or (Say("ok") if asked.is_probe else self._scripted(asked))

    def reply(self, asked: Asked, say: Say) -> Mapping[str, object]:
        """A chat completion."""
        message = {"role": "assistant", "content": say.text, "refusal": say.refusal}
        choice: dict[str, object] = {"index": 0, "message": message, "finish_reason": say.finish, "logprobs": None}
        if say.tokens and asked.body.get("logprobs"):
            choice["logprobs"] = {"content": [_token(token, rivals) for token, rivals in say.tokens]}
        count = int(asked.body.get("n", 1))
        made: dict[str, object] = {
            "id": "made",
            "object": "chat.completion",
            "created": 0,
            "model": asked.body.get("model"),
            "choices": [{**choice, "index": place} for place in range(count)],
        }
        if self.counts:
            prompt, completion = self._tokens(asked), len((say.text or "").split())
            total = prompt + completion
            made["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
        return made

    def _refused(self, asked: Asked) -> Send | None:
        for parameter, said in self.refuses.items():
            if parameter in asked.body:
                return refusal(said)
        if self.most_images is not None and len(asked.images) > self.most_images:
            return refusal(f"At most {self.most_images} image(s) may be provided in one request.")
        return None

    def _scripted(self, asked: Asked) -> Action:
        if callable(self.script):
            return self.script(asked)
        action = self.script[min(self._place, len(self.script) - 1)]
        self._place += 1
        return action

    def _tokens(self, asked: Asked) -> int:
        seconds = sum(len(clip) - 44 for clip in asked.clips) / 32_000
        seen = PER_IMAGE * len(asked.images) if self.sees else 0
        heard = round(PER_SECOND * seconds) if self.hears else 0
        return 8 + len(asked.text) // 4 + seen + heard


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the handlers, and no socket is left to the collector

    def __init__(self, scripted: ScriptedServer) -> None:
        self.scripted = scripted
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._act(Asked("GET", self.path, self._headers(), {}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._act(Asked("POST", self.path, self._headers(), body))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _act(self, asked: Asked) -> None:
        action = self.server.scripted.answer(asked)
        if isinstance(action, str):
            action = Say(action)
        if isinstance(action, Say):
            action = Send(200, self.server.scripted.reply(asked, action))
        if isinstance(action, Send):
            body = action.body if isinstance(action.body, bytes) else json.dumps(action.body).encode()
            self._begin(action.status, len(body), action.headers)
            self.wfile.write(body)
            return
        self.close_connection = True
        if isinstance(action, HangUp):
            self.wfile.write(action.raw)
            return
        if action.headers_sent:
            self._begin(200, len(action.first) + 1000, {})
            self.wfile.write(action.first)
            self.wfile.flush()
        self.server.scripted.wait_for_end()

    def _begin(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        usual = {"date": self.date_time_string(), "content-type": "application/json", "content-length": str(length)}
        for name, value in {**usual, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def _token(token: str, rivals: Mapping[str, float]) -> Mapping[str, object]:
    top = [{"token": name, "logprob": value, "bytes": None} for name, value in rivals.items()]
    return {"token": token, "logprob": rivals[token], "bytes": None, "top_logprobs": top}
