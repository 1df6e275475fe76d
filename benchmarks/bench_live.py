"""Whether live pace is held: a 720p30 recording with speech, paced through mask, voice, body language and horizon.

Run from the repository's root: `python -m benchmarks.bench_live [CLIP] [--seconds 600] [--set KEY=VALUE] [--json
PATH]`; `--set nfbl.source=off` leaves body language out. Lag is wall time from when a frame is due to when it is in the
horizon, less the look-back every frame waits for. Body language runs in a process of its own, counted apart. Every
library runs on one thread; what is left of the machine's cores is for outputs and the user.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line does

import argparse
import contextlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.clips import SHARED, looped
from buffers.evidence import HorizonLimits
from buffers.horizon import Horizon
from buffers.records import CleanAudio, CleanFrame, CleanItem, NfblEvent, NfblWatch, Phase, Prosody, Track
from configs.load import load_settings
from streams.channel import ChannelClosed
from streams.clock import CpuMeter, PacedClock
from streams.ingest import Ingest
from streams.pipeline import open_pipeline

VIDEO = SHARED / "media" / "video" / "liveportrait_s18.mp4"
SPEECH = SHARED / "media" / "speech" / "musetalk_eng.wav"
SECONDS = 60.0
WARM_UP_S = 1.0
"""Lag is counted from here on: the first frames wait for models to warm up, as the first seconds of any session do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen. Lags are in milliseconds beyond the look-back.

    `engine_cores` is what body language's process used, `nfbl_seen` the share of time in which any region was watched.
    """

    seconds: float
    frames: int
    frames_per_s: float
    dropped_frames: int
    dropped_audio: int
    whole_frames: int
    lag_p50_ms: float
    lag_p95_ms: float
    lag_p99_ms: float
    lag_worst_ms: float
    cores_used: float
    engine_cores: float
    nfbl_hz: float
    nfbl_events: int
    nfbl_seen: float
    cores: int
    peak_mbytes: float


def main() -> None:
    """Play, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, help="default: the shared 720p clip and speech, looped")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip
        if clip is None:
            if not (VIDEO.is_file() and SPEECH.is_file()):
                print("left out: the shared recordings are absent; name a clip")
                return
            clip = looped(Path(folder) / "live.mkv", VIDEO, SPEECH, seconds=options.seconds)
        result = played(clip, options.overrides)
    print(f"{clip.name}: {result.seconds:.0f} s at real time, {result.cores} cores")
    print(f"  {result.frames} frames, {result.frames_per_s:.2f} a second, {result.whole_frames} masked whole")
    print(f"  dropped: {result.dropped_frames} frames, {result.dropped_audio} blocks of sound")
    print(
        f"  lag beyond the look-back: p50 {result.lag_p50_ms:.1f}, p95 {result.lag_p95_ms:.1f}, "
        f"p99 {result.lag_p99_ms:.1f}, worst {result.lag_worst_ms:.1f} ms"
    )
    watched = f"{result.nfbl_hz:.2f} looks a second, watched {result.nfbl_seen:.0%} of the time"
    print(f"  body language: {watched}, {result.nfbl_events} events")
    free = result.cores - result.cores_used - result.engine_cores
    used = f"{result.cores_used:.2f} cores used and {result.engine_cores:.2f} by body language's engine"
    print(f"  {used}, {free:.2f} left; peak {result.peak_mbytes:.0f} MiB")
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


def played(clip: Path, overrides: Sequence[str] = ()) -> Result:
    """Pace the clip through ingest into a horizon."""
    settings = load_settings(None, overrides, {}).settings
    pipeline = open_pipeline(str(clip), settings, paced=True)
    clock = PacedClock(1.0)
    ingest = Ingest(pipeline, clock=clock, settings=settings.ingest)
    horizon = Horizon(HorizonLimits())
    lags: list[float] = []
    frames = events = 0
    watched_s = engine_s = steady_s = 0.0
    process = psutil.Process()
    peak = 0
    meter = CpuMeter()
    loaded_s = _children_cpu_s(process)
    ingest.start()
    for t_s, item in _items(ingest):
        if isinstance(item, CleanFrame):
            horizon.add_frame(item)
            frames += 1
            if t_s > WARM_UP_S:
                lags.append(clock.now_s() - t_s - settings.faces.lookback_s)
            if frames % 300 == 0:
                peak = max(peak, process.memory_info().rss)
        elif isinstance(item, CleanAudio):
            horizon.add_audio(item)
        elif isinstance(item, Prosody):
            horizon.add_prosody(item)
        elif isinstance(item, NfblEvent):
            events += item.phase is Phase.OPEN
        elif isinstance(item, NfblWatch):
            watched_s += (item.end_s - item.start_s) * bool(item.seen)
        if t_s > steady_s:
            engine_s, steady_s = _children_cpu_s(process) - loaded_s, t_s + 1.0
    spent_s = clock.now_s()
    cores_used = meter.share()
    counts = ingest.counts()
    ingest.abort()
    # The frames of the last look-back are flushed when the file ends, before their time: they lag less than nothing.
    steady = np.array(lags[: max(1, len(lags) - 20)]) * 1e3
    p50, p95, p99 = np.percentile(steady, (50, 95, 99))
    return Result(
        seconds=spent_s,
        frames=frames,
        frames_per_s=frames / spent_s,
        dropped_frames=counts[Track.VIDEO].dropped,
        dropped_audio=counts[Track.AUDIO].dropped if Track.AUDIO in counts else 0,
        whole_frames=pipeline.face_counts.whole_frames,
        lag_p50_ms=float(p50),
        lag_p95_ms=float(p95),
        lag_p99_ms=float(p99),
        lag_worst_ms=float(steady.max()),
        cores_used=cores_used,
        engine_cores=engine_s / spent_s,
        nfbl_hz=0.0 if pipeline.feed is None else pipeline.feed.counts.looks / spent_s,
        nfbl_events=events,
        nfbl_seen=watched_s / spent_s,
        cores=os.cpu_count() or 1,
        peak_mbytes=peak / 2**20,
    )


def _children_cpu_s(process: psutil.Process) -> float:
    """CPU seconds of the processes below this one that are alive."""
    spent_s = 0.0
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            spent_s += times.user + times.system
    return spent_s


def _items(ingest: Ingest) -> Iterator[tuple[float, CleanItem]]:
    with contextlib.suppress(ChannelClosed):
        while True:
            yield from ingest.next_batch().items


if __name__ == "__main__":
    main()
