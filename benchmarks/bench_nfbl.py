"""What watching body language costs, and whether its events depend on the camera's rate and size.

Run from the repository's root: `python -m benchmarks.bench_nfbl [CLIP ...] [--ticks 150] [--json PATH]`. Costs are CPU
time of this process for each look at 10 Hz on a 640x360 view; every variant sees the same views. Events are those of
the whole chain (face detector, person, engine, rules, segmenter) in one process, without sound. How live pace is held
beside masking is `bench_live`'s.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: as the command line does

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from benchmarks.clips import REAL, clips
from buffers.picture import fit_within
from buffers.records import NFBL_GROUPS, NfblEvent, Phase
from configs.rules import rules
from configs.settings import DetectorName, FaceSettings
from streams.clock import cpu_s, monotonic_s
from streams.deidentify.detectors import DETECTORS
from streams.deidentify.faces import FaceDeidentifier
from streams.media import RawFrame
from streams.models.cache import model_path
from streams.nfbl.detector import NfblDetector
from streams.nfbl.engine.tasks import MediaPipeEngine, media_pipe_engine
from streams.nfbl.features.build import FeatureBuilder
from streams.nfbl.feed import Report
from streams.nfbl.landmarks import Body, View
from streams.nfbl.person.watcher import PersonWatcher
from streams.nfbl.scorers import make_scorers
from streams.nfbl.segments.segmenter import Segmenter
from streams.sources.file import FileSource

Item = TypeVar("Item")
Answer = TypeVar("Answer")

RATE_HZ: Final = 10.0
LONG_SIDE_PX: Final = 640
WARM_UP: Final = 3
"""Looks that are not counted: networks allocate in their first runs."""

SURE: Final = 0.5
"""Score from which a detection is a face where no track vouches for it."""

CLIPS: Final = (*REAL, "liveportrait_s20.mp4", "pyfeat_WolfgangLanger_Pexels.mp4")
"""Besides the usual ones one whose hands handle something, and one with hands over the face."""

RATES: Final = (30.0, 15.0, 10.0)
SIZES: Final = (LONG_SIDE_PX, 1280)
"""Long sides in pixels."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One variant on one clip, in milliseconds for each look."""

    clip: str
    variant: str
    looks: int
    cpu_mean_ms: float
    cpu_p95_ms: float
    wall_median_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """Events of one clip at one rate and size, by region; `away` is the largest difference to the first row."""

    clip: str
    rate_hz: float
    size: str
    events: dict[str, int]
    away: int


def main() -> None:
    """Measure every clip and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, help="default: the shared clips, else a synthetic one")
    parser.add_argument("--ticks", type=int, default=150, help="looks for each cost")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = options.clips or clips(CLIPS)
    costs = [cost for clip in found for cost in priced(clip, options.ticks)]
    print(f"{'clip':34}{'variant':34}{'looks':>6}{'CPU ms':>8}{'p95':>7}{'wall ms':>9}")
    for cost in costs:
        numbers = f"{cost.cpu_mean_ms:>8.1f}{cost.cpu_p95_ms:>7.1f}{cost.wall_median_ms:>9.1f}"
        print(f"{cost.clip[:32]:34}{cost.variant:34}{cost.looks:>6}{numbers}")
    events = [row for clip in found for row in compared(clip)]
    print(f"\n{'clip':34}{'fps':>5}{'size':>11}  events by region")
    for row in events:
        listed = ", ".join(f"{group} {count}" for group, count in row.events.items()) or "none"
        print(f"{row.clip[:32]:34}{row.rate_hz:>5.0f}{row.size:>11}  {listed}{f' ({row.away} away)' * (row.away > 0)}")
    if options.json is not None:
        rows = {"costs": [asdict(cost) for cost in costs], "events": [asdict(row) for row in events]}
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def priced(clip: Path, ticks: int) -> Iterator[Cost]:
    """CPU of each variant of the engine, and of everything after it."""
    views = list(_views(clip, ticks))
    variants: dict[str, tuple[str, Callable[[int], bool]]] = {
        "as shipped: pose at 5 Hz": ("hands-lite", lambda tick: tick % 2 == 0),
        "pose in every look": ("hands-lite", lambda _: True),
        "no pose: hands and mesh": ("hands-lite", lambda _: False),
        "full hands, pose at 5 Hz": ("hands-full", lambda tick: tick % 2 == 0),
    }
    bodies: list[Body] = []
    for variant, (hands, pose) in variants.items():
        engine = MediaPipeEngine(model_path("pose"), model_path(hands), model_path("face-mesh"), mirrored=False)
        asked = [replace(view, pose=pose(tick)) for tick, view in enumerate(views)]
        seen, cost = _timed(clip, f"engine, {variant}", asked, engine.landmarks)
        engine.close()
        bodies = bodies or seen
        yield cost
    detector = _detector()
    yield _timed(clip, "features, rules and segmenter", bodies, lambda body: detector.step(body, None))[1]


def _timed(
    clip: Path, variant: str, items: Sequence[Item], work: Callable[[Item], Answer]
) -> tuple[list[Answer], Cost]:
    answers, cpu, wall = [], [], []
    for item in items:
        cpu_start_s, wall_start_s = cpu_s(), monotonic_s()
        answers.append(work(item))
        cpu.append((cpu_s() - cpu_start_s) * 1e3)
        wall.append((monotonic_s() - wall_start_s) * 1e3)
    steady, waited = np.array(cpu[WARM_UP:]), np.array(wall[WARM_UP:])
    cost = Cost(
        clip.name,
        variant,
        len(steady),
        float(steady.mean()),
        float(np.percentile(steady, 95)),
        float(np.median(waited)),
    )
    return answers, cost


def compared(clip: Path) -> Iterator[Found]:
    """Events of the whole chain at every rate and size, against those at the first."""
    first: Counter[str] | None = None
    sizes = dict.fromkeys(_size(clip, long_side_px) for long_side_px in SIZES)
    for size in sizes:
        for rate_hz in RATES:
            events = Counter(str(event.group) for event in _events(clip, rate_hz, size))
            first = events if first is None else first
            away = max(abs(events[group] - first[group]) for group in NFBL_GROUPS)
            yield Found(clip.name, rate_hz, f"{size[0]}x{size[1]}", dict(sorted(events.items())), away)


def _size(clip: Path, long_side_px: int) -> tuple[int, int]:
    """The clip's size, its long side no longer than that: nothing is enlarged."""
    source = FileSource(clip)
    picture = next(item for item in source.items() if isinstance(item, RawFrame)).picture
    source.close()
    return fit_within(picture.width_px, picture.height_px, long_side_px)


