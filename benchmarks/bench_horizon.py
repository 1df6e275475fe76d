"""How many bytes the horizon holds after 10 minutes, 1 hour and 8 hours, and how long evidence takes to cut.

Frames are encoded for real while `--encode-s` seconds of media pass; after that the encoder hands out copies of
those JPEGs, so that eight hours take a minute and every byte is still held. The peer is a buffer without bounds
that keeps the same frames and the same sound. Prints tables and writes JSON with `--json`.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import psutil

import buffers.frames
from buffers.evidence import Cadence, EvidencePlan, HorizonLimits, StoredFrame, Token, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import (
    AUDIO_RATE_HZ,
    DEIDENTIFIER_SEAL,
    CleanAudio,
    CleanFrame,
    Group,
    MaskState,
    NfblEvent,
    Phase,
    Prosody,
)
from streams.clock import monotonic_s

MARKS_S = (600.0, 3600.0, 8 * 3600.0)
VARIANTS = {
    "defaults": HorizonLimits(),
    "long horizon": HorizonLimits(dense_s=1800.0, session_frames=4096, session_clips=1024, max_bytes=512 << 20),
    "8 MiB ceiling": HorizonLimits(max_bytes=8 << 20),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What was held at one point of one session."""

    variant: str
    media_s: float
    held_bytes: int
    rss_bytes: int
    unbounded_bytes: int
    dense_s: float
    local_ms: float
    global_ms: float


def pictures(image: Path | None) -> list[Picture]:
    """Eight shifted views of an image (or of smooth noise with the detail of a talking head), 640x360."""
    if image is None:
        coarse = np.random.default_rng(1).integers(0, 255, (60, 100, 3), np.uint8)
        whole = np.asarray(cv2.resize(coarse, (720, 420), interpolation=cv2.INTER_CUBIC), np.uint8)
    else:
        read = cv2.imread(str(image))
        if read is None:
            raise SystemExit(f"{image} is no image that OpenCV reads")
        whole = np.asarray(cv2.cvtColor(cv2.resize(read, (720, 420)), cv2.COLOR_BGR2RGB), np.uint8)
    return [Picture.from_rgb(np.ascontiguousarray(whole[i : i + 360, 2 * i : 2 * i + 640])) for i in range(0, 40, 5)]


def marks(name: str, limits: HorizonLimits, views: list[Picture], hours: float, encode_s: float) -> Iterator[Mark]:
    """Feed one session of `hours` and yield what is held at each mark."""
    encode, stock = buffers.frames.store, list[StoredFrame]()

    def store(frame: CleanFrame, long_side_px: int, jpeg_quality: int, *, on_grid: bool = False) -> StoredFrame:
        if frame.t_s < encode_s:
            stock.append(encode(frame, long_side_px, jpeg_quality))
            return stock[-1]
        model = stock[frame.index % len(stock)]
        # bytes(bytearray) is a real copy: the memory is held as it would be.
        return replace(
            model,
            t_s=frame.t_s,
            jpeg=bytes(bytearray(model.jpeg)),
            thumbnail=model.thumbnail.copy(),
            on_grid=on_grid,
            token=Token(),
        )

    horizon, process = Horizon(limits), psutil.Process()
    base, unbounded = process.memory_info().rss, 0
    voice = np.asarray(np.random.default_rng(2).normal(0, 0.1, AUDIO_RATE_HZ), np.float32)
    buffers.frames.store = store
    try:
        for second in range(math.ceil(hours * 3600)):
            for quarter in range(4):
                index = second * 4 + quarter
                horizon.add_frame(
                    CleanFrame(
                        t_s=index / 4,
                        index=index,
                        picture=views[index % len(views)],
                        state=MaskState.MASKED,
                        masked=(),
                        seal=DEIDENTIFIER_SEAL,
                    )
                )
            unbounded += 4 * stock[second % len(stock)].nbytes + AUDIO_RATE_HZ * 4
            horizon.add_audio(CleanAudio(t_s=second, samples=voice, seal=DEIDENTIFIER_SEAL))
            for tenth in range(10):
                horizon.add_prosody(Prosody(second + tenth / 10, 0.1, 1.0, float(tenth % 3), 0.0))
            if second % 7 == 0:
                horizon.add_event(event(second))
            horizon.nfbl_observed(second, second + 1)
            now_s = second + 1.0
            if now_s in MARKS_S:
                yield Mark(
                    variant=name,
                    media_s=now_s,
                    held_bytes=horizon.nbytes,
                    rss_bytes=process.memory_info().rss - base,
                    unbounded_bytes=unbounded,
                    dense_s=horizon.dense_span_s,
                    local_ms=cut_ms(horizon, Window(1, now_s - 32, now_s, Cadence.LOCAL)),
                    global_ms=cut_ms(horizon, Window(2, 0.0, now_s, Cadence.GLOBAL)),
                )
    finally:
        buffers.frames.store = encode


