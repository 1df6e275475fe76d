"""Which detections are one face over time: association with hysteresis. Pure: values in, tracks out.

Every box begins a suspicion; it becomes a track when one of its boxes is sure, or when it lasts, and brings all of
its weak boxes along: a face is masked from the first sign of it. The numbers are measured policy A2, stated there in
frames at 30 fps and kept here in seconds, so that variable and low frame rates behave alike.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from buffers.records import Box
from streams.deidentify.boxes import (
    area_ratio,
    centre_distance,
    containment,
    iou,
    moved,
    resized,
    shifted_to_contain,
    side,
    touches,
    union,
)
from streams.deidentify.detectors.base import Detection

FRAME_S = 1 / 30
"""The frame in which the policy's numbers were measured (s)."""

TRAVEL_S = 4 * FRAME_S
"""Longest time for which a lost face is thought to keep its speed (s): heads turn back soon."""

SPEED_S = 5 * FRAME_S
"""Time over which speed is averaged (s): box jitter of a few pixels must not become travel."""

LEAST_BASE_S = 3 * FRAME_S
"""Shortest base on which a speed is judged (s): over a frame or two the jitter of boxes would become travel. On the
hard shot masks are 5 % of the picture smaller for it, and one face keeps one track."""

SIZE_WINDOW_S = 5.5 * FRAME_S
"""Hits within so much before and after steady a large face's size (s): 5 frames and half a frame of jitter.
A2's 10 frames at 0.8 mask 47 % of the hard shot, these 45.9 %; both without a leak, even with boxes grown by 12 px."""

SIZE_PERCENTILE = 0.7
"""Share of the window's boxes that are not larger: a face half out of sight is masked as when it was whole."""

SAME_IOU = 0.2
"""Overlap with the predicted box at which a detection continues a track."""

SAME_DISTANCE = 0.6
"""Or: centres closer than so many sizes, areas within `SAME_DISTANCE_RATIO` either way."""

SAME_DISTANCE_RATIO = 2.5
"""Ratio of areas allowed with `SAME_DISTANCE`."""

SAME_CONTAINMENT = 0.6
"""Or: so much of the smaller box in the larger, areas within `SAME_CONTAINMENT_RATIO` either way."""

SAME_CONTAINMENT_RATIO = 4.0
"""Ratio of areas allowed with `SAME_CONTAINMENT`."""

CLEARLY = 1.5
"""Ratio of overlaps from which a box fits another face better: less is jitter."""

WEAK_SCORE = 0.4
"""Below this a box smaller than the predicted one may move a mask but never shrink it (8 leaks without)."""

WEAK_AREA = 0.9
"""Share of the predicted area below which a weak box counts as smaller."""

STRONG_SCORE = 0.5
"""A track that once scored this is a face for certain and is held in full."""

STRONG_HITS = 5
"""So is one with so many hits."""

LASTING_SHARE = 0.7
"""Share of the score at which a track starts that a box of a lasting suspicion must have: with `LASTING_HITS`, 99 % of
the audience's faces are covered instead of 95 %, and not a pixel more of what shows no face."""

LASTING_HITS = 8
"""So many such boxes make a suspicion a track: a quarter of a second, less than the look-back waits."""

SUSPECT_MISSES = 2
"""Frames in a row in which a suspicion may go without a box."""

FADED_S = 17.5 * FRAME_S
"""Time without a hit (s) after which only a box that could start a track continues one: where a face was half a
second ago, a weak box says little of it. 16 missing frames and half a frame of jitter (policy A2)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A track's box at the time of one detection; never smaller than what was detected."""

    t_s: float
    box: Box
    score: float


