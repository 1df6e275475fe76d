"""Counts leaks: annotated faces of which too much is to be seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from buffers.records import Box
from streams.audit.faces.hidden import Cells, share_hidden

LEAK_BELOW: Final = 0.9
"""A face leaks where less than this share of its box is hidden (people draw boxes to about 12 px)."""

EXPOSED_BELOW: Final = 0.5
"""From here on it is no matter of where a box ends: the face is to be seen."""

GROWN_PX: Final = 12
"""How far boxes are grown for the stricter count: the precision of drawing them (measured on the hard shot)."""


@dataclass(frozen=True, slots=True)
class LeakFigures:
    """What of the annotated faces is to be seen. `worst_share` is the least share of a box that is hidden (0-1).

    `longest_run_frames` are leaking frames one after another and `longest_run_s` how long they are shown (s);
    `absent_frames` are annotated and not in the output at all, and `frames` are those that are.
    """

    grown_px: int
    frames: int
    absent_frames: int
    leak_frames: int
    exposed_frames: int
    longest_run_frames: int
    longest_run_s: float
    worst_share: float | None
    worst_frame: int | None


class LeakCounter:
    """Takes every pair of frames and keeps, for each annotated frame, the worst that was seen of it."""

    def __init__(self, boxes: Mapping[int, tuple[Box, ...]], grown_px: int = 0) -> None:
        """Start with boxes by number of the source's frame, all of them grown to each side."""
        self._grown_px = grown_px
        self._boxes = {
            index: tuple(
                Box(box.x0 - grown_px, box.y0 - grown_px, box.x1 + grown_px, box.y1 + grown_px) for box in faces
            )
            for index, faces in boxes.items()
        }
        self._shares: dict[int, float] = {}
        self._times_s: dict[int, float] = {}

    def add(self, index: int, t_s: float, cells: Cells) -> float | None:
        """The least share hidden of the faces in the source's frame `index`; None where none was drawn."""
        self._times_s[index] = t_s
        faces = self._boxes.get(index)
        if not faces:
            return None
        share = min(share_hidden(cells, box) for box in faces)
        self._shares[index] = min(share, self._shares.get(index, 1.0))
        return share

    def figures(self) -> LeakFigures:
        """The count so far."""
        leaking = sorted(index for index, share in self._shares.items() if share < LEAK_BELOW)
        run = max(_runs(leaking), key=len, default=[])
        worst = min(self._shares, key=lambda index: self._shares[index], default=None)
        annotated = sum(1 for faces in self._boxes.values() if faces)
        return LeakFigures(
            grown_px=self._grown_px,
            frames=len(self._shares),
            absent_frames=annotated - len(self._shares),
            leak_frames=len(leaking),
            exposed_frames=sum(share < EXPOSED_BELOW for share in self._shares.values()),
            longest_run_frames=len(run),
            longest_run_s=self._shown_s(run),
            worst_share=None if worst is None else self._shares[worst],
            worst_frame=worst,
        )

    def _shown_s(self, run: list[int]) -> float:
        """From the first frame of a run to the frame after it; the file's last frame lasts as its predecessor."""
        if not run:
            return 0.0
        start_s, last_s = self._times_s[run[0]], self._times_s[run[-1]]
        after_s = self._times_s.get(run[-1] + 1)
        if after_s is None:
            after_s = last_s + last_s - self._times_s.get(run[-1] - 1, last_s)
        return after_s - start_s


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Runs of successive numbers, of numbers in ascending order."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
