"""Who is watched, and the view of that person that the engine gets, at an even rate from frames at any rate.

The faces are the masker's own: no second detector runs. One person is kept through crossings, short losses and new
numbers of the same face; a cut is a new choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture, Plane, fit_within, resized_plane
from buffers.records import Box
from configs.rules import PersonRules
from streams.deidentify.boxes import area_ratio, blended, centre_distance, iou, side
from streams.deidentify.cuts import CUT_DIFFERENCE, FULL_RANGE, THUMBNAIL_PX
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame
from streams.nfbl.landmarks import View
from streams.nfbl.person.crops import Framing
from streams.nfbl.person.grid import ROUNDING_S, LookGrid

POSE_HZ: Final = 5.0
"""Least rate of poses (Hz): the median shrug of 1.1 s needs five looks a second (nfbl design, 4.4)."""

SETTLE_S: Final = 0.1
"""How long a shot must have lasted before a clear choice is made at once (s): its faces are found within 3 frames."""

HOLE_S: Final = 1.0
"""After a hole so long between frames the view is fresh (s): half a look a second is no watching."""

SAME_SCENE: Final = 0.7
"""Correlation of thumbnails from which a jump in brightness is a camera's flash, not a cut: the masker takes both for
cuts and numbers its faces anew."""

THINNED_PX: Final = 320
"""Width down to which pictures are thinned out before thumbnails are made of them (px)."""

STEADY_S: Final = 0.3
"""Time constant of the steadied box (s): a hand over the face or a turned head must not move the crop."""

HEIR_RATIO: Final = 2.0
"""A new face where the watched one was lost is the same person up to this ratio of areas: 1.4 in width."""

HEIR_REACH: Final = 1.0
"""And this distance of the centres, in sizes of the face; one more for each second for which it was lost."""

HEIR_FARTHEST: Final = 2.0
"""Never farther than that: the next person of a row sits three faces away."""

HIDDEN_S: Final = 18.0
"""Longest time for which a body alone keeps its person (s): 99 % of micro-gestures are shorter (iMiGUE), and the body
may be another's."""

SAME_PLACE: Final = 0.4
"""Where all faces got new numbers at once, one that overlaps the watched one so much (IoU) is the same person."""

EDGE_WEIGHT: Final = 0.25
"""What a face at the picture's edge weighs against one in the middle: half of it in length, as if half as wide."""

FORGET_FACES_S: Final = 5.0
"""How long the number of a lost face is remembered (s): the masker gives it up after half a second."""


@dataclass(slots=True)
class _Face:
    """One of the masker's tracks: since when it has been there, and since when it is `larger` than the watched one."""

    first_s: float
    last_s: float
    larger_s: float | None = None


@dataclass(slots=True)
class _Watched:
    """The watched person: last box, its steadied form, and when face and body were last seen."""

    track: int
    box: Box
    steady: Box
    seen_s: float
    body_s: float


