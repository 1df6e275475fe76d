"""What to mask in each frame, once it is known what came before and after it. Pure: no pixels, threads or clocks.

The promise (tested with random failures): every frame that is not masked whole
(a) lies in a run of fewer than `stale_frames` unanswered frames, in a shot that was answered for before, and
(b) covers every box that continued or started a track in it, and in frames without such a box the track's last box
before it, for `hold_s`, and its first box after it in the same shot, for `lookback_s`, as far as that was seen
before the frame's release (small faces beside a larger one: a third of both; doubtful ones: two fifteenths; over a
cut: `OVER_CUT_S`).
What no detector scores `start_score`, and does not last either, is not promised: the residual risk of the policy.
"""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from buffers.records import Box, MaskOrigin, MaskState
from configs.settings import FaceSettings
from streams.deidentify.boxes import blended, grown, moved, overlap, resized, union
from streams.deidentify.detectors.base import Detection
from streams.deidentify.tracks import FRAME_S, SIZE_WINDOW_S, TRAVEL_S, Track, Tracker

JITTER_S = 0.3 * FRAME_S
"""Slack on spans of time (s): at 29.97 fps the fifteenth frame is 0.5005 s away and must still be held."""

LARGE_FACE = 0.12
"""Share of the picture's width from which a face is held in full and its size steadied (policy A2)."""

SMALL_SHARE = 1 / 3
"""Share of hold and look-back for smaller faces (5 of 15 frames): a crowd held in full masks half the picture."""

SMALL_LONGEST_S = 0.25
"""Longest hold and look-back for smaller faces (s), however far a file job looks both ways, for the same reason."""

OVER_CUT_S = 0.5
"""Longest hold that runs on over a cut (s): the new shot was looked at before any of it leaves. Only in case the cut
was none, as fast movement can look like one, a face is held as long as it is live."""

WEAK_SHARE = 2 / 15
"""Share of hold and look-back for tracks that are not strong (2 of 15 frames)."""

SURE_BOX = 0.6
"""Score from which a large face's box is believed as it is. Below, it says where a face is, not how large: it is
steadied by the boxes around it, and the mask covers its neighbours in time too (hard shot: 4 leaks without)."""

NEAR_S = 3.5 * FRAME_S
"""Within so much a hit is a neighbour in time (s): 3 frames and half a frame of jitter."""

LEAST_FACE_PX = 2.0
"""A box with a shorter side is masked as if it were so long: the chroma planes know no smaller one."""

GROWTH_PER_S = 0.01 / FRAME_S
"""How fast a mask without a detection grows, share of its sides (1/s): 1 % a frame (policy A2)."""

KEEP_INSIDE = 0.35
"""Share of a predicted box that is kept inside the picture on each axis: a face at the edge often comes back."""

EXPLAINED = 0.9
"""Share of an added box under the mask of a face found in the same frame from which it adds nothing."""

NEVER = float("-inf")
"""A time before all times."""


@dataclass(frozen=True, slots=True)
class FaceMask:
    """What to draw for one face: `track` keeps its number for the face's life; `box` in pixels, already dilated.

    `score` is that of the detection the box was taken or carried from.
    """

    track: int
    box: Box
    origin: MaskOrigin
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be shown of one frame. `masks` is empty for `CLEAR` and for `WHOLE_FRAME`."""

    state: MaskState
    masks: tuple[FaceMask, ...]


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face the detector found in a frame: the number of its track, its box in pixels of the frame, and score 0-1."""

    track: int
    box: Box
    score: float


@dataclass(slots=True)
class _Silence:
    """A run of frames without an answer, as long as it is known to be."""

    frames: int = 0


@dataclass(frozen=True, slots=True)
class _Moment:
    """One observed frame of the shot that began at `shot_s`.

    `asked_s` is the last time the detector answered in this shot, `NEVER` if it did not.
    """

    t_s: float
    shot_s: float
    asked_s: float
    silence: _Silence | None


