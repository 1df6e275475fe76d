"""What an update costs after five minutes and after an hour, and that each frame and clip is encoded once.

A made-up session runs through the real horizon in virtual time: a window of 32 s each 10 s, one over the whole session
each 60 s, frames and clips encoded ahead as a session does. The model is a small Video-LLaMA with random numbers on the
CPU. Then one session at five minutes and one at an hour take turns, so that whatever else the machine does falls on
both. Run from the repository's root: `python -m benchmarks.bench_embeddings [--minutes 60] [--json PATH]`. Costs are
CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.video_llamas import SMALL_IMAGES, random_parts
from buffers.evidence import Cadence, Evidence, EvidencePlan, HorizonLimits, Window
from buffers.horizon import Horizon
from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, DEIDENTIFIER_SEAL, CleanAudio, CleanFrame, MaskState
from configs.model_settings import VideoLlamaSettings
from configs.settings import Settings
from monitor.ahead import Ahead
from monitor.describers.video_llama.describer import VideoLlamaDescriber
from monitor.describers.video_llama.model import VideoLlama
from streams.clock import cpu_s

HOP_S: Final = 10
GLOBAL_S: Final = 60
LOCAL_S: Final = 32.0
PLAN: Final = EvidencePlan(on_grid=True)
REAL_FRAME_BYTES: Final = 32 * 768 * 2
REAL_CLIP_BYTES: Final = 1024 * 2
"""Of the released checkpoints, kept in half precision."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was held and what had been encoded at one time of the session."""

    media_s: int
    frames_encoded: int
    clips_encoded: int
    frames_held: int
    clips_held: int
    cache_bytes: int
    real_bytes: int
    update_ms: float
    global_ms: float


class Session:
    """One session, from its first second on: it advances by a hop and tells what that cost."""

    def __init__(self) -> None:
        """Small frames of noise, so that no two are alike."""
        own = VideoLlamaSettings(folder="random", alias_below=0.0, max_tokens=16)
        self.describer = VideoLlamaDescriber(Settings(video_llama=own), load=_small)
        self.horizon = Horizon(HorizonLimits(frame_long_side_px=64))
        self.ahead = Ahead(self.describer, self.horizon)
        self.now_s = 0
        self.grid_frames = 0
        self.update_ms: dict[int, float] = {}
        self.global_ms: dict[int, float] = {}

    async def hop(self) -> None:
        """Ten seconds of media, then what a session does with them."""
        for second in range(self.now_s, self.now_s + HOP_S):
            self._feed(second)
        self.now_s += HOP_S
        begun = cpu_s()
        await self.ahead.encode(float(self.now_s))
        if self.now_s >= LOCAL_S:
            await self.describer.describe(self.evidence(LOCAL_S, Cadence.LOCAL))
        self.update_ms[self.now_s] = 1000 * (cpu_s() - begun)
        if self.now_s % GLOBAL_S == 0:
            await self.whole()

    async def whole(self) -> None:
        """Describe the whole session so far; nearly nothing of it is left to encode."""
        whole = self.evidence(float(self.now_s), Cadence.GLOBAL)
        self.global_ms[self.now_s] = await _ms(self.describer.describe(whole))

    def evidence(self, length_s: float, cadence: Cadence) -> Evidence:
        """The window of this length that ends now."""
        return self.horizon.evidence(Window(self.now_s, self.now_s - length_s, float(self.now_s), cadence), PLAN)

    def mark(self) -> Mark:
        """Medians are over the last two minutes."""
        frames, clips = self.describer.frames, self.describer.clips
        return Mark(
            media_s=self.now_s,
            frames_encoded=frames.encoded,
            clips_encoded=clips.encoded,
            frames_held=len(frames),
            clips_held=len(clips),
            cache_bytes=self.describer.embedding_bytes,
            real_bytes=len(frames) * REAL_FRAME_BYTES + len(clips) * REAL_CLIP_BYTES,
            update_ms=_median(self.update_ms, self.now_s - 120),
            global_ms=_median(self.global_ms, self.now_s - 240),
        )

    def _feed(self, second: int) -> None:
        random = np.random.default_rng(second)
        for quarter in range(4):
            self.horizon.add_frame(
                CleanFrame(
                    t_s=second + quarter / 4,
                    index=4 * second + quarter,
                    picture=Picture.from_rgb(random.integers(0, 255, (36, 64, 3), np.uint8)),
                    state=MaskState.CLEAR,
                    masked=(),
                    seal=DEIDENTIFIER_SEAL,
                )
            )
        samples = random.normal(0, 0.1, AUDIO_RATE_HZ).astype(np.float32)
        self.horizon.add_audio(CleanAudio(t_s=float(second), samples=samples, seal=DEIDENTIFIER_SEAL))