class PersonWatcher:
    """Chooses whom to watch and cuts out the view. Told of every raw frame in order; used from one thread."""

    def __init__(self, rules: PersonRules, *, rate_hz: float, long_side_px: int = 640) -> None:
        """`rate_hz` looks per second of media time; views are scaled down to `long_side_px`, never up."""
        self._rules = rules
        self._grid = LookGrid(rate_hz)
        self._long_side_px = long_side_px
        self._pose_every = max(1, math.floor(rate_hz / POSE_HZ + 1e-9))
        self._scene = _Scene()
        self._framing = Framing(rules.small_face)
        self._faces: dict[int, _Face] = {}
        self._watched: _Watched | None = None
        self._shot_s = 0.0
        self._last: tuple[float, int, int] | None = None
        self._answered_s = self._before_s = -math.inf
        self._posed: int | None = None
        self._region: Box | None = None
        self._chosen = 0
        self._people = 0

    @property
    def person(self) -> int | None:
        """Number of the watched person, from 1 on; None: nobody is watched."""
        return self._chosen if self._watched else None

    @property
    def people(self) -> int:
        """Faces in the frame last answered for."""
        return self._people

    def body_seen(self, t_s: float, person: int) -> None:
        """Note that the engine found that person's body at `t_s`: who hides the face is still there for a while."""
        if self._watched is not None and person == self._chosen:
            self._watched.body_s = max(self._watched.body_s, t_s)

    def look(self, frame: RawFrame, faces: Sequence[SeenFace] | None) -> View | None:
        """The view of the watched person where one is due at this frame; None where none is, or nobody to be seen.

        `faces` are the masker's of this frame, None where it had no answer.
        """
        t_s = frame.t_s
        if self._breaks_off(frame):
            self._watched = None
            self._shot_s = t_s
        self._forget(t_s)
        now = None if faces is None else {face.track: face.box for face in faces}
        if now is not None:
            self._note(t_s, now)
        self._follow(t_s, now, frame.picture.width_px)
        if not self._grid.due(t_s) or self._watched is None:
            return None
        return self._view(frame, self._watched, now)

    def _breaks_off(self, frame: RawFrame) -> bool:
        """Whether this frame shows something else than the one before: a cut, another size, an earlier time."""
        picture = frame.picture
        last, self._last = self._last, (frame.t_s, picture.width_px, picture.height_px)
        cut = self._scene.changes(picture)
        if last is None:
            return True
        if frame.t_s <= last[0]:
            self._grid.reset()
            self._posed = None
            self._faces.clear()
            return True
        if frame.t_s - last[0] > HOLE_S:
            self._shot_s = frame.t_s
            self._region = None
        return cut or last[1:] != self._last[1:]

    def _forget(self, t_s: float) -> None:
        watched = self._watched
        if watched is None:
            return
        kept_s = max(watched.seen_s, min(watched.body_s, watched.seen_s + HIDDEN_S))
        if t_s - kept_s > self._rules.forget_after_s:
            self._watched = None

    def _note(self, t_s: float, now: Mapping[int, Box]) -> None:
        self._people = len(now)
        self._before_s, self._answered_s = self._answered_s, t_s
        for track in now:
            self._faces.setdefault(track, _Face(t_s, t_s)).last_s = t_s
        self._faces = {track: face for track, face in self._faces.items() if t_s - face.last_s <= FORGET_FACES_S}

    def _follow(self, t_s: float, now: Mapping[int, Box] | None, width_px: int) -> None:
        """Keep the watched person, give up, or choose."""
        watched = self._watched
        if watched is not None and now is not None:
            self._keep(t_s, watched, now)
        if now:
            track = self._choice(t_s, now, width_px) if self._watched is None else self._rival(t_s, self._watched, now)
            if track is not None:
                self._watched = _Watched(track, now[track], now[track], t_s, t_s)
                self._chosen += 1
                self._region = None
                self._framing.reset()

    def _keep(self, t_s: float, watched: _Watched, now: Mapping[int, Box]) -> None:
        sudden = watched.seen_s == self._before_s and all(self._faces[track].first_s == t_s for track in now)
        if watched.track not in now:
            heir = self._heir(t_s, watched, now, sudden=sudden)
            if heir is None and now and sudden:
                # The masker saw a cut where the scene stayed alike: a new shot all the same.
                self._watched = None
                self._shot_s = t_s
            if heir is None:
                return
            watched.track = heir
        watched.box = now[watched.track]
        share = 1.0 - math.exp(-(t_s - watched.seen_s) / STEADY_S)
        watched.steady = blended(watched.steady, watched.box, share)
        watched.seen_s = t_s

    def _heir(self, t_s: float, watched: _Watched, now: Mapping[int, Box], *, sudden: bool) -> int | None:
        """The new track of the watched face: one that began where it was lost, of like size."""
        reach = min(HEIR_REACH + t_s - watched.seen_s, HEIR_FARTHEST) * side(watched.box)
        heirs = [
            (centre_distance(box, watched.box), track)
            for track, box in now.items()
            if self._faces[track].first_s > watched.seen_s
            and 1 / HEIR_RATIO <= area_ratio(box, watched.box) <= HEIR_RATIO
            and centre_distance(box, watched.box) <= reach
            and (not sudden or iou(box, watched.box) >= SAME_PLACE)
        ]
        return min(heirs)[1] if heirs else None

    def _choice(self, t_s: float, now: Mapping[int, Box], width_px: int) -> int | None:
        """The largest and most central face that has been there for a while; at once in a new shot without a doubt."""
        wait_s = self._rules.choose_after_s - ROUNDING_S
        ranked = sorted(((_weight(box, width_px), track) for track, box in now.items()), key=lambda each: -each[0])
        lasting = [track for _, track in ranked if t_s - self._faces[track].first_s >= wait_s]
        if lasting:
            return lasting[0]
        clear = len(ranked) == 1 or ranked[0][0] >= self._rules.larger * ranked[1][0]
        young = SETTLE_S - ROUNDING_S <= t_s - self._shot_s <= self._rules.choose_after_s
        return ranked[0][1] if clear and young else None

    def _rival(self, t_s: float, watched: _Watched, now: Mapping[int, Box]) -> int | None:
        """A face that has been so much larger for so long that it takes over."""
        found: list[tuple[float, int]] = []
        for track, box in now.items():
            face = self._faces[track]
            if track == watched.track or area_ratio(box, watched.steady) < self._rules.larger:
                face.larger_s = None
                continue
            face.larger_s = t_s if face.larger_s is None else face.larger_s
            if t_s - face.larger_s >= self._rules.larger_for_s - ROUNDING_S:
                found.append((box.area, track))
        return max(found)[1] if found else None

    def _view(self, frame: RawFrame, watched: _Watched, now: Mapping[int, Box] | None) -> View:
        picture = frame.picture
        # Who was there when the shot began counts at once, else every shot of several would be cropped belatedly.
        since_s = max(frame.t_s - self._rules.choose_after_s, self._shot_s + SETTLE_S) + ROUNDING_S
        others = [
            box
            for track, box in (now or {}).items()
            if track != watched.track and self._faces[track].first_s <= since_s
        ]
        size = (picture.width_px, picture.height_px)
        region = self._framing.region(frame.t_s, watched.steady, others, size)
        fresh = region != self._region
        self._region = region
        step = (self._grid.tick or 0) // self._pose_every
        pose = fresh or step != self._posed
        if pose:
            self._posed = step
        cut_out, scale = _scaled(picture, region, self._long_side_px)
        return View(
            t_s=frame.t_s,
            picture=cut_out,
            x0=region.x0,
            y0=region.y0,
            scale=scale,
            frame_width_px=picture.width_px,
            frame_height_px=picture.height_px,
            person=self._chosen,
            face=None if now is None else now.get(watched.track),
            pose=pose,
            fresh=fresh,
        )


