"""A whole live session for long: what is dropped, how late it is, whether its memory grows, what the clocks do.

Run from the repository's root: `python -m benchmarks.bench_watch SOURCE [--minutes 60] [--record FILE.mkv] [--set
KEY=VALUE] [--json PATH]`. SOURCE is any live source of `emotion-monitor watch`; without one the shared 720p clip is
looped as a camera, without a microphone. The session's own picture is sampled four times a second: its lag is how far
the watermark trails the clock, the look-back that every frame waits for included. The first minute is left out of the
memory's slope, for models and buffers fill then.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line does

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.bench_live import VIDEO
from buffers.records import Track
from configs.load import load_settings
from monitor.session.plan import Plan
from monitor.session.session import Session
from monitor.snapshot import SessionState, Snapshot

MINUTES = 2.0
WARM_UP_S = 60.0


@dataclass(slots=True)
class Sampler:
    """An output that keeps the figures of every picture of the session it is shown."""

    at_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    loop_lag_s: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    drift_s: list[float] = field(default_factory=list)
    last: Snapshot | None = None

    async def start(self) -> None:
        """Nothing to take."""

    def record(self, line: str) -> None:
        """The journal has it."""

    def show(self, snapshot: Snapshot) -> None:
        """Keep what it shows of a session that is live."""
        self.last = snapshot
        if snapshot.state is not SessionState.LIVE or snapshot.lag_s is None:
            return
        self.at_s.append(snapshot.media_s)
        self.lag_s.append(snapshot.lag_s)
        self.loop_lag_s.append(snapshot.loop_lag_s or 0.0)
        self.rss.append((snapshot.rss_bytes or 0) / 2**20)
        self.drift_s += [link.drift_s for link in snapshot.links if link.drift_s is not None]

    async def close(self, last: Snapshot | None) -> None:
        """Keep the last picture."""
        self.last = last


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen; `rss_slope` in MiB an hour, from the second minute on (None for less)."""

    minutes: float
    frames: int
    dropped_frames: int
    dropped_audio: int
    gaps: int
    whole_frames: int
    judged: int
    reconnects: int
    lag_p50_s: float
    lag_p95_s: float
    lag_p99_s: float
    lag_worst_s: float
    loop_lag_p99_s: float
    drift_worst_ms: float | None
    drift_ppm: float | None
    rss_first_mbytes: float
    rss_last_mbytes: float
    rss_slope: float | None


def main() -> None:
    """Watch, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default=f"loop:{VIDEO}")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.source == f"loop:{VIDEO}" and not VIDEO.is_file():
        print("left out: the shared recordings are absent; name a source")
        return
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            source=options.source,
            speed=1.0,
            loaded=load_settings(None, options.overrides, os.environ),
            journal=options.journal or Path(folder) / "journal.jsonl",
            record=options.record,
            force=True,
            max_duration_s=60.0 * options.minutes,
        )
        sampler = Sampler()
        asyncio.run(Session(plan).run(sampler))
    result = of(sampler)
    print(f"{result.minutes:.1f} min, {result.judged} windows judged, {result.reconnects} reconnects")
    print(f"  {result.frames} frames, {result.whole_frames} masked whole, {result.gaps} gaps")
    print(f"  dropped: {result.dropped_frames} frames, {result.dropped_audio} blocks of sound")
    lags = f"p50 {result.lag_p50_s:.2f}, p95 {result.lag_p95_s:.2f}, p99 {result.lag_p99_s:.2f}"
    print(f"  lag: {lags}, worst {result.lag_worst_s:.2f} s; event loop p99 {1e3 * result.loop_lag_p99_s:.0f} ms late")
    if result.drift_worst_ms is not None:
        ppm = "not measured" if result.drift_ppm is None else f"{result.drift_ppm:+.0f} ppm"
        print(f"  the sound's clock: {ppm}, at most {result.drift_worst_ms:.1f} ms off after correction")
    slope = "" if result.rss_slope is None else f", {result.rss_slope:+.1f} MiB an hour"
    print(
        f"  resident: {result.rss_first_mbytes:.0f} MiB after a minute, {result.rss_last_mbytes:.0f} at the end{slope}"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


def of(sampler: Sampler) -> Result:
    """The figures of a session that has ended."""
    last = sampler.last
    assert last is not None
    at_s, rss = np.array(sampler.at_s), np.array(sampler.rss)
    p50, p95, p99 = np.percentile(sampler.lag_s, (50, 95, 99))
    steady = at_s >= WARM_UP_S
    slope = float(np.polyfit(at_s[steady], rss[steady], 1)[0]) * 3600.0 if steady.sum() > 100 else None
    tracks = {media.track: media for media in last.media}
    drifts = [link.drift_ppm for link in last.links if link.drift_ppm is not None]
    return Result(
        minutes=last.media_s / 60.0,
        frames=tracks[Track.VIDEO].released if Track.VIDEO in tracks else 0,
        dropped_frames=tracks[Track.VIDEO].dropped if Track.VIDEO in tracks else 0,
        dropped_audio=tracks[Track.AUDIO].dropped if Track.AUDIO in tracks else 0,
        gaps=sum(media.gaps for media in last.media),
        whole_frames=last.privacy.whole_frames,
        judged=last.judged,
        reconnects=sum(link.reconnects for link in last.links),
        lag_p50_s=float(p50),
        lag_p95_s=float(p95),
        lag_p99_s=float(p99),
        lag_worst_s=max(sampler.lag_s),
        loop_lag_p99_s=float(np.percentile(sampler.loop_lag_s, 99)),
        drift_worst_ms=1e3 * max(map(abs, sampler.drift_s)) if sampler.drift_s else None,
        drift_ppm=drifts[0] if drifts else None,
        rss_first_mbytes=float(rss[steady][0] if steady.any() else rss[0]),
        rss_last_mbytes=float(rss[-1]),
        rss_slope=slope,
    )


if __name__ == "__main__":
    main()
