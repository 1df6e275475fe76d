"""Who may read the figures, and where they are served."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from starlette.types import Receive, Scope, Send

from configs.errors import ConfigError
from configs.load import load_settings
from configs.output_settings import MetricsSettings
from monitor.outputs.destinations import make_destinations
from monitor.outputs.metrics.collector import StreamCollector
from monitor.outputs.metrics.destination import MetricsDestination
from monitor.snapshot import OutputState
from serving.address import Place, bound
from serving.server import Server
from tests.made_metrics import Served, endpoint
from tests.made_snapshot import RUNNING
from tests.made_stream import MadeStream

pytestmark = pytest.mark.unit

T = TypeVar("T")

TOKEN = "0123456789abcdefghij"
VARIABLE = "EMOTION_MONITOR_METRICS_TOKEN"


def serving(folder: Path, act: Callable[[Served], Awaitable[T]], **changed: object) -> T:
    """What `act` makes of an endpoint with these settings."""

    async def main() -> T:
        environ = {VARIABLE: TOKEN} if changed.pop("token", False) else {}
        made = await endpoint(folder, changed, environ=environ)
        try:
            return await act(made)
        finally:
            await made.destination.close()
            for stream in made.streams:
                stream.file.close()

    return asyncio.run(main())


def statuses(folder: Path, *asked: dict[str, str], **changed: object) -> list[int]:
    async def ask(made: Served) -> list[int]:
        return [(await made.get(**headers)).status_code for headers in asked]

    return serving(folder, ask, **changed)


def test_on_loopback_no_token_is_needed_but_the_request_must_be_meant_for_it(tmp_path: Path) -> None:
    assert statuses(tmp_path, {}, {"host": "rebound.example"}, {"host": "127.0.0.1"}) == [200, 421, 421]


def test_anywhere_else_a_token_must_be_set() -> None:
    with pytest.raises(ConfigError, match=f"{VARIABLE}.*outputs.metrics.token_file"):
        MetricsDestination(MetricsSettings(enabled=True, host="0.0.0.0"), {})
    MetricsDestination(MetricsSettings(enabled=True, host="0.0.0.0"), {VARIABLE: TOKEN})


def test_a_token_that_is_set_is_asked_for_and_guessing_is_refused(tmp_path: Path) -> None:
    right = {"authorization": f"Bearer {TOKEN}"}
    wrong = {"authorization": "Bearer x"}
    assert statuses(tmp_path, {}, wrong, right, token=True) == [401, 401, 200]
    assert statuses(tmp_path / "again", *[wrong] * 11, token=True)[-1] == 429


def test_a_refusal_says_what_to_send_and_holds_no_token(tmp_path: Path) -> None:
    async def ask(made: Served) -> httpx.Response:
        return await made.get()

    refused = serving(tmp_path, ask, token=True)
    assert refused.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer" in refused.text
    assert TOKEN not in refused.text


def test_there_is_one_page_and_it_can_only_be_read(tmp_path: Path) -> None:
    async def ask(made: Served) -> list[int]:
        address = made.destination.link
        async with httpx.AsyncClient(trust_env=False) as client:
            posted = await client.post(address, content=b"x")
            return [posted.status_code, (await made.get("/")).status_code, (await made.get("/metrics")).status_code]

    assert serving(tmp_path, ask) == [405, 404, 200]


def test_no_path_is_answered_under_another_name(tmp_path: Path) -> None:
    async def ask(made: Served) -> list[int]:
        found = [await made.get(path, host="rebound.example") for path in ("/metrics", "/metrics/", "/", "/x")]
        found.append(await made.get("/metrics/"))
        assert all("location" not in answer.headers for answer in found)
        return [answer.status_code for answer in found]

    assert serving(tmp_path, ask) == [421, 421, 421, 421, 404]


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=x", "text/plain;version=1..", "\xb2;;=", ";"])
def test_who_accepts_nonsense_gets_plain_text(tmp_path: Path, accept: str) -> None:
    async def ask(made: Served) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(made.destination.link, headers=[(b"accept", accept.encode("latin-1"))])

    found = serving(tmp_path, ask)
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# HELP emotion_monitor_session" in found.text


def test_a_fault_of_ours_is_one_line_to_who_asked_and_none_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_: StreamCollector) -> list[Metric]:
        raise RuntimeError("carol")

    async def ask(made: Served) -> httpx.Response:
        monkeypatch.setattr(StreamCollector, "collect", broken)
        return await made.get()

    with caplog.at_level(logging.WARNING):
        failed = serving(tmp_path, ask)
    assert (failed.status_code, failed.text) == (500, "the endpoint failed at this request\n")
    assert (caplog.text, capfd.readouterr().err) == ("", "")


def test_an_answer_that_breaks_off_prints_nothing_on_the_screen(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise RuntimeError("carol")

    listener, place = bound(Place("127.0.0.1", 0), "made")
    server = Server(breaks, listener, section="made")
    server.start()
    with caplog.at_level(logging.WARNING), pytest.raises(httpx.RemoteProtocolError):
        httpx.get(place.url, trust_env=False)
    server.close()
    assert (caplog.text, capfd.readouterr().err) == ("", "")


def test_answers_may_not_be_read_by_pages_of_other_origins(tmp_path: Path) -> None:
    async def ask(made: Served) -> httpx.Response:
        return await made.get(origin="http://evil.example")

    headers = serving(tmp_path, ask).headers
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


def test_the_operator_is_told_where_it_is_without_a_token(tmp_path: Path) -> None:
    async def told(made: Served) -> None:
        (status,) = made.streams[0].told
        assert (status.name, status.state, status.waiting) == ("metrics", OutputState.UP, None)
        assert status.link.startswith("http://127.0.0.1:")
        assert status.link.endswith("/metrics")
        assert TOKEN not in status.link

    serving(tmp_path, told, token=True)


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match=r"outputs\.metrics\.port: cannot listen"),
    ):
        serving(tmp_path, lambda made: made.get(), port=taken.getsockname()[1])


def test_a_certificate_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    async def opened() -> None:
        settings = MetricsSettings(enabled=True, port=0, certificate="/nowhere/a.pem", key="/nowhere/b.pem")
        destination = MetricsDestination(settings, {})
        made = MadeStream(tmp_path / "j.jsonl")
        try:
            await destination.open([made.stream])
        finally:
            await destination.close()
            made.file.close()

    with pytest.raises(ConfigError, match=r"outputs\.metrics\.certificate"):
        asyncio.run(opened())


def test_nothing_is_served_unless_asked_for_and_nothing_after_the_end(tmp_path: Path) -> None:
    assert make_destinations(load_settings(None, (), {}).settings.outputs, {}) == []
    asked = load_settings(None, ("outputs.metrics.enabled=true", "outputs.metrics.port=0"), {}).settings.outputs
    (made,) = make_destinations(asked, {})
    assert isinstance(made, MetricsDestination)

    async def link(made: Served) -> str:
        return made.destination.link

    with pytest.raises(httpx.ConnectError):
        httpx.get(serving(tmp_path, link), trust_env=False)


def test_an_endpoint_that_ended_by_itself_is_told_once(tmp_path: Path) -> None:
    async def ended(made: Served) -> None:
        await made.destination.close()
        for _ in range(3):
            made.outputs[0].show(RUNNING)
        assert [status.state for status in made.streams[0].told] == [OutputState.UP, OutputState.STOPPED]

    serving(tmp_path, ended)


def test_a_scraper_that_reads_nothing_keeps_nobody_else_from_the_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(made: Served) -> int:
        port = int(made.destination.link.rpartition(":")[2].removesuffix("/metrics"))
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET /metrics HTTP/1.1\r\n")
            return (await made.get()).status_code

    with caplog.at_level(logging.WARNING):
        assert serving(tmp_path, ask) == 200
    assert not caplog.records