@dataclass(slots=True)
class Track:
    """One face followed through one shot. `hits` are in order of time, recent ones only; the rest are of its life.

    `shot_s` is the time of the shot's first frame: nothing before it is the same scene. `sure_s` is the time at which
    it became a track, and `id` its number from then on; infinite and 0 as long as it is a suspicion.
    """

    shot_s: float
    start_score: float
    id: int = 0
    sure_s: float = math.inf
    hits: list[Hit] = field(default_factory=list)
    best_score: float = 0.0
    widest_px: float = 0.0
    count: int = 0
    lasting: int = 0
    missed: int = 0

    @property
    def strong(self) -> bool:
        """Whether this is a face for certain, by score or by persistence."""
        return self.best_score >= STRONG_SCORE or self.count >= STRONG_HITS

    def add(self, hit: Hit) -> None:
        """Append the newest hit; by it a suspicion may become a track."""
        self.hits.append(hit)
        self.best_score = max(self.best_score, hit.score)
        self.widest_px = max(self.widest_px, hit.box.width)
        self.count += 1
        self.lasting += hit.score >= LASTING_SHARE * self.start_score
        self.missed = 0
        if self.sure_s == math.inf and (hit.score >= self.start_score or self.lasting >= LASTING_HITS):
            self.sure_s = hit.t_s

    def speed(self, place: int, towards: int) -> tuple[float, float]:
        """Mean speed of the centre in px/s at `hits[place]`, judged from the hits in direction `towards` (-1 or 1).

        0 where the track has no second hit within `SPEED_S`; what happened within `LEAST_BASE_S` is thought to have
        taken that long.
        """
        here = there = self.hits[place]
        index = place + towards
        while 0 <= index < len(self.hits) and abs(self.hits[index].t_s - here.t_s) <= SPEED_S:
            there = self.hits[index]
            index += towards
        elapsed_s = here.t_s - there.t_s
        if elapsed_s == 0:
            return 0.0, 0.0
        elapsed_s = math.copysign(max(abs(elapsed_s), LEAST_BASE_S), elapsed_s)
        a, b = here.box, there.box
        return (a.x0 + a.x1 - b.x0 - b.x1) / 2 / elapsed_s, (a.y0 + a.y1 - b.y0 - b.y1) / 2 / elapsed_s

    def predicted(self, t_s: float) -> Box:
        """Where the face should be at `t_s`, after the last hit: its box moved at its mean speed."""
        last = self.hits[-1]
        travel_s = min(t_s - last.t_s, TRAVEL_S)
        vx, vy = self.speed(len(self.hits) - 1, -1)
        return moved(last.box, vx * travel_s, vy * travel_s)

    def steadied(self, place: int) -> Box:
        """The box of `hits[place]`, widened to the usual size of the hits around it, never smaller than it is."""
        hit = self.hits[place]
        near = self.hits[
            bisect.bisect_left(self.hits, hit.t_s - SIZE_WINDOW_S, key=_time) : bisect.bisect_right(
                self.hits, hit.t_s + SIZE_WINDOW_S, key=_time
            )
        ]
        width = _percentile([each.box.width for each in near])
        height = _percentile([each.box.height for each in near])
        return resized(hit.box, max(width, hit.box.width), max(height, hit.box.height))


