"""The page as a destination: settings that cannot work, and whole sessions that are shown there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import httpx
import pytest

from configs.errors import ConfigError
from configs.output_settings import OutputSettings, WebSettings
from monitor.outputs.destinations import make_destinations
from monitor.outputs.page.destination import PageDestination, viewers_within
from monitor.session.session import Session
from tests import clips, sessions
from tests.made_page import Viewer, served, until
from tests.made_snapshot import RUNNING
from tests.made_stream import MadeStream

pytestmark = pytest.mark.media


def made(**settings: object) -> PageDestination:
    (destination,) = make_destinations(
        OutputSettings(web=WebSettings.model_validate({"enabled": True, "port": 0, **settings})), {}
    )
    assert isinstance(destination, PageDestination)
    return destination


def test_it_is_off_until_it_is_switched_on() -> None:
    assert make_destinations(OutputSettings(), {}) == []


def test_a_token_that_is_none_is_told_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match=r"^the variable EMOTION_MONITOR_WEB_TOKEN holds no token: one is 16 to 512"):
        make_destinations(OutputSettings(web=WebSettings(enabled=True)), {"EMOTION_MONITOR_WEB_TOKEN": "short"})


@pytest.mark.parametrize("spec", [None, ModuleSpec("uplot", None, origin="/nowhere/uplot/__init__.py")])
def test_without_the_package_of_the_charts_its_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, spec: ModuleSpec | None
) -> None:
    monkeypatch.setattr("monitor.outputs.page.files.find_spec", lambda name: spec)
    with pytest.raises(
        ConfigError, match=r"^outputs.web: uplot-python is not installed: pip install 'emotion-monitor\[web\]'$"
    ):
        made()


def test_a_port_that_is_taken_is_told_with_the_setting_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^outputs.web.port: cannot listen on 127.0.0.1 port {port} "):
            opened(tmp_path, port=port)


def test_an_address_of_another_machine_is_told_with_the_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^outputs.web.(host|port): .*192.0.2.1"):
        opened(tmp_path, host="192.0.2.1")


def test_a_certificate_that_is_none_is_told_with_its_settings_and_frees_the_port(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"^outputs.web.certificate, outputs.web.key: "):
        opened(tmp_path, certificate=str(tmp_path / "none.pem"), key=str(tmp_path / "none.pem"))


@pytest.mark.parametrize(
    ("files", "most", "served_at_once"),
    [(20_000, 400, 400), (1024, 256, 256), (1024, 400, 320), (256, 256, 8), (-1, 400, 400), (64, 1, 1)],
)
def test_viewers_leave_the_sessions_files_enough_to_open(
    caplog: pytest.LogCaptureFixture, files: int, most: int, served_at_once: int
) -> None:
    assert viewers_within(files, most) == served_at_once
    assert ("ulimit -n" in caplog.text) == (served_at_once < most)


def test_as_many_viewers_as_were_set_have_their_pictures_and_others_the_page(tmp_path: Path) -> None:
    with served(tmp_path, most_viewers=100) as page, ExitStack() as leaving:
        for _ in range(200):
            held = leaving.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=5.0))
            held.sendall(f"GET /streams/interview/events HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode())
        until(lambda: page.viewers == 100)
        assert page.get("/").status_code == 200


def opened(folder: Path, **settings: object) -> None:
    destination = made(**settings)
    stream = MadeStream(folder / "interview.jsonl")
    try:
        asyncio.run(destination.open([stream.stream]))
    finally:
        asyncio.run(destination.close())
        stream.file.close()


def test_closing_is_safe_before_opening_and_twice(tmp_path: Path) -> None:
    async def closed() -> None:
        destination = made()
        await destination.close()
        stream = MadeStream(tmp_path / "interview.jsonl")
        await destination.open([stream.stream])
        await destination.close()
        await destination.close()
        stream.file.close()

    asyncio.run(closed())


def test_what_is_handed_over_after_the_end_goes_nowhere(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        page.runner.run(page.destination.close())
        page.show(RUNNING)
        page.outputs["interview"].record("")
        assert page.streams[0].told[-1].reason == "its server ended; start the monitor again"


def test_a_whole_session_is_shown_while_it_runs_and_when_it_is_over(tmp_path: Path) -> None:
    clip = clips.write(tmp_path / "carol.mp4", clips.Moving(width_px=320, height_px=180, frames=200), clips.Tone(8.0))
    events = asyncio.run(_watched(clip, tmp_path / "j.jsonl"))
    kinds = [event["kind"] for event in events if "kind" in event]
    states = [event["state"] for event in events if "says" in event]
    assert kinds[-1] == "end"
    assert "verdict" in kinds
    assert states[-1] == "ended"
    assert "live" in states
    assert str(tmp_path) not in str(events)
    assert "carol" not in str(events)


async def _watched(clip: Path, journal: Path) -> Sequence[dict[str, Any]]:
    session = Session(sessions.plan(clip, journal, "windows.first_s=3", speed=2.0))
    destination = made()
    stream = session.stream("recording")
    await destination.open([stream])
    async with _reading(destination) as told:
        assert await session.run(destination.output(stream)) == 0
        picture = stream.picture()
        await destination.close()
    assert picture is None
    return told


@asynccontextmanager
async def _reading(destination: PageDestination) -> AsyncIterator[list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []

    def read() -> None:
        with (
            httpx.Client(base_url=destination.link, timeout=30.0, trust_env=False) as client,
            client.stream("GET", "/streams/recording/events") as answer,
        ):
            viewer = Viewer(answer)
            while (event := viewer.next()).kind != "bye":
                told.append(event.data)

    reading = asyncio.create_task(asyncio.to_thread(read))
    yield told
    await reading
