"""Shrugs (N30), a moved trunk (N19) and a raised head (N27), each against the person's own last seconds.

Landmarks cannot tell a moved trunk from a camera that pans; where the hips are seen, they help.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from buffers.records import Group
from configs.rules import PostureRules, Rules
from streams.nfbl.features.types import FaceSource, Features, Torso
from streams.nfbl.landmarks import Points, Side
from streams.nfbl.scorers.speech import UNHEARD_QUALITY, Speech
from streams.nfbl.scorers.touches import SIDES, Touches
from streams.nfbl.scorers.zones import fall, rise
from streams.nfbl.signals import Family, Sight, Signal

ENOUGH_PAST: Final = 0.5
"""Share of the past that must have been seen before anything is compared with it."""

LEAST_SEEN: Final = 5
"""Looks at the body that make a past: the median of fewer is noise."""

UPRIGHT: Final = 0.75
"""Quantile of the pitch that is the upright head's: people look down at notes and table for half of the time."""

PITCH_QUALITY: Final = 0.7
"""A pitch from the flat mesh is coarse."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The trunk at one time; heights and places in pixels. `face_px` is None where the face was not measured."""

    t_s: float
    left_y: float
    right_y: float
    nose_y: float
    middle: Points
    hips: Points | None
    shown_px: float
    face_px: float | None


class PostureScorer:
    """The rules of shoulders, trunk and head."""

    def __init__(self, rules: Rules, touches: Touches) -> None:
        """`touches` tells which hands are at the head."""
        self._rules = rules.posture
        self._touches = touches
        self._speech = Speech(rules.posture.after_speech_s)
        self._looks: deque[_Look] = deque()
        self._pitches: deque[tuple[float, float]] = deque()
        self._up_s: float | None = None
        self._raised_s: float | None = None
        self._of_body: tuple[Signal, ...] = ()

    def look(self, features: Features) -> Sight:
        """Body signals change when the body is looked at, and hold until then; the head's pitch is read each time."""
        heard = self._speech.hear(features)
        # A hand before the face bends the mesh.
        hidden = not all(self._touches.free(features, side) for side in SIDES)
        head_up = () if hidden else self._head_up(features)
        reason = _why_blind(features.torso, self._rules)
        if features.torso is None or reason is not None:
            self._forget_body()
            return Sight(signals=head_up, blind={Group.POSTURE: reason or "no body"})
        if features.torso.new:
            self._looks.append(_seen(features, features.torso))
            while self._looks[0].t_s < features.t_s - self._rules.past_s:
                self._looks.popleft()
            self._of_body = (*self._shrug(features.torso, heard), *self._torso(features.torso))
        return Sight(signals=self._of_body + head_up)

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
        self._speech.reset()
        self._touches.reset()
        self._pitches.clear()
        self._up_s = None
        self._forget_body()

    def _forget_body(self) -> None:
        self._looks.clear()
        self._raised_s, self._of_body = None, ()

    def _past_is_enough(self) -> bool:
        span_s = self._looks[-1].t_s - self._looks[0].t_s
        return len(self._looks) >= LEAST_SEEN and span_s >= ENOUGH_PAST * self._rules.past_s

    def _shrug(self, torso: Torso, heard: bool | None) -> tuple[Signal, ...]:
        rules, now = self._rules, self._looks[-1]
        if not self._past_is_enough():
            return ()
        ups = [
            float(np.median([getattr(look, name) for look in self._looks]) - getattr(now, name)) / torso.width_px
            for name in ("left_y", "right_y", "nose_y")
        ]
        up, head = (ups[0] + ups[1]) / 2, ups[2]
        raised = rise(up, 0.7 * rules.shrug_rise, 1.3 * rules.shrug_rise)
        if raised == 0.0:
            self._raised_s = None
            return ()
        if self._raised_s is None:
            self._raised_s = now.t_s
        if heard is False or now.t_s - self._raised_s > rules.shrug_longest_s:
            return ()
        # Both shoulders, and not because one side sinks. A body that rises takes the head along; one that leans
        # forward takes it down, while in a shrug it sinks a little.
        alike = rise(min(ups[:2]) / up, 0.4, 0.6)
        share = 0.25 if head > 0.0 else 0.5
        stays = fall(abs(head), share * up, share * up + 2.0 * rules.noise)
        shown = float(np.median([look.shown_px for look in self._looks]))
        leans = fall(abs(now.shown_px / max(shown, 1e-6) - 1.0), 0.5 * rules.scale_change, rules.scale_change)
        activation = raised * alike * stays * leans
        if activation == 0.0:
            return ()
        quality = min(torso.left.shoulder_visible, torso.right.shoulder_visible)
        quality *= UNHEARD_QUALITY if heard is None else 1.0
        return (Signal(Group.POSTURE, Family.SHRUG, Side.BOTH, activation, (("N30", 1.0),), quality),)

    def _torso(self, torso: Torso) -> tuple[Signal, ...]:
        rules = self._rules
        until_s = self._looks[-1].t_s - rules.torso_within_s - 1e-6
        recent = list(self._looks)
        # One look more on either side: a middle of three, so that a body found elsewhere in one look is no movement.
        first = next(place for place, look in enumerate(recent) if look.t_s >= until_s)
        recent = recent[max(0, first - 2) :]
        if len(recent) < LEAST_SEEN:
            return ()
        shift = _shift(recent, rules.scale_change) / torso.width_px
        activation = rise(shift, 0.8 * rules.torso_shift, 1.2 * rules.torso_shift)
        if activation == 0.0:
            return ()
        quality = min(torso.left.shoulder_visible, torso.right.shoulder_visible)
        return (Signal(Group.POSTURE, Family.TORSO, Side.NONE, activation, (("N19", 1.0),), quality),)

    def _head_up(self, features: Features) -> tuple[Signal, ...]:
        rules, pitch = self._rules, features.pitch_deg
        if pitch is None:
            return ()
        self._pitches.append((features.t_s, pitch))
        while self._pitches[0][0] < features.t_s - rules.usual_s:
            self._pitches.popleft()
        if features.t_s - self._pitches[0][0] < rules.usual_after_s:
            return ()
        up = pitch - float(np.quantile([value for _, value in self._pitches], UPRIGHT))
        activation = rise(up, 0.8 * rules.head_up_deg, 1.2 * rules.head_up_deg)
        if activation == 0.0:
            self._up_s = None
            return ()
        self._up_s = features.t_s if self._up_s is None else self._up_s
        if features.t_s - self._up_s > rules.head_up_longest_s:
            return ()
        return (Signal(Group.POSTURE, Family.HEAD_UP, Side.NONE, activation, (("N27", 1.0),), PITCH_QUALITY),)