class Tracker:
    """Follows faces from frame to frame: a strong box starts a track, a weak one continues it.

    `tracks` are faces; what has not yet shown itself to be one is followed out of sight.
    """

    def __init__(
        self, start_score: float, continue_score: float, link_s: float, numbers: Iterator[int] | None = None
    ) -> None:
        """No tracks yet; scores and longest time between two hits as in `FaceSettings`.

        `numbers` are the tracks' ids, for trackers that share one numbering.
        """
        self.tracks: list[Track] = []
        self.started = 0
        self._suspects: list[Track] = []
        self._start_score = start_score
        self._continue_score = continue_score
        self._link_s = link_s
        self._numbers = numbers or itertools.count(1)
        self._shot_s = float("-inf")

    def new_shot(self, t_s: float) -> None:
        """A cut before the frame at `t_s`: no track continues, what is there stays only to be held."""
        self._shot_s = t_s
        self._suspects = []

    def clear(self) -> None:
        """Forget every track and shot; the numbering runs on, so that no two faces ever share a number."""
        self.tracks = []
        self._suspects = []
        self._shot_s = float("-inf")

    def step(self, t_s: float, detections: Iterable[Detection]) -> None:
        """Take the detector's answer for the frame at `t_s`, later than every one before."""
        left = [item for item in detections if item.score >= self._continue_score]
        # The strongest track chooses first, and a suspicion last, so that a ghost cannot take a face's box away.
        faces = _strongest_first(self._open(t_s))
        tracks = (*faces, *_strongest_first(self._suspects))
        predictions = [track.predicted(t_s) for track in tracks]
        for place, (track, predicted) in enumerate(zip(tracks, predictions, strict=True)):
            track.missed += 1
            least = self._start_score if t_s - track.hits[-1].t_s > FADED_S else self._continue_score
            rivals = predictions[place + 1 : len(faces)]
            found = _best_match(predicted, [item for item in left if item.score >= least], rivals)
            if found is not None:
                left.remove(found)
                track.add(Hit(t_s, _unshrunk(predicted, found), found.score))
        for item in left:
            track = Track(self._shot_s, self._start_score)
            track.add(Hit(t_s, item.box, item.score))
            self._suspects.append(track)
        self._promote()

    def forget(self, before_s: float, oldest_s: float) -> None:
        """Drop tracks last hit before `before_s` and hits no frame from `oldest_s` on needs."""
        self.tracks = [track for track in self.tracks if track.hits[-1].t_s >= before_s]
        for track in self.tracks:
            while len(track.hits) > 1 and track.hits[1].t_s < min(before_s, oldest_s - self._link_s):
                del track.hits[0]

    def _promote(self) -> None:
        for track in self._suspects:
            if track.sure_s < math.inf:
                self.started += 1
                track.id = next(self._numbers)
                self.tracks.append(track)
        self._suspects = [each for each in self._suspects if each.sure_s == math.inf and each.missed <= SUSPECT_MISSES]

    def _open(self, t_s: float) -> list[Track]:
        linked = (each for each in self.tracks if t_s - each.hits[-1].t_s <= self._link_s)
        return [each for each in linked if each.shot_s == self._shot_s]


def _strongest_first(tracks: Iterable[Track]) -> list[Track]:
    return sorted(tracks, key=lambda each: -each.best_score)


def _same(predicted: Box, box: Box) -> bool:
    if iou(predicted, box) >= SAME_IOU:
        return True
    ratio = area_ratio(box, predicted)
    if 1 / SAME_DISTANCE_RATIO <= ratio <= SAME_DISTANCE_RATIO and (
        centre_distance(predicted, box) < SAME_DISTANCE * side(predicted)
    ):
        return True
    near = 1 / SAME_CONTAINMENT_RATIO <= ratio <= SAME_CONTAINMENT_RATIO
    return near and containment(predicted, box) >= SAME_CONTAINMENT


def _best_match(predicted: Box, detections: Iterable[Detection], rivals: Sequence[Box]) -> Detection | None:
    """The detection that continues a track, unless it fits a face that has yet to choose clearly better.

    Else, of two faces that cross, the stronger would take the other's box in the frame in which its own is missed.
    """
    around = _surroundings(predicted)
    matches = [item for item in detections if touches(around, item.box) and _same(predicted, item.box)]
    if rivals:
        matches = [item for item in matches if _fit(predicted, item) * CLEARLY >= _fit_of_best(rivals, item)]
    return max(matches, key=lambda item: iou(predicted, item.box) + item.score, default=None)


def _surroundings(predicted: Box) -> Box:
    """A box that everything touches that can be the same face: in a crowd nearly nothing does."""
    x, y, reach = (predicted.x0 + predicted.x1) / 2, (predicted.y0 + predicted.y1) / 2, SAME_DISTANCE * side(predicted)
    return union((predicted, Box(x - reach, y - reach, x + reach, y + reach)))


def _fit(predicted: Box, found: Detection) -> float:
    return max(SAME_IOU, iou(predicted, found.box))


def _fit_of_best(rivals: Sequence[Box], found: Detection) -> float:
    return max(iou(rival, found.box) for rival in rivals)


def _unshrunk(predicted: Box, found: Detection) -> Box:
    if found.score < WEAK_SCORE and found.box.area < WEAK_AREA * predicted.area:
        return shifted_to_contain(predicted, found.box)
    return found.box


def _time(hit: Hit) -> float:
    return hit.t_s


def _percentile(values: list[float]) -> float:
    # The lower rank: of one value that value, of eleven the seventh.
    ordered = sorted(values)
    return ordered[max(0, int(SIZE_PERCENTILE * len(ordered)) - 1)]
