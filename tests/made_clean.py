"""Clean records for tests of what is written from them, and what a written file holds when it is read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import AUDIO_RATE_HZ, DEIDENTIFIER_SEAL, CleanAudio, CleanFrame, MaskedBox, MaskState
from streams.media import RawAudio, RawFrame, RawGap, SourceInfo
from streams.recording.formats import format_of
from streams.recording.writer import CleanWriter, VideoShape
from streams.sources.file import FileSource
from tests.clips import numbered

BLOCK_SAMPLES = AUDIO_RATE_HZ // 10


def clean_frame(
    t_s: float,
    picture: Picture,
    *,
    index: int = 0,
    state: MaskState = MaskState.CLEAR,
    masked: tuple[MaskedBox, ...] = (),
) -> CleanFrame:
    return CleanFrame(t_s=t_s, index=index, picture=picture, state=state, masked=masked, seal=DEIDENTIFIER_SEAL)


def numbered_frames(times_s: Iterable[float], width_px: int = 64, height_px: int = 48) -> list[CleanFrame]:
    return [
        clean_frame(t_s, Picture.from_rgb(numbered(index, width_px, height_px)), index=index)
        for index, t_s in enumerate(times_s)
    ]


def clean_blocks(start_s: float, samples: NDArray[np.float32]) -> list[CleanAudio]:
    return [
        CleanAudio(
            t_s=start_s + first / AUDIO_RATE_HZ, samples=samples[first : first + BLOCK_SAMPLES], seal=DEIDENTIFIER_SEAL
        )
        for first in range(0, len(samples), BLOCK_SAMPLES)
    ]


def click(seconds: float, at_s: float) -> NDArray[np.float32]:
    """float32[n] of silence but for one click."""
    samples = np.zeros(round(seconds * AUDIO_RATE_HZ), np.float32)
    samples[round(at_s * AUDIO_RATE_HZ)] = 0.9
    return samples


def written(
    path: Path,
    frames: Sequence[CleanFrame] = (),
    blocks: Sequence[CleanAudio] = (),
    *,
    shape: VideoShape | None = None,
    end_s: float | None = None,
) -> Path:
    """Write a file; the shape is that of the first frame unless it is given."""
    if frames and shape is None:
        shape = VideoShape(frames[0].picture.width_px, frames[0].picture.height_px, 25.0)
    writer = CleanWriter(path, format_of(path), video=shape, audio=bool(blocks))
    items: list[CleanFrame | CleanAudio] = [*frames, *blocks]
    for item in sorted(items, key=lambda item: item.t_s):
        if isinstance(item, CleanFrame):
            writer.frame(item)
        else:
            writer.audio(item)
    writer.finish(end_s=end_s)
    return path


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What our own file source makes of a file."""

    info: SourceInfo
    frames: list[RawFrame]
    blocks: list[RawAudio]
    gaps: list[RawGap]

    @property
    def loudest_s(self) -> float:
        """Media time of the loudest sample."""
        block = max(self.blocks, key=lambda block: float(np.abs(block.samples).max()))
        return block.t_s + int(np.abs(block.samples).argmax()) / AUDIO_RATE_HZ


def read_back(path: Path) -> ReadBack:
    source = FileSource(path)
    items = list(source.items())
    source.close()
    return ReadBack(
        source.info,
        [item for item in items if isinstance(item, RawFrame)],
        [item for item in items if isinstance(item, RawAudio)],
        [item for item in items if isinstance(item, RawGap)],
    )
