"""A page's real server with made-up streams behind it, and who asks it, by requests and for events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from configs.output_settings import WebSettings
from monitor.outputs.page.destination import PageDestination, PageOutput
from monitor.outputs.page.wire import KEEPALIVE_S
from monitor.record import Record
from monitor.snapshot import Snapshot
from streams.clock import LiveClock
from tests.made_stream import MadeStream

QUICK_S = 0.02
"""Between two tellings, so that tests need not wait for them."""


class Event(NamedTuple):
    """A server-sent event; `kind` is a comment's text after a colon."""

    kind: str
    data: dict[str, Any]
    number: str


class Viewer:
    """Reads events, one at a time."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self, *kinds: str) -> Event:
        """The next event, or the next of these kinds."""
        while True:
            said = {"event": "", "data": "", "id": ""}
            for line in self._lines:
                if not line:
                    break
                name, _, value = line.partition(":")
                said[name or "event"] = value.strip() if name else f":{value.strip()}"
            else:
                raise EOFError
            if said["event"] and (not kinds or said["event"] in kinds):
                return Event(said["event"], json.loads(said["data"] or "{}"), said["id"])

    def until(self, kind: str, **fields: object) -> dict[str, Any]:
        """What is said by the first event of a kind that has these fields."""
        while True:
            data = self.next(kind).data
            if all(data.get(name) == value for name, value in fields.items()):
                return data


class MadePage:
    """A page that is served. `with served(...)`."""

    def __init__(self, destination: PageDestination, streams: tuple[MadeStream, ...], runner: asyncio.Runner) -> None:
        self.destination = destination
        self.streams = streams
        self.runner = runner
        self.outputs: dict[str, PageOutput] = {}
        for stream in streams:
            output = destination.output(stream.stream)
            stream.outputs.append(output)
            self.outputs[stream.name] = output
            runner.run(output.start())

    @property
    def port(self) -> int:
        return self.destination.place.port

    @property
    def url(self) -> str:
        """Where it is from this machine."""
        return f"{'https' if self.destination.place.tls else 'http'}://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """Somebody who asks, with cookies of their own."""
        return httpx.Client(base_url=self.url, timeout=10.0, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """One request of somebody who was never there; `_` in the names of headers is `-`."""
        with self.client() as client:
            return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    @property
    def viewers(self) -> int:
        """How many read events now."""
        assert self.destination._hub is not None
        return self.destination._hub.viewers

    def wait_for(self, seq: int, name: str = "interview") -> None:
        """Wait until the server has read a stream's journal up to a line."""
        assert self.destination._hub is not None
        feed = self.destination._hub.feeds[name]
        until(lambda: feed.seq >= seq)

    @contextmanager
    def viewer(
        self, name: str = "interview", *, last: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Viewer]:
        """Somebody who reads a stream's events, from after the event `last`."""
        asked = {**(headers or {}), **({} if last is None else {"Last-Event-ID": last})}
        with self.client() as client, client.stream("GET", f"/streams/{name}/events", headers=asked) as answer:
            if answer.status_code != 200:
                answer.read()
                raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
            yield Viewer(answer)

    def show(self, snapshot: Snapshot, name: str = "interview") -> None:
        """Show a stream's session, as it does itself four times a second."""
        self.outputs[name].show(snapshot)

    def say(self, *made: Record, name: str = "interview") -> None:
        """Write records to a stream's journal."""
        next(stream for stream in self.streams if stream.name == name).say(*made)


def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until something is so."""
    clock = LiveClock()
    while not true():
        assert clock.now_s() < within_s, "it did not come to be"
        clock.sleep_until(clock.now_s() + 0.005)


@contextmanager
def served(
    folder: Path,
    *streams: MadeStream,
    environ: Mapping[str, str] | None = None,
    beat_s: float = KEEPALIVE_S,
    **settings: object,
) -> Iterator[MadePage]:
    """Serve these streams, or one named `interview`, at a free port of loopback; `beat_s` is the longest silence."""
    made = streams or (MadeStream(folder / "interview.jsonl"),)
    chosen = WebSettings.model_validate({"enabled": True, "port": 0, **settings})
    with asyncio.Runner() as runner:
        destination = PageDestination(chosen, environ or {}, period_s=QUICK_S, beat_s=beat_s)
        try:
            runner.run(destination.open([stream.stream for stream in made]))
            yield MadePage(destination, made, runner)
        finally:
            runner.run(destination.close())
            for stream in made:
                stream.file.close()