class _Scene:
    """Tells cuts from flashes: both change the whole picture at once, a flash leaves what is in it."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None

    def changes(self, picture: Picture) -> bool:
        """Whether the picture shows another scene than the one before; False for the first."""
        # Every n-th sample is enough for so small a picture, and takes a fifth of the time at 720p.
        thinned = np.ascontiguousarray(picture.y[:: self._step(picture), :: self._step(picture)])
        thumbnail = np.asarray(cv2.resize(thinned, THUMBNAIL_PX, interpolation=cv2.INTER_AREA), np.float32)
        before, self._before = self._before, thumbnail
        if before is None or float(np.abs(thumbnail - before).mean()) * FULL_RANGE <= CUT_DIFFERENCE:
            return False
        a, b = thumbnail - thumbnail.mean(), before - before.mean()
        spread = float(np.linalg.norm(a) * np.linalg.norm(b))
        return spread == 0.0 or float((a * b).sum()) / spread < SAME_SCENE

    @staticmethod
    def _step(picture: Picture) -> int:
        return max(1, picture.width_px // THINNED_PX)


def _weight(box: Box, width_px: int) -> float:
    """How much a face asks to be watched: its area, less towards the sides."""
    off = min(1.0, abs((box.x0 + box.x1) / width_px - 1.0))
    return box.area * (1.0 - (1.0 - EDGE_WEIGHT) * off)


def _scaled(picture: Picture, region: Box, long_side_px: int) -> tuple[Picture, float]:
    """The region of a picture, its longer side at most `long_side_px`, and how many source pixels each one is."""
    x0, y0, x1, y1 = (int(edge) for edge in (region.x0, region.y0, region.x1, region.y1))
    size = fit_within(x1 - x0, y1 - y0, long_side_px)
    scale = max(x1 - x0, y1 - y0) / max(size)
    if (x1 - x0, y1 - y0) == (picture.width_px, picture.height_px) == size:
        return picture, scale
    half = (slice(y0 // 2, (y1 + 1) // 2), slice(x0 // 2, (x1 + 1) // 2))
    planes = (picture.y[y0:y1, x0:x1], picture.u[half], picture.v[half])
    chroma = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    luma, u, v = (_shrunk(plane, *target) for plane, target in zip(planes, (size, chroma, chroma), strict=True))
    return Picture(luma, u, v), scale


def _shrunk(plane: Plane, width_px: int, height_px: int) -> Plane:
    plane = np.ascontiguousarray(plane)
    if plane.shape[1] >= 2 * width_px:
        return resized_plane(plane, width_px, height_px)
    # Below half size nothing aliases, and areas of odd sizes take OpenCV ten times as long.
    return np.asarray(cv2.resize(plane, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.uint8)