class MaskPolicy:
    """Told of every frame in order, asked for every frame in order, as much later as the look-back demands."""

    def __init__(self, settings: FaceSettings, width_px: int, height_px: int) -> None:
        """Policy for pictures of that size, knowing of no face."""
        self._settings = settings
        self._width_px = width_px
        self._height_px = height_px
        numbers = itertools.count(1)
        self._tracker = Tracker(settings.start_score, settings.continue_score, settings.link_s, numbers)
        # Added boxes are followed for themselves: they can add masks, and cannot touch one of the first detector's.
        self._added = Tracker(0.0, 0.0, settings.link_s, numbers)
        self._moments: deque[_Moment] = deque()
        self._shot_s = NEVER
        self._asked_s = NEVER
        self._silence: _Silence | None = None
        self._newest: _Moment | None = None

    def reset(self, width_px: int, height_px: int) -> None:
        """Forget every face and frame: what comes next has nothing to do with what was, but numbers run on."""
        self._width_px = width_px
        self._height_px = height_px
        self._tracker.clear()
        self._added.clear()
        self._moments.clear()
        self._shot_s = NEVER
        self._asked_s = NEVER
        self._silence = None
        self._newest = None

    @property
    def faces(self) -> int:
        """Face tracks started so far."""
        return self._tracker.started + self._added.started

    @property
    def seen(self) -> tuple[SeenFace, ...] | None:
        """The faces found in the frame last observed, boxes as detected; None where nothing was answered for it."""
        newest = self._newest
        if newest is None or newest.silence is not None:
            return None
        last = ((track.id, track.hits[-1]) for track in itertools.chain(self._tracker.tracks, self._added.tracks))
        return tuple(SeenFace(number, hit.box, hit.score) for number, hit in last if hit.t_s == newest.t_s)

    def observe(
        self, t_s: float, answer: Sequence[Detection] | None, *, added: Sequence[Detection] = (), cut: bool = False
    ) -> None:
        """Take the detector's answer for the frame at `t_s` (None: there was none); `cut`: it starts a new shot.

        `added` are a second detector's faces, only such as are certain: each is followed and masked as one that
        scored `start_score`, and none takes a mask away or makes it smaller.
        """
        if cut:
            self._tracker.new_shot(t_s)
            self._added.new_shot(t_s)
            self._shot_s = t_s
            self._asked_s = NEVER
        if answer is None:
            self._silence = self._silence or _Silence()
            self._silence.frames += 1
        else:
            self._silence = None
            self._asked_s = t_s
            self._tracker.step(t_s, answer)
        self._added.step(t_s, [item for item in added if not self._explained(t_s, item.box)])
        self._newest = _Moment(t_s, self._shot_s, self._asked_s, self._silence)
        self._moments.append(self._newest)

    def decide(self) -> Decision:
        """What may be shown of the oldest frame not yet decided, by all that is known now (IndexError: no frame)."""
        moment = self._moments.popleft()
        needed_s = min(moment.t_s, moment.asked_s) - self._settings.hold_s - self._settings.link_s - SIZE_WINDOW_S
        self._tracker.forget(needed_s, moment.t_s)
        self._added.forget(needed_s, moment.t_s)
        if self._blind(moment):
            return Decision(MaskState.WHOLE_FRAME, ())
        tracks = itertools.chain(self._tracker.tracks, self._added.tracks)
        masks = [mask for track in tracks if (mask := self._mask(track, moment)) is not None]
        seen = any(mask.origin is MaskOrigin.DETECTED for mask in masks)
        return Decision(_state(seen=seen, sure=not masks and moment.silence is None), tuple(masks))

    def _explained(self, t_s: float, box: Box) -> bool:
        """Whether the first detector sees the face too: the mask of one of its hits at `t_s` covers the box."""
        hits = (track.hits[-1] for track in self._tracker.tracks if track.hits[-1].t_s == t_s)
        return any(overlap(self._dilated(hit.box), box) >= EXPLAINED * box.area for hit in hits)

    def _blind(self, moment: _Moment) -> bool:
        """Whether nobody knows what is in the frame: a long silence, or one at the start of a shot."""
        if moment.silence is None:
            return False
        return moment.asked_s == NEVER or moment.silence.frames >= self._settings.stale_frames

    def _mask(self, track: Track, moment: _Moment) -> FaceMask | None:
        """The track's mask at that moment: detected, between two detections, held, or looked back to."""
        hits, t_s = track.hits, moment.t_s
        place = bisect.bisect_right(hits, t_s, key=lambda hit: hit.t_s)
        if place == 0:
            # Counted from where the face was certain: the weak boxes before it are the way back, not a new beginning.
            early_s = track.sure_s - t_s
            known = t_s >= track.shot_s and early_s <= self._reach_s(track, self._settings.lookback_s)
            box = self._carried(track, 0, t_s - hits[0].t_s)
            return self._of(track, 0, box, MaskOrigin.LOOK_BACK) if known else None
        before = place - 1
        if hits[before].t_s == t_s:
            return self._of(track, before, self._detected(track, before), MaskOrigin.DETECTED)
        if place < len(hits):
            return self._of(track, before, self._between(track, before, t_s), MaskOrigin.BRIDGED)
        # While the detector is silent nothing has denied the face: its hold is counted to the last answer.
        hold_s = self._settings.hold_s
        if track.shot_s != moment.shot_s:
            hold_s = min(hold_s, OVER_CUT_S)
        held = moment.asked_s - hits[before].t_s <= self._reach_s(track, hold_s)
        box = self._carried(track, before, t_s - hits[before].t_s)
        return self._of(track, before, box, MaskOrigin.HELD) if held else None

    def _of(self, track: Track, place: int, box: Box, origin: MaskOrigin) -> FaceMask:
        return FaceMask(track.id, self._dilated(box), origin, track.hits[place].score)

    def _reach_s(self, track: Track, full_s: float) -> float:
        if not track.strong:
            full_s *= WEAK_SHARE
        elif not (self._large(track) or self._foremost(track)):
            full_s = min(full_s * SMALL_SHARE, SMALL_LONGEST_S)
        return full_s + JITTER_S

    def _foremost(self, track: Track) -> bool:
        """Whether the shot has no larger face, as far as is known: the one person of a wide shot is no crowd."""
        others = (other for other in self._tracker.tracks if other.strong and other.shot_s == track.shot_s)
        return all(other.widest_px <= track.widest_px for other in others)

    def _large(self, track: Track) -> bool:
        return track.widest_px >= LARGE_FACE * self._width_px

    def _vague(self, track: Track, place: int) -> bool:
        """Whether the box of that hit says where a face is, but not how large."""
        return self._large(track) and track.hits[place].score < SURE_BOX

    def _steadied(self, track: Track, place: int) -> Box:
        return track.steadied(place) if self._vague(track, place) else track.hits[place].box

    def _detected(self, track: Track, place: int) -> Box:
        box = self._steadied(track, place)
        if not self._vague(track, place):
            return box
        hits = track.hits
        beside = (other for other in (place - 1, place + 1) if 0 <= other < len(hits))
        near = [other for other in beside if abs(hits[other].t_s - hits[place].t_s) <= NEAR_S]
        return union((box, *(self._steadied(track, other) for other in near)))

    def _between(self, track: Track, before: int, t_s: float) -> Box:
        """A frame in a gap: interpolated, grown, and both ends of the gap, for who knows the way it went."""
        start, end = track.hits[before].t_s, track.hits[before + 1].t_s
        a, b = self._steadied(track, before), self._steadied(track, before + 1)
        way = blended(a, b, (t_s - start) / (end - start))
        return union((a, b, grown(way, GROWTH_PER_S * min(t_s - start, end - t_s))))

    def _carried(self, track: Track, place: int, elapsed_s: float) -> Box:
        """An end of the track carried on for `elapsed_s` (negative: before its first hit), growing."""
        box = self._steadied(track, place)
        vx, vy = track.speed(place, -1 if elapsed_s > 0 else 1)
        travel_s = max(-TRAVEL_S, min(TRAVEL_S, elapsed_s))
        ahead = self._kept_inside(moved(box, vx * travel_s, vy * travel_s))
        return grown(union((box, ahead)), GROWTH_PER_S * abs(elapsed_s))

    def _kept_inside(self, box: Box) -> Box:
        dx = _back(box.x0, box.x1, self._width_px)
        dy = _back(box.y0, box.y1, self._height_px)
        return moved(box, dx, dy)

    def _dilated(self, box: Box) -> Box:
        """From the face to the head: hair, ears and chin link a person as well as a face does."""
        box = resized(box, max(box.width, LEAST_FACE_PX), max(box.height, LEAST_FACE_PX))
        side_px = self._settings.grow_side * box.width
        up_px, down_px = self._settings.grow_up * box.height, self._settings.grow_down * box.height
        return Box(box.x0 - side_px, box.y0 - up_px, box.x1 + side_px, box.y1 + down_px)


def _state(*, seen: bool, sure: bool) -> MaskState:
    if seen:
        return MaskState.MASKED
    # An unanswered frame without a mask is not clear: nobody looked, what was known before was carried over.
    return MaskState.CLEAR if sure else MaskState.HELD


def _back(low: float, high: float, size_px: int) -> float:
    """Shift that leaves `KEEP_INSIDE` of the span [low, high] inside [0, size_px]."""
    keep = KEEP_INSIDE * (high - low)
    if high < keep:
        return keep - high
    if low > size_px - keep:
        return size_px - keep - low
    return 0.0
