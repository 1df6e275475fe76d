"""Serves made-up snapshots as metrics and scrapes them, for tests."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from configs.output_settings import MetricsSettings
from monitor.outputs.base import Output
from monitor.outputs.metrics.destination import MetricsDestination
from monitor.snapshot import Snapshot
from tests.made_stream import MadeStream

Scraped = httpx.Response


@dataclass(frozen=True)
class Served:
    """An endpoint that serves, and the streams it serves."""

    destination: MetricsDestination
    streams: Sequence[MadeStream]
    outputs: Sequence[Output]

    async def get(self, path: str = "/metrics", **headers: str) -> Scraped:
        """Ask it for something; no proxy is asked instead."""
        address = self.destination.link.removesuffix("/metrics")
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"{address}{path}", headers=headers)


async def endpoint(
    folder: Path,
    changed: Mapping[str, object] | None = None,
    *,
    names: Sequence[str] = ("interview",),
    environ: Mapping[str, str] | None = None,
) -> Served:
    """Serve so many streams; close its destination."""
    settings = MetricsSettings.model_validate({"enabled": True, "port": 0, **(changed or {})})
    destination = MetricsDestination(settings, environ or {})
    streams = [MadeStream(folder / f"{name}.jsonl", name=name) for name in names]
    await destination.open([made.stream for made in streams])
    outputs = [destination.output(made.stream) for made in streams]
    for output in outputs:
        await output.start()
    return Served(destination, streams, outputs)


def served(
    act: Callable[[Sequence[Output]], None],
    *snapshots: Snapshot,
    names: Sequence[str] = ("interview",),
    accept: str = "text/plain",
) -> Scraped:
    """What is scraped after the first stream was shown these and `act` was done."""

    async def main() -> Scraped:
        with tempfile.TemporaryDirectory() as folder:
            made = await endpoint(Path(folder), names=names)
            try:
                for snapshot in snapshots:
                    made.outputs[0].show(snapshot)
                act(made.outputs)
                return await made.get(accept=accept)
            finally:
                await made.destination.close()
                for stream in made.streams:
                    stream.file.close()

    response = asyncio.run(main())
    assert response.status_code == 200
    return response


def families(scraped: Scraped) -> dict[str, Metric]:
    """The families by the names in the text; counters keep their `_total`."""
    read = text_string_to_metric_families(scraped.text)
    found = {}
    for family in read:
        if family.type == "counter":
            family.name = f"{family.name}_total"
        found[family.name] = family
    return found


def samples(found: Mapping[str, Metric]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels."""
    return {(s.name, frozenset(s.labels.items())): s.value for family in found.values() for s in family.samples}
