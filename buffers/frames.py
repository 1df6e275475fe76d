"""Clean frames as the horizon keeps them: on a fixed grid, as JPEGs, with what they say of movement and coverage."""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.evidence import HorizonLimits, StoredFrame
from buffers.picture import Picture, fit_within
from buffers.records import Box, CleanFrame, MaskState
from buffers.spans import Spans, overlap_s
from buffers.thinning import MARGIN_S, History, Thinned, nearest_to_uniform

THUMBNAIL_LONG_SIDE_PX = 64
"""64x36 for 16:9: the size at which cuts and moves were told apart on real clips."""

CUT_DIFFERENCE = 24 / 255
"""Mean luma difference above which two frames are different shots. Measured: true cuts 0.109 and more."""

SHOWN_S = 1.0
"""A frame speaks for at most this long: the describer sees one frame a second in a local window."""

USABLE_SHARE = 0.1
"""Least unmasked share of a thumbnail that says anything of movement; a close-up may be masked to 83 %."""

GRID_S = 1.0
"""Least width of a place on the encoding grid: one frame a second is what a describer is shown of a local window."""

FRAME_BYTES = 700
"""Bytes of a stored frame beside JPEG and thumbnail: the objects that hold them (measured, rounded up)."""

MOVE_BYTES = 200
"""Size of one movement bin (measured, rounded up)."""

Move = tuple[float, float]
"""Summed mean luma differences (0-1 each) and the seconds between the frames that were compared."""