async def compare(minutes: int, turns: int) -> dict[str, object]:
    """Run both sessions, print the tables and give back the figures."""
    long, short = Session(), Session()
    print("| media | frames encoded | clips encoded | held | cache | at real size | update | whole session |")
    print("|---|---|---|---|---|---|---|---|")
    marks: list[Mark] = []
    for session in (long, short):
        notices = await session.describer.start()
        assert notices
    while long.now_s < 60 * minutes:
        await long.hop()
        if long.now_s in {300, 600, 1800, 60 * minutes}:
            marks.append(long.mark())
            print(_row(marks[-1]), flush=True)
    while short.now_s < 300:
        await short.hop()
    taken: dict[str, list[float]] = {"short": [], "long": [], "short whole": [], "long whole": [], "anew": []}
    for _ in range(turns):
        for name, session in (("short", short), ("long", long)):
            await session.hop()
            await session.whole()
            taken[name].append(session.update_ms[session.now_s])
            taken[f"{name} whole"].append(session.global_ms[session.now_s])
        taken["anew"].append(await _again(long))
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    ratios = {name: medians[f"long{name}"] / medians[f"short{name}"] for name in ("", " whole")}
    print(f"\n{turns} updates each, in turns (medians of CPU time):")
    print("| | at 5 min | at the end | ratio |\n|---|---|---|---|")
    for what, name in (("update: 10 s encoded, 32 s described", ""), ("whole session described", " whole")):
        print(f"| {what} | {medians[f'short{name}']:.1f} ms | {medians[f'long{name}']:.1f} ms | {ratios[name]:.3f} |")
    print(f"| the same 32 s, everything encoded anew | | {medians['anew']:.1f} ms | |")
    media_s = long.now_s
    wanted = {"frames": media_s, "clips": media_s // 2}
    found = {"frames": long.describer.frames.encoded, "clips": long.describer.clips.encoded}
    print(f"\non the grid in {media_s} s: {wanted}; encoded: {found}; once each: {'yes' if wanted == found else 'NO'}")
    held = long.describer.frames
    print(f"a frame holds {held.nbytes // len(held)} bytes; at real size 32 x 768 x 2 = {REAL_FRAME_BYTES}")
    for session in (long, short):
        await session.describer.close()
    return {"marks": [asdict(mark) for mark in marks], "medians_ms": medians, "ratios": ratios}


async def _again(session: Session) -> float:
    """Milliseconds of the last window with nothing in the cache."""
    describer = Session().describer
    await describer.start()
    taken = await _ms(describer.describe(session.evidence(LOCAL_S, Cadence.LOCAL)))
    await describer.close()
    return taken


async def _ms(what: Awaitable[object]) -> float:
    begun = cpu_s()
    await what
    return 1000 * (cpu_s() - begun)


def _median(taken: dict[int, float], after_s: int) -> float:
    return float(np.median([ms for media_s, ms in taken.items() if media_s > after_s]))


def _row(mark: Mark) -> str:
    return (
        f"| {mark.media_s // 60} min | {mark.frames_encoded} | {mark.clips_encoded} | {mark.frames_held} + "
        f"{mark.clips_held} | {mark.cache_bytes / 1024:.0f} KiB | {mark.real_bytes / 2**20:.1f} MiB | "
        f"{mark.update_ms:.1f} ms | {mark.global_ms:.1f} ms |"
    )


def _small(settings: VideoLlamaSettings, _: int | None) -> VideoLlama:
    torch.set_num_threads(1)
    parts = random_parts(SMALL_IMAGES, device=torch.device("cpu"), dtype=torch.float32)
    return parts.model(batch=settings.batch, max_tokens=settings.max_tokens)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=60, help="length of the long session")
    parser.add_argument("--turns", type=int, default=30, help="updates compared at each end")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    figures = asyncio.run(compare(options.minutes, options.turns))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
