"""Walks through two recordings side by side, each frame of the output beside the frame of the source it shows.

Holds three frames of the source and one of the output at a time, whatever the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from configs.errors import SourceUnreadable
from streams.media import RawFrame, SourceInfo
from streams.sources.file import FileSource

_Thumb = NDArray[np.int16]

_THUMB_PX: Final = (64, 36)
"""Size of the copies by which two frames are told to show the same: motion of a face moves them, noise does not."""

_CLEARLY: Final = 0.8
"""A neighbour is compared too when it differs from the output by less than this share of the nearest frame's."""

_MASKED_LEVELS: Final = 12
"""Difference from every candidate above which a place is masked in the output and tells nothing: codecs stay below."""

_PEEK_FRAMES: Final = 150
"""Frames looked at to tell how two files lie in time (5 s at 30 Hz)."""

_WORTH_ASKING_S: Final = 0.02
"""Difference of starts below which nothing needs telling: less than a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One frame of the output, of the source's size, and the frames of the source that it may show, nearest first.

    `late_s` is the output's time minus the nearest frame's, `repeats` says that this frame was paired before.
    """

    sources: tuple[RawFrame, ...]
    output: RawFrame
    late_s: float
    repeats: bool

    @property
    def source(self) -> RawFrame:
        """The nearest frame in time."""
        return self.sources[0]


class Pairs:
    """Both files, opened, and the walk. After it `missing` tells the source's frames that the output never shows."""

    def __init__(self, original: Path, deidentified: Path) -> None:
        """Open both files.

        Raises:
            MonitorError: one cannot be opened, or has no video.
        """
        self.shift_s = _shift_s(original, deidentified)
        self._source = FileSource(original)
        try:
            self._output = FileSource(deidentified)
        except BaseException:
            self._source.close()
            raise
        self.missing: list[int] = []
        self.source_frames = 0
        self.output_frames = 0
        self.source_end_s = 0.0
        self.output_end_s = 0.0

    @property
    def source(self) -> SourceInfo:
        """What is known of the original."""
        return self._source.info

    @property
    def output(self) -> SourceInfo:
        """What is known of the de-identified file."""
        return self._output.info

    def __iter__(self) -> Iterator[Pair]:
        """Every frame of the output in order of time. Once."""
        sources = self._sources()
        window = list(islice(sources, 2))
        paired = False
        at = 0
        for item in self._output.items():
            if not isinstance(item, RawFrame):
                continue
            self.output_frames += 1
            t_s = item.t_s + self.shift_s
            self.output_end_s = t_s
            if not window:
                continue
            while at + 1 < len(window) and abs(window[at + 1].t_s - t_s) <= abs(window[at].t_s - t_s):
                if not paired:
                    self.missing.append(window[at].index)
                at, paired = at + 1, False
                window += islice(sources, 1)
                if at > 1:
                    window.pop(0)
                    at -= 1
            nearest = window[at]
            output = _sized(item, nearest.picture)
            yield Pair(_candidates(window, at, output), output, t_s - nearest.t_s, paired)
            paired = True
        unpaired = window[at:] if not paired else window[at + 1 :]
        self.missing += [frame.index for frame in unpaired]
        self.missing += [frame.index for frame in sources]

    def close(self) -> None:
        """Close both files."""
        self._source.close()
        self._output.close()

    def _sources(self) -> Iterator[RawFrame]:
        for item in self._source.items():
            if isinstance(item, RawFrame):
                self.source_frames += 1
                self.source_end_s = item.t_s
                yield item


def _sized(frame: RawFrame, like: Picture) -> RawFrame:
    picture = frame.picture
    if picture.y.shape == like.y.shape:
        return frame
    return RawFrame(frame.t_s, frame.index, picture.resized(like.width_px, like.height_px))


def _candidates(window: list[RawFrame], at: int, output: RawFrame) -> tuple[RawFrame, ...]:
    """The nearest frame, and the neighbour that fits clearly better: times may be kept and pictures be off by one."""
    shown = _thumb(output.picture)
    costs = _costs([_thumb(frame.picture) for frame in window], shown)
    best = int(np.argmin(costs))
    if costs[best] < _CLEARLY * costs[at]:
        return window[at], window[best]
    return (window[at],)


def _thumb(picture: Picture) -> _Thumb:
    return np.asarray(cv2.resize(picture.y, _THUMB_PX, interpolation=cv2.INTER_AREA), np.int16)


def _costs(candidates: Sequence[_Thumb], shown: _Thumb) -> NDArray[np.float64]:
    """How differently each candidate looks, in mean levels over the places that fit one of them at least."""
    differences = np.abs(np.stack(candidates) - shown)
    plain = differences.min(axis=0) <= _MASKED_LEVELS
    return np.asarray(differences[:, plain].mean(axis=1) if plain.any() else np.zeros(len(candidates)), np.float64)


def _shift_s(original: Path, deidentified: Path) -> float:
    """What to add to the output's times so that frames which show the same meet (s).

    Both files begin at 0 with their earliest track. Where that track was dropped, or the sound moved against the
    pictures, the pictures have moved: then frames are paired as they look.
    """
    (source, thumbs), (output, shown) = _peek(original), _peek(deidentified)
    for info, frames in ((source, thumbs), (output, shown)):
        if not frames:
            raise SourceUnreadable(f"{info.name}: holds no video; only recordings with pictures are audited")
    moved_s = thumbs[0][0] - shown[0][0]
    if abs(moved_s) < _WORTH_ASKING_S:
        return 0.0
    times_s = np.array([t_s for t_s, _ in thumbs])
    costs = np.zeros(2)
    for t_s, thumb in shown:
        places = [int(np.argmin(np.abs(times_s - t_s - shift_s))) for shift_s in (0.0, moved_s)]
        costs += _costs([thumbs[place][1] for place in places], thumb)
    return moved_s if costs[1] < costs[0] else 0.0


def _peek(path: Path) -> tuple[SourceInfo, list[tuple[float, _Thumb]]]:
    with closing(FileSource(path)) as source:
        frames = (item for item in source.items() if isinstance(item, RawFrame))
        return source.info, [(frame.t_s, _thumb(frame.picture)) for frame in islice(frames, _PEEK_FRAMES)]