def store(frame: CleanFrame, long_side_px: int, jpeg_quality: int, *, on_grid: bool = False) -> StoredFrame:
    """Scale and encode a clean frame once: JPEG from the planes, thumbnail from the scaled luma."""
    picture = frame.picture
    width_px, height_px = fit_within(picture.width_px, picture.height_px, long_side_px)
    scaled = picture if width_px == picture.width_px else picture.resized(width_px, height_px)
    _, jpeg = cv2.imencode(".jpg", scaled.to_bgr(), [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return StoredFrame(
        t_s=frame.t_s,
        index=frame.index,
        jpeg=jpeg.tobytes(),
        width_px=width_px,
        height_px=height_px,
        thumbnail=_thumbnail(scaled),
        state=frame.state,
        masked=tuple(_as_share(mask.box, picture) for mask in frame.masked),
        on_grid=on_grid,
    )


def difference(before: StoredFrame, after: StoredFrame) -> float | None:
    """Mean absolute luma difference (0-1) outside the masks of both frames.

    None where the frames cannot be compared: another shape, a frame that shows nothing, nearly all masked, or a cut.
    """
    shape = before.thumbnail.shape
    hidden = MaskState.WHOLE_FRAME in {before.state, after.state}
    if hidden or shape != after.thumbnail.shape:
        return None
    visible = np.ones(shape, np.bool_)
    for box in (*before.masked, *after.masked):
        # Rounded outwards: a thumbnail pixel that is partly mask moves with the mask.
        rows = slice(max(0, math.floor(box.y0 * shape[0])), max(0, math.ceil(box.y1 * shape[0])))
        cols = slice(max(0, math.floor(box.x0 * shape[1])), max(0, math.ceil(box.x1 * shape[1])))
        visible[rows, cols] = False
    if np.count_nonzero(visible) < USABLE_SHARE * visible.size:
        return None
    found = float(cv2.absdiff(before.thumbnail, after.thumbnail)[visible].mean()) / 255
    return None if found > CUT_DIFFERENCE else found


class FrameStore:
    """The frames of one stream: a dense recent part and a thinned whole-session part that share their frames."""

    def __init__(self, limits: HorizonLimits) -> None:
        """Start empty."""
        self._limits = limits
        self._dense: deque[StoredFrame] = deque()
        self._session: Thinned[StoredFrame] = Thinned(
            capacity=limits.session_frames, spacing_s=1 / limits.frame_rate_hz
        )
        self._grid_s = _grid_s(1 / limits.frame_rate_hz)
        self._first_s: float | None = None
        self._cell = -1
        self._moves: History[Move] = History(_summed, recent_s=limits.dense_s + MARGIN_S, capacity=limits.session_bins)
        self._shown = Spans()
        self._showing_since_s: float | None = None
        self._previous: StoredFrame | None = None
        self._slot: int | None = None
        self._dropped_s = -math.inf
        self._dense_bytes = 0
        self._older_bytes = 0

    def add(self, frame: CleanFrame) -> bool:
        """Keep the frame if it is the first at its place of the grid; says whether it was."""
        # Places are centred on multiples of the period, so that a source at the grid's own rate may jitter.
        slot = math.floor(frame.t_s * self._limits.frame_rate_hz + 0.5)
        if self._slot is not None and slot <= self._slot:
            return False
        self._slot = slot
        on_grid = self._on_grid(frame.t_s)
        kept = store(frame, self._limits.frame_long_side_px, self._limits.jpeg_quality, on_grid=on_grid)
        before = len(self._session)
        chosen = self._session.offer(kept.t_s, kept)
        self._dense.append(kept)
        if len(self._session) < before + chosen:
            self._recount()
        self._dense_bytes += kept.nbytes + FRAME_BYTES
        while self._dense[0].t_s < kept.t_s - self._limits.dense_s - MARGIN_S:
            self.drop_oldest()
        self._move_to(kept)
        self._show_until(kept.t_s)
        self._showing_since_s = None if kept.state is MaskState.WHOLE_FRAME else kept.t_s
        return True

    def interrupt(self, start_s: float) -> None:
        """Nothing is shown from `start_s` until the next frame, and movement is not measured across."""
        self._show_until(start_s)
        self._showing_since_s = None
        self._previous = None

    def pick(self, start_s: float, end_s: float, count: int, *, on_grid: bool = False) -> tuple[StoredFrame, ...]:
        """Up to `count` frames of [start_s, end_s), nearest to uniform positions, each at most once.

        From the dense part if it reaches back to `start_s`, else from the whole-session part.
        """
        if start_s > self._dropped_s:
            found = [frame for frame in self._dense if start_s <= frame.t_s < end_s]
        else:
            found = self._session.between(start_s, end_s)
        if on_grid:
            found = [frame for frame in found if frame.on_grid]
        places = nearest_to_uniform([frame.t_s for frame in found], start_s, end_s - start_s, count)
        return tuple(found[place] for place in places)

    def on_grid_after(self, t_s: float) -> tuple[StoredFrame, ...]:
        """Frames of the dense part on the encoding grid that are later than `t_s`."""
        return tuple(frame for frame in self._dense if frame.on_grid and frame.t_s > t_s)

    def shown_s(self, start_s: float, end_s: float) -> float:
        """Seconds of [start_s, end_s) for which a frame that shows something speaks."""
        found_s = self._shown.seconds(start_s, end_s)
        since_s = self._showing_since_s
        return found_s if since_s is None else found_s + overlap_s(since_s, since_s + SHOWN_S, start_s, end_s)

    def movement(self, start_s: float, end_s: float) -> float | None:
        """Mean absolute luma difference per second (0-1 scale), None unless two frames could be compared."""
        total = (0.0, 0.0)
        for found in self._moves.between(start_s, end_s):
            total = _summed(total, found.value)
        return total[0] / total[1] if total[1] > 0 else None

    def drop_oldest(self) -> None:
        """Shorten the dense part by its oldest frame."""
        frame = self._dense.popleft()
        self._dense_bytes -= frame.nbytes + FRAME_BYTES
        self._dropped_s = frame.t_s
        if self._session.between(frame.t_s, math.nextafter(frame.t_s, math.inf)):
            self._older_bytes += frame.nbytes + FRAME_BYTES

    def thin(self) -> bool:
        """Halve the whole-session part; False when there is nothing to halve."""
        thinned = self._session.thin()
        self._recount()
        return thinned

    @property
    def newest(self) -> StoredFrame | None:
        """The latest frame that is kept, None before the first."""
        return self._dense[-1] if self._dense else None

    @property
    def dense_from_s(self) -> float | None:
        """Time of the oldest frame of the dense part, None while it is empty."""
        return self._dense[0].t_s if self._dense else None

    @property
    def dense_count(self) -> int:
        """Frames in the dense part."""
        return len(self._dense)

    @property
    def session_count(self) -> int:
        """Frames in the whole-session part."""
        return len(self._session)

    @property
    def session_bytes(self) -> int:
        """Bytes of the frames that only the whole-session part holds."""
        return self._older_bytes

    @property
    def nbytes(self) -> int:
        """Bytes held, each frame counted once."""
        return self._dense_bytes + self._older_bytes + self._shown.nbytes + len(self._moves) * MOVE_BYTES

    def _on_grid(self, t_s: float) -> bool:
        """Whether the frame is the first in its cell of the grid; cells count from the first frame, as `Thinned`'s do.

        So whatever the whole-session part keeps at a stride of `_grid_s` or more is on the grid.
        """
        self._first_s = t_s if self._first_s is None else self._first_s
        cell = math.floor((t_s - self._first_s) / self._grid_s)
        if cell <= self._cell:
            return False
        self._cell = cell
        return True

    def _recount(self) -> None:
        older = self._session.between(-math.inf, self._dense[0].t_s if self._dense else math.inf)
        self._older_bytes = sum(frame.nbytes + FRAME_BYTES for frame in older)

    def _move_to(self, frame: StoredFrame) -> None:
        before, self._previous = self._previous, frame
        # Further apart than a frame speaks for, frames were dropped in between and a difference means little.
        if before is None or frame.t_s - before.t_s > SHOWN_S:
            return
        moved = difference(before, frame)
        if moved is not None:
            self._moves.add(frame.t_s, (moved, frame.t_s - before.t_s))

    def _show_until(self, t_s: float) -> None:
        if self._showing_since_s is not None:
            self._shown.add(self._showing_since_s, min(self._showing_since_s + SHOWN_S, t_s))


def _grid_s(spacing_s: float) -> float:
    """The first stride of thinning that is a second or more, so that both grids nest."""
    while spacing_s < GRID_S * (1 - 1e-9):
        spacing_s *= 2
    return spacing_s


def _thumbnail(picture: Picture) -> NDArray[np.uint8]:
    size = fit_within(picture.width_px, picture.height_px, THUMBNAIL_LONG_SIDE_PX)
    return np.asarray(cv2.resize(picture.y, size, interpolation=cv2.INTER_AREA), np.uint8)


def _as_share(box: Box, picture: Picture) -> Box:
    width, height = picture.width_px, picture.height_px
    return Box(box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)


def _summed(one: Move, other: Move) -> Move:
    return one[0] + other[0], one[1] + other[1]
