"""What every output does, whatever it is: the same session is shown to all, with nobody, somebody mute or somebody
attentive on the other side."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from buffers.evidence import Cadence, Coverage, Window
from buffers.records import MaskState
from configs.output_settings import MetricsSettings, MqttSettings, WebhookSettings, WebSettings
from monitor.judges.base import Label, Verdict
from monitor.outputs.base import Destination, Output
from monitor.outputs.dashboard.screen import Screen
from monitor.outputs.dashboard.terminal import TerminalOutput
from monitor.outputs.jsonlines import JsonOutput
from monitor.outputs.lines import LinesOutput
from monitor.outputs.metrics.destination import MetricsDestination
from monitor.outputs.mqtt.destination import MqttDestination
from monitor.outputs.page.destination import PageDestination
from monitor.outputs.registry import SilentOutput
from monitor.outputs.theme import Theme
from monitor.outputs.webhook.destination import WebhookDestination
from monitor.record import Record
from monitor.records import VerdictRecord
from monitor.snapshot import EstimatePoint, OutputState, SessionState, Snapshot
from tests.made_journal import SECRETS, made_records
from tests.made_peers import Heard, any_broker, any_receiver, asked, mute_peer
from tests.made_snapshot import EMPTY, RUNNING, event, judged
from tests.made_stream import MadeStream, made_picture

pytestmark = pytest.mark.unit

SECRET = {"EMOTION_MONITOR_WEBHOOK_SECRET": "whsec_" + "QUJD" * 8}

CLOSES_S = 8.0
"""An end takes at most so long: what is set to be waited for (`DRAIN_S`), and a goodbye."""

DRAIN_S = 0.3

ENDED = replace(RUNNING, state=SessionState.ENDED)


@dataclass
class Shown:
    """One output on a made stream; `look` asks it for all that it shows somebody else."""

    output: Output
    made: MadeStream
    heard: Heard = field(default_factory=Heard)
    look: Callable[[], Awaitable[None]] | None = None

    def say(self, *made: Record) -> None:
        self.made.say(*made)


Way = Callable[[Path], contextlib.AbstractAsyncContextManager[Shown]]


def on_screen(make: Callable[[], Output]) -> Way:
    @asynccontextmanager
    async def way(folder: Path) -> AsyncIterator[Shown]:
        made = MadeStream(folder / "j.jsonl")
        output = make()
        made.outputs.append(output)
        yield Shown(output, made)

    return way


def terminal() -> Output:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    screen = Screen(console, ("interview",), on_command=lambda *_: None, theme=Theme())
    return TerminalOutput(screen)


@asynccontextmanager
async def of(destination: Destination, folder: Path, heard: Heard) -> AsyncIterator[Shown]:
    made = MadeStream(folder / "j.jsonl", picture=made_picture())
    try:
        await destination.open([made.stream])
        output = destination.output(made.stream)
        made.outputs.append(output)
        yield Shown(output, made, heard)
    finally:
        async with asyncio.timeout(CLOSES_S):
            await destination.close()


def mqtt(port: int) -> Destination:
    settings = MqttSettings(enabled=True, port=port, node="n", preview=True, preview_every_s=0.2, drain_s=DRAIN_S)
    return MqttDestination(settings, {})


def webhook(port: int) -> Destination:
    settings = WebhookSettings(kinds=("verdict", "estimate", "nfbl", "state"), drain_s=DRAIN_S)
    return WebhookDestination(settings, f"http://127.0.0.1:{port}/", SECRET)


def nobody() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def absent(make: Callable[[int], Destination]) -> Way:
    return lambda folder: of(make(nobody()), folder, Heard())


def mute(make: Callable[[int], Destination]) -> Way:
    @asynccontextmanager
    async def way(folder: Path) -> AsyncIterator[Shown]:
        async with mute_peer() as port, of(make(port), folder, Heard()) as shown:
            yield shown

    return way


def attentive(
    make: Callable[[int], Destination], peer: Callable[[Heard], contextlib.AbstractAsyncContextManager[int]]
) -> Way:
    @asynccontextmanager
    async def way(folder: Path) -> AsyncIterator[Shown]:
        heard = Heard()
        async with peer(heard) as port, of(make(port), folder, heard) as shown:
            yield shown

    return way


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[Shown]:
    destination = PageDestination(WebSettings(enabled=True, port=0), {})
    async with of(destination, folder, Heard()) as shown:
        paths = ("/", "/streams", "/streams/interview/preview.jpg", "/streams/interview/events")
        shown.look = lambda: asked(shown.heard, destination.link, *paths)
        yield shown


@asynccontextmanager
async def metrics(folder: Path) -> AsyncIterator[Shown]:
    destination = MetricsDestination(MetricsSettings(enabled=True, port=0), {})
    async with of(destination, folder, Heard()) as shown:
        shown.look = lambda: asked(shown.heard, destination.link.removesuffix("/metrics"), "/metrics")
        yield shown


SCREENS: dict[str, Way] = {
    "silent": on_screen(SilentOutput),
    "json": on_screen(lambda: JsonOutput(io.StringIO())),
    "lines": on_screen(lambda: LinesOutput(io.StringIO())),
    "terminal": on_screen(terminal),
}
HEARD: dict[str, Way] = {
    "mqtt": attentive(mqtt, any_broker),
    "webhook": attentive(webhook, any_receiver),
    "page": page,
    "metrics": metrics,
}
UNHEARD: dict[str, Way] = {
    "mqtt to nobody": absent(mqtt),
    "mqtt to a mute": mute(mqtt),
    "webhook to nobody": absent(webhook),
    "webhook to a mute": mute(webhook),
}
WAYS = {**SCREENS, **HEARD, **UNHEARD}

every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def run(main: Coroutine[object, object, None]) -> None:
    """Run it; afterwards no task and no thread may be left, and nothing may have been raised where nobody sees it."""
    threads, unseen = set(threading.enumerate()), list[str]()

    async def bounded() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(str(context)))
        async with asyncio.timeout(60.0):
            await main
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded())
    assert set(threading.enumerate()) <= threads
    assert unseen == []


async def close(shown: Shown, last: Snapshot | None = ENDED) -> None:
    async with asyncio.timeout(CLOSES_S):
        await shown.output.close(last)


def hostile() -> Record:
    """A verdict with a megabyte of a model's words, of all scripts, control characters and half a surrogate pair."""
    words = "„gut“ 好 \u202e\x1b[2J\x00 🙂 \ud83d </script>{{7*7}}" * 25_000
    verdict = Verdict(Label.POSITIVE, 0.7, 7.0, "j", "d", calibrated=False, rationale=words, raw=words)
    return VerdictRecord.of(Window(1, 0.0, 30.0, Cadence.LOCAL), verdict, Coverage(1.0, 1.0, 1.0))


