"""What it costs to find, follow and mask faces: milliseconds a frame, stage by stage, on real clips.

    python -m benchmarks.bench_faces [CLIP ...] [--frames 150] [--detector centerface] [--json PATH]

Each clip is decoded first and scaled to 360 and 720 lines, so that only de-identification is timed. The share is of
one core at 30 frames a second, by CPU time; everything runs on one thread.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import TypeVar

import av
import numpy as np

from benchmarks.clips import clips
from buffers.picture import Picture
from configs.settings import DetectorName, FaceSettings, MaskStyle
from streams.clock import cpu_s, monotonic_s
from streams.deidentify.cuts import CutFinder
from streams.deidentify.detectors import DETECTORS, Detection
from streams.deidentify.masks import Masker
from streams.deidentify.policy import Decision, FaceMask, MaskPolicy

Item = TypeVar("Item")
Result = TypeVar("Result")

LINES_PX = (360, 720)
FRAME_MS = 1000 / 30


@dataclass(frozen=True, slots=True)
class Row:
    """One stage on one clip at one size; times in milliseconds a frame. `cpu_ms` is the mean on any machine load."""

    clip: str
    lines_px: int
    stage: str
    frames: int
    p50_ms: float
    p95_ms: float
    cpu_ms: float

    @property
    def share(self) -> float:
        """Share of one core at 30 frames a second."""
        return self.cpu_ms / FRAME_MS


def main() -> None:
    """Time every clip at every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--detector", type=DetectorName, choices=list(DetectorName), default=DetectorName.CENTERFACE)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for clip in options.clips or clips():
        for lines_px in LINES_PX:
            rows += timed(clip, lines_px, options.frames, options.detector)
    print(f"{'clip':32} {'lines':>5} {'stage':14} {'p50 ms':>8} {'p95 ms':>8} {'cpu ms':>8} {'of a core':>9}")
    for row in rows:
        times = f"{row.p50_ms:8.2f} {row.p95_ms:8.2f} {row.cpu_ms:8.2f} {row.share:9.1%}"
        print(f"{row.clip[:32]:32} {row.lines_px:5} {row.stage:14} {times}")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) | {"share": row.share} for row in rows], indent=1) + "\n")


def timed(clip: Path, lines_px: int, count: int, name: DetectorName) -> list[Row]:
    """Run the stages one after the other over the same frames."""
    frames = list(decoded(clip, lines_px, count))
    detector = DETECTORS[name]()
    detector.detect(frames[0][1])
    cuts = CutFinder()
    answers, detect_ms = _each(frames, lambda item: (detector.detect(item[1]), cuts.is_cut(item[1])))
    detector.close()

    settings = FaceSettings()
    policy = MaskPolicy(settings, frames[0][1].width_px, frames[0][1].height_px)
    decisions: list[Decision] = []

    def follow(item: tuple[float, tuple[list[Detection], bool]]) -> None:
        t_s, (answer, cut) = item
        policy.observe(t_s, answer, cut=cut)
        while len(decisions) < len(frames) and t_s - frames[len(decisions)][0] >= settings.lookback_s:
            decisions.append(policy.decide())

    times = [t_s for t_s, _ in frames]
    _, follow_ms = _each(list(zip(times, answers, strict=True)), follow)
    rows = [_row(clip, lines_px, "detect", detect_ms), _row(clip, lines_px, "track + policy", follow_ms)]
    released = [(picture, decision.masks, t_s) for (t_s, picture), decision in zip(frames, decisions, strict=False)]
    for style in MaskStyle:
        masker = Masker(style, seed=1)
        _, mask_ms = _each(released, partial(_draw, masker))
        rows.append(_row(clip, lines_px, f"mask {style}", mask_ms))
    return rows


def _draw(masker: Masker, item: tuple[Picture, tuple[FaceMask, ...], float]) -> None:
    masker.masked(*item)


def decoded(clip: Path, lines_px: int, count: int) -> Iterator[tuple[float, Picture]]:
    """The first `count` frames of a clip, scaled so that the shorter side has `lines_px` pixels."""
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == count:
                return
            scale = lines_px / min(frame.width, frame.height)
            # Multiples of 32: PyAV pads lines to that, and the planes can be taken as they are.
            width, height = (round(side * scale / 32) * 32 for side in (frame.width, frame.height))
            scaled = frame.reformat(width=width, height=height, format="yuv420p")
            y, u, v = (
                np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
                for plane in scaled.planes
            )
            yield frame.time or 0.0, Picture(*(np.ascontiguousarray(plane) for plane in (y, u, v)))


def _each(items: list[Item], work: Callable[[Item], Result]) -> tuple[list[Result], list[tuple[float, float]]]:
    """Results, and (wall, CPU) milliseconds of each call."""
    results, spent_ms = [], []
    for item in items:
        wall_s, busy_s = monotonic_s(), cpu_s()
        results.append(work(item))
        spent_ms.append(((monotonic_s() - wall_s) * 1000, (cpu_s() - busy_s) * 1000))
    return results, spent_ms


def _row(clip: Path, lines_px: int, stage: str, spent_ms: list[tuple[float, float]]) -> Row:
    wall_ms, busy_ms = zip(*spent_ms, strict=True)
    p95_ms = quantiles(wall_ms, n=20)[-1]
    return Row(clip.name, lines_px, stage, len(spent_ms), median(wall_ms), p95_ms, fmean(busy_ms))


if __name__ == "__main__":
    main()