def _events(clip: Path, rate_hz: float, size: tuple[int, int]) -> list[NfblEvent]:
    """What is opened while a clip is watched from end to end."""
    watcher = PersonWatcher(rules().person, rate_hz=RATE_HZ, long_side_px=LONG_SIDE_PX)
    faces = FaceDeidentifier(FaceSettings(), DETECTORS[DetectorName.CENTERFACE])
    engine = media_pipe_engine(mirrored=False)
    detector = _detector()
    reports: list[Report] = []
    end_s = 0.0
    for frame in _frames(clip, rate_hz, size):
        faces.push(frame)
        view = watcher.look(frame, faces.looked[-1].faces)
        if view is not None:
            reports += detector.step(engine.landmarks(view), None)
        end_s = frame.t_s
    reports += detector.finish(end_s)
    faces.close()
    engine.close()
    items = [report.item for report in reports]
    return [item for item in items if isinstance(item, NfblEvent) and item.phase is Phase.OPEN]


def _detector() -> NfblDetector:
    segmenter = Segmenter(rules().segments, source="live")
    return NfblDetector(FeatureBuilder(rules()), make_scorers(rules()), segmenter, rate_hz=RATE_HZ)


def _frames(clip: Path, rate_hz: float, size: tuple[int, int]) -> Iterator[RawFrame]:
    """The clip's frames, thinned to a rate and scaled to a size."""
    source = FileSource(clip)
    due_s: float | None = None
    for item in source.items():
        if not isinstance(item, RawFrame) or (due_s is not None and item.t_s < due_s - 1e-3):
            continue
        due_s = item.t_s + 1 / rate_hz if due_s is None else due_s + 1 / rate_hz
        yield replace(item, picture=item.picture.resized(*size))
    source.close()


def _views(clip: Path, ticks: int) -> Iterator[View]:
    """Whole frames at 10 Hz, scaled as a person near the camera is seen."""
    find = DETECTORS[DetectorName.CENTERFACE]()
    frames = _frames(clip, RATE_HZ, _size(clip, LONG_SIDE_PX))
    for tick, frame in enumerate(itertools.islice(frames, ticks)):
        picture = frame.picture
        sure = [found for found in find.detect(picture) if found.score >= SURE]
        largest = max(sure, key=lambda found: found.box.x1 - found.box.x0, default=None)
        yield View(
            t_s=frame.t_s,
            picture=picture,
            x0=0.0,
            y0=0.0,
            scale=1.0,
            frame_width_px=picture.width_px,
            frame_height_px=picture.height_px,
            person=1,
            face=None if largest is None else largest.box,
            fresh=tick == 0,
        )


if __name__ == "__main__":
    main()
