"""Compares when things happen in the two files: frames, their times, lengths, sound against pictures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.media import SourceInfo

MOST_FRAME_MS: Final = 1.0
"""Largest error of a frame's time that passes: the resolution of Matroska's clock."""

MOST_SOUND_MS: Final = 20.0
"""Largest movement of sound against pictures that passes: one frame of AAC, and half of what viewers notice."""


@dataclass(frozen=True, slots=True)
class TimingFigures:
    """Times of the output against the source's.

    `missing_frames` are the source's that the output never shows, `extra_frames` the output's beyond those.
    Errors are those of frames shown once (ms). The movement of sound against pictures is None unless both files
    have both; `shift_s` is what the pictures were moved by before they were compared (0 where all is well).
    """

    source_frames: int
    output_frames: int
    missing_frames: int
    extra_frames: int
    largest_error_ms: float
    mean_error_ms: float
    duration_error_ms: float
    sound_moved_ms: float | None
    shift_s: float

    @property
    def times_kept(self) -> bool:
        """Whether every frame is shown in its time."""
        return self.largest_error_ms <= MOST_FRAME_MS

    @property
    def sound_kept(self) -> bool:
        """Whether sound and pictures are as far apart as they were."""
        return abs(self.sound_moved_ms or 0.0) <= MOST_SOUND_MS


class TimingMeter:
    """Takes every pair of frames."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._count = 0
        self._extra = 0
        self._sum_s = 0.0
        self._largest_s = 0.0

    def add(self, late_s: float, *, repeats: bool) -> None:
        """One frame of the output: how late it is, and whether it shows a frame that was shown before."""
        if repeats:
            self._extra += 1
            return
        self._count += 1
        self._sum_s += abs(late_s)
        self._largest_s = max(self._largest_s, abs(late_s))

    def figures(
        self,
        *,
        source_frames: int,
        output_frames: int,
        missing_frames: int,
        end_error_s: float,
        shift_s: float,
        infos: tuple[SourceInfo, SourceInfo],
    ) -> TimingFigures:
        """The figures; `end_error_s` is the output's last frame minus the source's, `infos` both files in order."""
        source, output = (info.av_offset_s for info in infos)
        return TimingFigures(
            source_frames=source_frames,
            output_frames=output_frames,
            missing_frames=missing_frames,
            extra_frames=self._extra,
            largest_error_ms=1000 * self._largest_s,
            mean_error_ms=1000 * self._sum_s / self._count if self._count else 0.0,
            duration_error_ms=1000 * end_error_s,
            sound_moved_ms=None if source is None or output is None else 1000 * (output - source),
            shift_s=shift_s,
        )