def extremes() -> list[Snapshot]:
    history = tuple(EstimatePoint(n * 5.0, 0.5, 0.5) for n in range(20_000))
    return [
        EMPTY,
        replace(
            RUNNING,
            media_s=1e9,
            lag_s=1e6,
            source="x\x1b[2J\n" * 10_000,
            history=history,
            windows=tuple(judged(n, why="好" * 1000) for n in range(500)),
            nfbl=tuple(event(n) for n in range(500)),
            notices=("\x00🙂" * 50_000,),
            judged=10**12,
            rss_bytes=2**60,
            nfbl_per_min=1e9,
        ),
        replace(RUNNING, state=SessionState.FAILED, media=(), windows=(), mode="max", lag_s=None),
        *(replace(RUNNING, state=state) for state in SessionState),
        *(replace(RUNNING, privacy=replace(RUNNING.privacy, state=state)) for state in MaskState),
    ]


@every_way
def test_a_session_from_its_start_to_its_end_leaves_nothing_behind(way: Way, tmp_path: Path) -> None:
    async def main() -> None:
        async with way(tmp_path) as shown:
            await shown.output.start()
            for number, record in enumerate(made_records()):
                shown.say(record)
                if number % 10 == 0:
                    shown.output.show(RUNNING)
                await asyncio.sleep(0)
            await close(shown)

    run(main())


