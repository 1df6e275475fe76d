"""Whether viewers of the page cost the session anything: one paced session, with and without 200 of them in turn.

Run from the repository's root: `python -m benchmarks.bench_page [CLIP] [--viewers 200] [--seconds 35] [--set KEY=VALUE]
[--json PATH]`. The 720p clip with speech is played at its own pace through everything, body language and judging
included; spans without viewers and with them take turns in the same run, so that what else the machine does falls on
both. With them means: so many readers of events, one that asks and never reads, one that asks for pictures. The viewers
are a process of their own and share the machine; their own processor time is told apart. Lag is how far the watermark
trails the clock, the look-back that every frame waits for included.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line does

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.bench_live import SPEECH, VIDEO
from benchmarks.clips import looped
from benchmarks.page_viewers import STREAM
from buffers.records import Track
from configs.load import load_settings
from configs.output_settings import WebSettings
from monitor.outputs.page.destination import PageDestination
from monitor.session.plan import Plan
from monitor.session.session import Session
from monitor.snapshot import SessionState, Snapshot
from streams.clock import monotonic_s

VIEWERS = 200
SECONDS = 35.0
TURNS = 2
WARM_UP_S = 8.0
"""Nothing counts until models and buffers are warm."""

SETTLE_S = 2.0
"""At the beginning of each span nothing counts either: viewers come, or have just gone."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one picture of the session says, at wall time `at_s`."""

    at_s: float
    lag_s: float
    loop_lag_s: float
    released: int
    dropped: int
    rss: float
    cpu_s: float


class Sampler:
    """An output that keeps the figures of a live session."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.samples: list[Sample] = []
        self._process = psutil.Process()

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """The journal has it."""

    def show(self, snapshot: Snapshot) -> None:
        """Keep what it shows."""
        video = next((one for one in snapshot.media if one.track is Track.VIDEO), None)
        if snapshot.state is SessionState.LIVE and snapshot.lag_s is not None and video is not None:
            resident = (snapshot.rss_bytes or 0) / 2**20
            used = self._process.cpu_times()
            self.samples.append(
                Sample(
                    at_s=monotonic_s(),
                    lag_s=snapshot.lag_s,
                    loop_lag_s=snapshot.loop_lag_s or 0.0,
                    released=video.released,
                    dropped=video.dropped,
                    rss=resident,
                    cpu_s=used.user + used.system,
                )
            )

    async def close(self, last: Snapshot | None) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class Span:
    """Spans of one sort. `cores` is what the session's process used, `rss_slope` in MiB a minute."""

    seconds: float
    fps: float
    dropped: int
    lag_p50_s: float
    lag_p95_s: float
    lag_worst_s: float
    loop_lag_p95_ms: float
    cores: float
    rss_mbytes: float
    rss_slope: float


def main() -> None:
    """Play, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, help="default: the shared 720p clip and speech, looped")
    parser.add_argument("--viewers", type=int, default=VIEWERS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of each of the four spans")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if clip is None:
            if not (VIDEO.is_file() and SPEECH.is_file()):
                print("left out: the shared recordings are absent; name a clip")
                return
            length_s = 2 * TURNS * options.seconds + WARM_UP_S + 30.0
            clip = looped(Path(folder) / "page.mkv", VIDEO, SPEECH, seconds=length_s)
        plan = Plan(
            source=str(clip),
            speed=1.0,
            loaded=load_settings(None, options.overrides, {}),
            journal=Path(folder) / "journal.jsonl",
        )
        samples, spans, seen = asyncio.run(_played(plan, options.viewers, options.seconds))
    without, watched = (_of(samples, [span for on, *span in spans if on is viewed]) for viewed in (False, True))
    _tell(without, watched, seen, options.viewers)
    if options.json is not None:
        told = {"without": asdict(without), "with": asdict(watched), "viewers": seen}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


async def _played(
    plan: Plan, viewers: int, seconds: float
) -> tuple[list[Sample], list[tuple[bool, float, float]], list[dict[str, Any]]]:
    """Play the session; its samples, the spans as (with viewers, from, to) and what viewers saw in each."""
    session, sampler = Session(plan), Sampler()
    destination = PageDestination(WebSettings(enabled=True, port=0), {})
    stream = session.stream(STREAM)
    await destination.open([stream])
    running = asyncio.create_task(session.run(sampler, destination.output(stream)))
    spans, seen = [], []
    try:
        while not sampler.samples or monotonic_s() - sampler.samples[0].at_s < WARM_UP_S:
            if running.done():
                running.result()
            await asyncio.sleep(0.1)
        for turn in range(2 * TURNS):
            begun_s = monotonic_s()
            viewed = turn % 2 == 1
            if viewed:
                seen.append(await _viewed(destination.link, viewers, seconds))
            else:
                await asyncio.sleep(seconds)
            spans.append((viewed, begun_s + SETTLE_S, monotonic_s() - 0.5))
    finally:
        session.stop()
        await running
        await destination.close()
    return sampler.samples, spans, seen


async def _viewed(url: str, viewers: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.page_viewers", url, str(viewers), str(seconds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(seconds + 60.0):
        told, _ = await process.communicate()
    result: dict[str, Any] = json.loads(told)
    return result


def _of(samples: Sequence[Sample], spans: Sequence[Sequence[float]]) -> Span:
    parts = [[one for one in samples if start <= one.at_s <= end] for start, end in spans]
    every = [one for part in parts for one in part]
    seconds = sum(part[-1].at_s - part[0].at_s for part in parts)
    lags = [one.lag_s for one in every]
    slopes = [np.polyfit([one.at_s for one in part], [one.rss for one in part], 1)[0] for part in parts]
    return Span(
        seconds=seconds,
        fps=sum(part[-1].released - part[0].released for part in parts) / seconds,
        dropped=sum(part[-1].dropped - part[0].dropped for part in parts),
        lag_p50_s=float(np.percentile(lags, 50)),
        lag_p95_s=float(np.percentile(lags, 95)),
        lag_worst_s=max(lags),
        loop_lag_p95_ms=1e3 * float(np.percentile([one.loop_lag_s for one in every], 95)),
        cores=sum(part[-1].cpu_s - part[0].cpu_s for part in parts) / seconds,
        rss_mbytes=every[-1].rss,
        rss_slope=60.0 * float(np.mean(slopes)),
    )


def _tell(without: Span, watched: Span, seen: Sequence[dict[str, Any]], viewers: int) -> None:
    print(f"{without.seconds:.0f} s without and {watched.seconds:.0f} s with {viewers} readers, one deaf, one picture")
    print("                    without       with")
    for name, unit in (
        ("fps", "frames/s"),
        ("dropped", "frames"),
        ("lag_p50_s", "s"),
        ("lag_p95_s", "s"),
        ("lag_worst_s", "s"),
        ("loop_lag_p95_ms", "ms"),
        ("cores", "cores"),
        ("rss_mbytes", "MiB"),
        ("rss_slope", "MiB/min"),
    ):
        print(f"  {name:16s} {getattr(without, name):9.2f}  {getattr(watched, name):9.2f}  {unit}")
    for one in seen:
        print(
            f"  viewers: {one['readers']} readers, {one['events']} events, {one['mbytes']:.0f} MB, at most "
            f"{one['apart_s']:.2f} s apart, {one['lost']} lost; {one['pictures']} pictures; {one['cpu_s']:.1f} CPU s"
        )


if __name__ == "__main__":
    main()