def alone(name: str, limits: HorizonLimits, views: list[Picture], hours: float, encode_s: float) -> list[Mark]:
    """The marks of one session in a process of its own, so that its resident memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_listed, (name, limits, views, hours, encode_s))


def _listed(name: str, limits: HorizonLimits, views: list[Picture], hours: float, encode_s: float) -> list[Mark]:
    cv2.setNumThreads(1)
    return list(marks(name, limits, views, hours, encode_s))


def event(second: int) -> NfblEvent:
    """One event of the base rate of press conferences, about nine a minute."""
    return NfblEvent(
        id=f"e{second}",
        phase=Phase.CLOSE,
        group=Group.HEAD,
        class_id=f"N{second % 35}",
        name="Touching jaw",
        side="left",
        start_s=second,
        end_s=second + 2.0,
        score=0.6,
        alternatives=(("N7", 0.2), ("N11", 0.1)),
        source="bench",
    )


def cut_ms(horizon: Horizon, window: Window) -> float:
    """Median milliseconds of nine cuts of 32 frames and 8 clips."""
    taken: list[float] = []
    for _ in range(9):
        start_s = monotonic_s()
        horizon.evidence(window, EvidencePlan())
        taken.append((monotonic_s() - start_s) * 1000)
    return float(np.median(taken))


def add_frame_ms(views: list[Picture]) -> float:
    """Mean milliseconds for taking a frame that is kept: scale, encode, compare."""
    horizon, count = Horizon(HorizonLimits()), 400
    start_s = monotonic_s()
    for i in range(count):
        horizon.add_frame(
            CleanFrame(
                t_s=i / 4,
                index=i,
                picture=views[i % len(views)],
                state=MaskState.MASKED,
                masked=(),
                seal=DEIDENTIFIER_SEAL,
            )
        )
    return (monotonic_s() - start_s) * 1000 / count


def main() -> None:
    """Run all variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, help="image to make frames of (default: synthetic)")
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--encode-s", type=float, default=60.0, help="media seconds encoded for real")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    views = pictures(options.image)
    per_frame = add_frame_ms(views)
    size = len(buffers.frames.store(_clean(views[0]), 448, 80).jpeg)
    print(f"one 640x360 frame taken in: {per_frame:.2f} ms; its 448-px JPEG: {size / 1024:.1f} KiB")
    print(f"{'variant':<14}{'media':>8}{'held MiB':>10}{'RSS MiB':>9}{'unbounded':>11}{'ratio':>8}", end="")
    print(f"{'dense s':>9}{'local ms':>10}{'global ms':>11}")
    found: list[Mark] = []
    for name, limits in VARIANTS.items():
        for mark in alone(name, limits, views, options.hours, options.encode_s):
            found.append(mark)
            print(
                f"{name:<14}{mark.media_s / 60:>5.0f} m {mark.held_bytes / 2**20:>10.1f}{mark.rss_bytes / 2**20:>9.1f}"
                f"{mark.unbounded_bytes / 2**20:>11.1f}{mark.unbounded_bytes / mark.held_bytes:>7.1f}x"
                f"{mark.dense_s:>9.1f}{mark.local_ms:>10.2f}{mark.global_ms:>11.2f}",
                flush=True,
            )
    if options.json:
        rows = [{field: getattr(mark, field) for field in Mark.__slots__} for mark in found]
        options.json.write_text(json.dumps({"add_frame_ms": per_frame, "jpeg_bytes": size, "marks": rows}, indent=1))


def _clean(picture: Picture) -> CleanFrame:
    return CleanFrame(t_s=0.0, index=0, picture=picture, state=MaskState.CLEAR, masked=(), seal=DEIDENTIFIER_SEAL)


if __name__ == "__main__":
    main()
