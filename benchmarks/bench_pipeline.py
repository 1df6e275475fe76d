"""How fast each stage of a session is, and the whole of it: items a second, and memory.

Run from the repository's root: `python -m benchmarks.bench_pipeline [CLIP ...] [--json PATH]`. Stages are timed one
after the other on one thread, over the same items; the whole session runs in a process of its own at max speed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line does

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.clips import clips
from buffers.evidence import HorizonLimits
from buffers.horizon import Horizon
from buffers.records import CleanFrame
from configs.load import load_settings
from monitor.session.session import Plan, Session
from streams.clock import monotonic_s
from streams.media import RawAudio, RawFrame
from streams.pipeline import open_pipeline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One stage on one clip. `real_time` is media seconds handled in a second of wall time."""

    clip: str
    size: str
    stage: str
    items: int
    per_s: float
    real_time: float
    peak_mbytes: float | None = None


def main() -> None:
    """Time every clip and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--session", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.session is not None:
        print(json.dumps(session(options.session)))
        return
    rows = [row for clip in options.clips or clips() for row in timed(clip)]
    print(f"{'clip':34}{'size':>10}  {'stage':22}{'items':>7}{'per s':>10}{'real time':>11}{'peak MiB':>10}")
    for row in rows:
        peak = "" if row.peak_mbytes is None else f"{row.peak_mbytes:.0f}"
        where = f"{row.clip[:32]:34}{row.size:>10}  {row.stage:22}"
        print(f"{where}{row.items:>7}{row.per_s:>10.0f}{row.real_time:>10.1f}x{peak:>10}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def timed(clip: Path) -> list[Row]:
    """Time the stages of one clip, then the session."""
    settings = load_settings(None, [], {}).settings
    pipeline = open_pipeline(str(clip), settings)
    start_s = monotonic_s()
    (link,) = pipeline.source.links
    items = list(link.items())
    decode_s = monotonic_s() - start_s
    link.close()
    frames = [item for item in items if isinstance(item, RawFrame)]
    blocks = [item for item in items if isinstance(item, RawAudio)]
    seconds = max([frame.t_s for frame in frames] + [block.t_s for block in blocks])
    size = f"{frames[0].picture.width_px}x{frames[0].picture.height_px}"

    def row(stage: str, count: int, spent_s: float, peak_mbytes: float | None = None) -> Row:
        return Row(clip.name, size, stage, count, count / spent_s, seconds / spent_s, peak_mbytes)

    assert pipeline.faces is not None
    rows = [row("decode (pictures+sound)", len(items), decode_s)]
    faces, clean = pipeline.faces, list[CleanFrame]()
    rows.append(row("mask faces", len(frames), _spent(frames, lambda frame: clean.extend(faces.push(frame)))))
    pipeline.close()
    if pipeline.voice is not None and blocks:
        voice = pipeline.voice
        rows.append(row("alter voice, prosody", len(blocks), _spent(blocks, voice.push)))
    horizon = Horizon(HorizonLimits())
    rows.append(row("keep in the horizon", len(clean), _spent(clean, horizon.add_frame)))
    command = [sys.executable, "-m", "benchmarks.bench_pipeline", "--session", str(clip)]
    whole = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows.append(row("whole session", len(frames), whole["seconds"], whole["peak_mbytes"]))
    return rows


def session(clip: Path) -> dict[str, float]:
    """Run a session at max speed in this process: wall seconds from first to last item, and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(str(clip), None, load_settings(None, [], {}), Path(folder) / "journal.jsonl")
        seconds = _spent([Session(plan)], lambda running: asyncio.run(running.run()))
    return {"seconds": seconds, "peak_mbytes": _peak_mbytes()}


def _peak_mbytes() -> float:
    """Peak resident memory of this program; getrusage would count the parent it was forked from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _spent(items: Iterable[T], work: Callable[[T], object]) -> float:
    """Wall seconds of `work` over all items."""
    start_s = monotonic_s()
    for item in items:
        work(item)
    return monotonic_s() - start_s


if __name__ == "__main__":
    main()