def _shift(looks: Sequence[_Look], scale_change: float) -> float:
    """Way of the shoulders' middle from the first to the last look in pixels, less that of the hips where seen.

    0 where the size changed meanwhile: who comes nearer or is zoomed at moves in the picture without moving the trunk.
    """
    faces = [look.face_px for look in looks if look.face_px is not None]
    shoulders = [look.shown_px for look in looks]
    # Shoulders look narrower when the trunk turns, and a turn is a movement: by 36 degrees they lose 0.2.
    if _changes(faces, scale_change) or _changes(shoulders, 2.0 * scale_change):
        return 0.0
    places = np.array([look.middle for look in looks], np.float64)
    hips = [look.hips for look in looks if look.hips is not None]
    if len(hips) == len(looks):
        # Hips that come along are a walk or a pan of the camera.
        places -= np.array(hips, np.float64)
    return float(np.hypot(*(np.median(places[-3:], axis=0) - np.median(places[:3], axis=0))))


def _changes(sizes: Sequence[float], share: float) -> bool:
    return bool(sizes) and max(sizes) > (1.0 + share) * min(sizes)


def _seen(features: Features, torso: Torso) -> _Look:
    left, right = torso.hips
    return _Look(
        t_s=features.t_s,
        left_y=float(torso.left.shoulder[1]),
        right_y=float(torso.right.shoulder[1]),
        nose_y=float(torso.nose[1]),
        middle=torso.middle,
        hips=None if left is None or right is None else np.asarray((left + right) / 2, np.float32),
        shown_px=float(np.hypot(*(torso.left.shoulder - torso.right.shoulder))),
        face_px=features.face.height_px if features.face and features.face.source is FaceSource.MESH else None,
    )


def _why_blind(torso: Torso | None, rules: PostureRules) -> str | None:
    if torso is None:
        return "no body"
    visible = min(torso.left.shoulder_visible, torso.right.shoulder_visible)
    return "shoulders out of view" if visible < rules.visible else None
