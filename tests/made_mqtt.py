"""The MQTT destination with a made stream, at a real broker and without long waits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from configs.load import load_settings
from configs.output_settings import MqttSettings
from monitor.outputs.base import Output
from monitor.outputs.mqtt.destination import MqttDestination
from monitor.outputs.mqtt.trouble import Trouble, Waits
from monitor.snapshot import OutputState, OutputStatus, SessionState, Snapshot
from tests.made_snapshot import RUNNING
from tests.made_stream import MadeStream

ROOT = "emotion-monitor/n"
STREAM = f"{ROOT}/streams/interview"

LIVE = replace(RUNNING, state=SessionState.LIVE, mode="live")
ENDED = replace(LIVE, state=SessionState.ENDED)


class Soon(Waits):
    """Nobody waits for minutes in a test; long enough for who listens to be back first."""

    def after(self, trouble: Trouble) -> float:
        return 0.4


def mqtt_settings(port: int, *overrides: str) -> MqttSettings:
    given = (f"outputs.mqtt.{pair}" for pair in (f"port={port}", "node=n", "drain_s=0.5", *overrides))
    return load_settings(None, ["outputs.mqtt.enabled=true", *given], {}).settings.outputs.mqtt


@dataclass
class Publishing:
    """A destination that is open, and the output of its stream."""

    made: MadeStream
    destination: MqttDestination
    output: Output

    @property
    def status(self) -> OutputStatus:
        return self.made.told[-1]

    def reasons(self, state: OutputState) -> list[str]:
        """What was said of the state, each once."""
        return list(dict.fromkeys(status.reason for status in self.made.told if status.state is state))

    def is_up(self) -> bool:
        return bool(self.made.told) and self.status.state is OutputState.UP


@asynccontextmanager
async def publishing(
    journal: Path,
    port: int,
    *overrides: str,
    environ: Mapping[str, str] | None = None,
    answer_s: float = 5.0,
    shown: Snapshot | None = LIVE,
    last: Snapshot | None = ENDED,
    name: str = "interview",
) -> AsyncIterator[Publishing]:
    """A stream that is published until the end of the block; `last` is its last picture.

    Its session is called after the journal.
    """
    settings = mqtt_settings(port, *overrides)
    destination = MqttDestination(settings, environ or {}, waits=Soon(), answer_s=answer_s)
    made = MadeStream(journal, session=f"l-{journal.stem}", name=name)
    try:
        await destination.open([made.stream])
        output = destination.output(made.stream)
        made.outputs.append(output)
        await output.start()
        if shown is not None:
            output.show(shown)
        yield Publishing(made, destination, output)
        await output.close(last)
    finally:
        await destination.close()
        made.file.close()


@contextmanager
def publisher(journal: Path, port: int) -> Iterator[None]:
    """Another process that publishes a made session, killed at the end of the block."""
    script = Path(__file__).with_name("publish_made.py")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = subprocess.Popen([sys.executable, str(script), str(journal), str(port)], env=environ)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def long_way(port: int, delay_s: float) -> AsyncIterator[int]:
    """A port from which everything takes so long to the broker's, and back."""
    talks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                loop.call_later(delay_s, _write, writer, data)
        await asyncio.sleep(2 * delay_s)
        writer.close()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, back))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        for writer in writers:
            writer.close()
        await asyncio.gather(*talks, *(writer.wait_closed() for writer in writers), return_exceptions=True)


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)