@every_way
@pytest.mark.parametrize("last", [None, ENDED], ids=["no picture", "a picture"])
def test_a_session_that_ends_before_it_began_leaves_nothing_behind(
    way: Way, last: Snapshot | None, tmp_path: Path
) -> None:
    async def main() -> None:
        async with way(tmp_path) as shown:
            await shown.output.start()
            await close(shown, last)

    run(main())


@every_way
def test_a_picture_may_come_before_the_first_record_and_records_without_a_picture(way: Way, tmp_path: Path) -> None:
    async def main() -> None:
        async with way(tmp_path) as shown:
            await shown.output.start()
            shown.output.show(EMPTY)
            shown.say(*made_records())
            await close(shown, None)

    run(main())


@every_way
def test_telling_and_showing_wait_for_nobody(way: Way, tmp_path: Path) -> None:
    """All at once, before anything else gets a turn: who needs a turn of the loop or an answer would hang here."""

    async def main() -> None:
        async with way(tmp_path) as shown:
            assert not inspect.iscoroutinefunction(shown.output.record)
            assert not inspect.iscoroutinefunction(shown.output.show)
            await shown.output.start()
            for record in made_records() * 5:
                shown.say(record)
            for _ in range(50):
                shown.output.show(RUNNING)
            await close(shown)

    run(main())


@every_way
def test_hostile_words_and_extreme_pictures_pass(way: Way, tmp_path: Path) -> None:
    async def main() -> None:
        async with way(tmp_path) as shown:
            await shown.output.start()
            shown.say(made_records()[0], hostile())
            for snapshot in extremes():
                shown.output.show(snapshot)
                await asyncio.sleep(0)
            await close(shown, extremes()[1])

    run(main())


@every_way
def test_a_session_that_is_broken_off_can_be_closed_all_the_same(way: Way, tmp_path: Path) -> None:
    """As the session does it: its task is cancelled, then everything is closed."""

    async def main() -> None:
        async def session() -> None:
            async with way(tmp_path) as shown:
                await shown.output.start()
                shown.say(*made_records(ended=False))
                shown.output.show(RUNNING)
                try:
                    await asyncio.sleep(50.0)
                finally:
                    await close(shown, replace(RUNNING, state=SessionState.FAILED))

        task = asyncio.create_task(session())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    run(main())


@pytest.mark.parametrize("way", HEARD.values(), ids=HEARD)
def test_nothing_is_told_that_may_not_leave_the_machine(way: Way, tmp_path: Path) -> None:
    told: list[Shown] = []

    async def main() -> None:
        async with way(tmp_path) as shown:
            told.append(shown)
            await shown.output.start()
            carol = replace(RUNNING, source=SECRETS[1], notices=SECRETS, journal=SECRETS[2], recording=SECRETS[2])
            shown.output.show(carol)
            shown.say(*made_records())
            await asyncio.sleep(0.5)
            if shown.look is not None:
                await shown.look()
            await close(shown, replace(carol, state=SessionState.ENDED))

    run(main())
    heard = told[0].heard.text
    assert "interview" in heard
    # The page is where a person reads what a model said: its words are shown there, to whoever may open it.
    allowed = {"she said yes"} if way is page else set()
    assert [secret for secret in SECRETS if secret in heard and secret not in allowed] == []


@pytest.mark.parametrize("way", UNHEARD.values(), ids=UNHEARD)
def test_what_does_not_arrive_is_reported_and_waits_for_the_next_session(way: Way, tmp_path: Path) -> None:
    told: list[Shown] = []

    async def main() -> None:
        async with way(tmp_path) as shown:
            told.append(shown)
            await shown.output.start()
            shown.say(*made_records())
            shown.output.show(RUNNING)
            await asyncio.sleep(0.3)
            await close(shown)

    run(main())
    last = told[0].made.told[-1]
    assert last.state is not OutputState.UP
    assert last.waiting
    assert len(last.reason.splitlines()) <= 1
    (cursor,) = (tmp_path / "state" / "emotion-monitor" / "outbox").glob("*/*.json")
    assert json.loads(cursor.read_text())["seq"] == 0
