"""The MQTT destination with a made stream, at a real broker and without long waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
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
) -> AsyncIterator[Publishing]:
    """A stream that is published until the end of the block; `last` is its last picture.

    Its session is called after the journal.
    """
    settings = mqtt_settings(port, *overrides)
    destination = MqttDestination(settings, environ or {}, waits=Soon(), answer_s=answer_s)
    made = MadeStream(journal, session=f"l-{journal.stem}")
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
