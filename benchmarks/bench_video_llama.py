"""What one update of Video-LLaMA costs: with its embeddings cached, after a hop of 10 s, and encoded anew.

On a CUDA GPU the model has the real size (ViT-g, both Q-Formers, ImageBind's audio trunk, a LLaMA of 7B) in bf16 with
random numbers; elsewhere a small one runs in fp32 on one core, which shows that this script works and nothing of the
real speed. Run from the repository's root: `python -m benchmarks.bench_video_llama [--size real|small] [--json PATH]`.
Times are medians: wall time on a GPU, else
CPU time, since others use the cores too.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import psutil
import torch

from benchmarks.video_llamas import REAL, SMALL, Parts, random_parts
from buffers.evidence import AudioClip, Baseline, Cadence, Coverage, Evidence, StoredFrame, Window
from buffers.records import AUDIO_RATE_HZ, CLIP_S, MaskState
from configs.model_settings import VideoLlamaSettings
from configs.settings import Settings
from monitor.describers.video_llama.describer import VideoLlamaDescriber
from monitor.describers.video_llama.model import VideoLlama
from monitor.describers.worker import spare_cores
from streams.clock import cpu_s, monotonic_s

FRAMES: Final = 32
CLIPS: Final = 8
UPDATES: Final = (
    ("everything cached", 0, 0),
    ("after a hop of 10 s: 10 frames and 5 clips new", 10, 5),
    ("everything encoded anew", FRAMES, CLIPS),
)
"""What it is called, new frames, new clips."""
BATCHES: Final = (1, 4, 8, 16, 32)
TOKENS: Final = 96
"""The default length of an answer: the longest part of an update."""
FEW_TOKENS: Final = 16

Figures = dict[str, float]


def evidence(offset: int) -> Evidence:
    """A full window of 448-px frames and clips of noise, one a second and one every two, from `offset` on."""
    frames, clips = [], []
    for place in range(offset, offset + FRAMES):
        random = np.random.default_rng(place)
        coarse = random.integers(0, 255, (36, 64, 3), np.uint8)
        _, jpeg = cv2.imencode(".jpg", cv2.resize(coarse, (448, 252), interpolation=cv2.INTER_CUBIC))
        thumbnail = random.integers(0, 255, (36, 64), np.uint8)
        frames.append(StoredFrame(float(place), place, jpeg.tobytes(), 448, 252, thumbnail, MaskState.CLEAR, ()))
    for place in range(CLIPS):
        samples = np.random.default_rng(place).normal(0, 0.1, round(CLIP_S * AUDIO_RATE_HZ)).astype(np.float32)
        clips.append(AudioClip(offset + 4.0 * place, samples, 1.0))
    return Evidence(
        window=Window(1, float(offset), float(offset + FRAMES), Cadence.LOCAL),
        frames=tuple(frames),
        clips=tuple(clips),
        events=(),
        counts=(),
        prosody=(),
        movement=None,
        gaps=(),
        coverage=Coverage(1.0, 1.0, 0.0),
        baseline=Baseline(0.0, (), None, None, None),
    )


async def update_s(model: VideoLlama, cached_frames: int, cached_clips: int, offset: int) -> float:
    """Seconds for one description where so many of the window's frames and clips have been encoded before."""
    own = VideoLlamaSettings(folder="random", alias_below=0.0)

    def load(*_: object) -> VideoLlama:
        spare_cores(model.device)
        return model

    describer = VideoLlamaDescriber(Settings(video_llama=own), load=load)
    await describer.start()
    window = evidence(offset)
    await describer.encode(window.frames[:cached_frames], window.clips[:cached_clips])
    begun_s = _now_s()
    await describer.describe(window)
    spent_s = _now_s() - begun_s
    await describer.close()
    return spent_s


def updates(parts: Parts, repeats: int) -> Figures:
    """Print what updates cost."""
    model, short = parts.model(batch=8, max_tokens=TOKENS), parts.model(batch=8, max_tokens=FEW_TOKENS)
    asyncio.run(update_s(model, 0, 0, 0))  # the first call also chooses kernels
    found: Figures = {}
    print(f"\n| update of {FRAMES} frames, {CLIPS} clips, {TOKENS} tokens | |\n|---|---|")
    for name, new_frames, new_clips in UPDATES:
        cached = FRAMES - new_frames, CLIPS - new_clips
        taken = [asyncio.run(update_s(model, *cached, 100 * turn)) for turn in range(repeats)]
        found[name] = float(np.median(taken))
        print(f"| {name} | {1000 * found[name]:.0f} ms |", flush=True)
    few = float(np.median([asyncio.run(update_s(short, FRAMES, CLIPS, 100 * turn)) for turn in range(repeats)]))
    found["tokens per second"] = (TOKENS - FEW_TOKENS) / (found[UPDATES[0][0]] - few)
    print(f"| generation | {found['tokens per second']:.1f} tokens/s |")
    return found


def batches(parts: Parts, repeats: int) -> Figures:
    """Print what frames cost by the size of a batch, from JPEG to embedding."""
    found: Figures = {}
    jpegs = [frame.jpeg for frame in evidence(0).frames]
    pixels_s = _median_s(lambda: parts.model(batch=1, max_tokens=16).pixels(jpegs[:8]), repeats) / 8
    print("\n| frames together | a frame | of that decoding and scaling | peak memory |\n|---|---|---|---|")
    for batch in BATCHES:
        model = parts.model(batch=batch, max_tokens=16)
        if parts.encoders.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        model.encode_frames(jpegs[:batch])
        found[f"batch {batch}"] = _median_s(functools.partial(model.encode_frames, jpegs[:batch]), repeats) / batch
        print(
            f"| {batch} | {1000 * found[f'batch {batch}']:.1f} ms | {1000 * pixels_s:.1f} ms | "
            f"{_memory(parts.encoders.device)} |",
            flush=True,
        )
    return found


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB on the GPU"
    return f"{psutil.Process().memory_info().rss / 2**20:.0f} MiB resident"


def _now_s() -> float:
    return monotonic_s() if torch.cuda.is_available() else cpu_s()


def _median_s(call: Callable[[], object], repeats: int) -> float:
    taken: list[float] = []
    for _ in range(repeats):
        begun_s = _now_s()
        call()
        taken.append(_now_s() - begun_s)
    return float(np.median(taken))


def main() -> None:
    """Measure the size that fits this machine, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=("real", "small"), help="default: real on a CUDA GPU, else small")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    size = {"real": REAL, "small": SMALL}[options.size or ("real" if gpu else "small")]
    device, dtype = torch.device("cuda" if gpu else "cpu"), torch.bfloat16 if gpu else torch.float32
    spare_cores(device)
    where = torch.cuda.get_device_name() if gpu else "one CPU core"
    numbers = str(dtype).removeprefix("torch.")
    parts = random_parts(size, device=device, dtype=dtype)
    print(f"Video-LLaMA, {size.name}, random numbers, {numbers}, on {where}; {_memory(device)}")
    figures = updates(parts, options.repeats) | batches(parts, options.repeats)
    if options.json:
        about = {"size": size.name, "where": where, "numbers": numbers}
        options.json.write_text(json.dumps(about | {"seconds": figures}, indent=1))


if __name__ == "__main__":
    main()
