"""Records numbered frames and a tone at real time; a program, for tests that kill it.

python -m tests.made_live_recording PATH SECONDS prints the media time of each frame as it is handed over.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from buffers.records import AUDIO_RATE_HZ, CleanAudio, CleanFrame, Track
from streams.clock import LiveClock
from streams.recording.live import LiveRecorder
from tests.made_clean import BLOCK_SAMPLES, clean_blocks, numbered_frames

FPS = 25.0


def stream(seconds: float) -> Iterator[CleanFrame | CleanAudio]:
    """Frames and sound in order of media time."""
    tone = 0.2 * np.sin(2 * np.pi * 300 * np.arange(BLOCK_SAMPLES) / AUDIO_RATE_HZ).astype(np.float32)
    heard = 0
    for frame in numbered_frames(n / FPS for n in range(round(seconds * FPS))):
        while heard * BLOCK_SAMPLES / AUDIO_RATE_HZ <= frame.t_s:
            yield from clean_blocks(heard * BLOCK_SAMPLES / AUDIO_RATE_HZ, tone)
            heard += 1
        yield frame


def main(path: Path, seconds: float) -> None:
    """Record at real time."""
    recorder = LiveRecorder(path, tracks=tuple(Track), rate_hz=FPS)
    clock = LiveClock()
    for item in stream(seconds):
        clock.sleep_until(item.t_s)
        recorder.take(item)
        if isinstance(item, CleanFrame):
            sys.stdout.write(f"{item.t_s:.3f}\n")
            sys.stdout.flush()
    recorder.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
