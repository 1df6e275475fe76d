"""The drill: detectors blinded at random over thousands of made sessions, and nothing they told of is left unmasked.

*Unmasked* is a frame that is not hidden as a whole and in which, for some face, one of these is not inside one mask:
the box reported in this very frame; or, where there is none, the box reported last before it, when that was within
the hold, and the one reported first after it in the same shot, when that was within the look-back. Or a frame that is
not hidden as a whole though nobody looked at it: in a shot never answered for, or in a silence of `stale_frames` or
more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from buffers.records import Box, MaskState
from configs.settings import FaceSettings
from streams.deidentify.boxes import moved, union
from streams.deidentify.detectors.base import Detection
from streams.deidentify.policy import LARGE_FACE, OVER_CUT_S, SMALL_LONGEST_S, SMALL_SHARE, Decision, MaskPolicy

pytestmark = pytest.mark.unit

WIDTH, HEIGHT = 640, 360
SESSIONS = 2500
SLACK_S = 1e-6
LIVE = FaceSettings()
OFFLINE = FaceSettings(lookback_s=1.0, hold_s=1.0, link_s=1.0)
Answer = list[Detection] | None


@dataclass(frozen=True, slots=True)
class Drill:
    """One made session: when frames are, where each face is, what was answered, which faces were told of, and cuts."""

    settings: FaceSettings
    rate_hz: float
    truth: list[list[Box]]
    answers: list[Answer]
    told: list[frozenset[int]]
    cuts: frozenset[int]

    def shot(self, place: int) -> int:
        return sum(cut <= place for cut in self.cuts)


def made(seed: int) -> Drill:
    """One to three faces apart from each other, moving; a detector that sees, misses, doubts or is silent."""
    rng = random.Random(seed)
    frames = rng.randint(5, 60)
    columns = rng.sample(range(3), rng.randint(1, 3))
    ways = []
    for column in columns:
        width, height = rng.uniform(20, 110), rng.uniform(24, 130)
        x, y = 60 + 210 * column, rng.uniform(20, 180)
        ways.append((Box(x, y, x + width, y + height), rng.uniform(-0.5, 0.5), rng.uniform(-2, 2)))
    truth = [[moved(box, dx * place, dy * place) for box, dx, dy in ways] for place in range(frames)]
    answers: list[Answer] = []
    told: list[frozenset[int]] = []
    while len(answers) < frames:
        event = rng.choice(["seen", "seen", "missed", "silent", "some", "doubts"])
        for _ in range(rng.randint(1, 12)):
            if len(answers) == frames:
                break
            boxes = truth[len(answers)]
            seen = {"seen": boxes, "some": boxes[:1]}.get(event, [])
            answer = [Detection(box, rng.uniform(0.5, 1.0)) for box in seen]
            if event == "doubts":
                answer = [Detection(box, rng.uniform(0.05, 0.14)) for box in boxes if rng.random() < 0.7]
            answers.append(None if event == "silent" else answer)
            told.append(frozenset(range(len(seen))))
    cuts = frozenset(place for place in range(1, frames) if rng.random() < 0.02)
    rate_hz = rng.choice([5.0, 15.0, 25.0, 29.97, 30.0, 60.0])
    return Drill(rng.choice([LIVE, OFFLINE]), rate_hz, truth, answers, told, cuts)


def decided(drill: Drill) -> list[Decision]:
    policy = MaskPolicy(drill.settings, WIDTH, HEIGHT)
    decisions: list[Decision] = []
    for place, answer in enumerate(drill.answers):
        policy.observe(place / drill.rate_hz, answer, cut=place in drill.cuts)
        while (place - len(decisions)) / drill.rate_hz >= drill.settings.lookback_s - SLACK_S:
            decisions.append(policy.decide())
    return decisions + [policy.decide() for _ in range(len(drill.answers) - len(decisions))]


def faults(drill: Drill) -> list[str]:
    """Every unmasked frame of a session, in words."""
    found = []
    for place, decision in enumerate(decided(drill)):
        if decision.state is MaskState.WHOLE_FRAME:
            if drill.answers[place] is not None:
                found.append(f"{place}: hidden though looked at")
            continue
        if not _answered(drill, place):
            found.append(f"{place}: shown though nobody looked")
        for face in range(len(drill.truth[place])):
            found += [
                f"{place}: face {face} {kind}" for kind, box in _owed(drill, place, face) if not _in(decision, box)
            ]
    return found


def _answered(drill: Drill, place: int) -> bool:
    """Whether the shot was answered for by this frame, the silence around it being short."""
    shot = drill.shot(place)
    before = [p for p in range(place + 1) if drill.answers[p] is not None]
    first, last = place, place
    while first > 0 and drill.answers[first - 1] is None and drill.answers[place] is None:
        first -= 1
    while last + 1 < len(drill.answers) and drill.answers[last + 1] is None and drill.answers[place] is None:
        last += 1
    known = int(place + drill.settings.lookback_s * drill.rate_hz + SLACK_S)
    silence = min(last, known) - first + 1 if drill.answers[place] is None else 0
    return bool(before) and drill.shot(before[-1]) == shot and silence < drill.settings.stale_frames


def _owed(drill: Drill, place: int, face: int) -> list[tuple[str, Box]]:
    """The boxes of a face that the frame must cover."""
    times = [p for p, faces in enumerate(drill.told) if face in faces]
    box = drill.truth[place][face]
    large = box.width >= LARGE_FACE * WIDTH
    if place in times:
        return [("told of here", box)]
    owed = []
    before = max((p for p in times if p < place), default=None)
    after = min((p for p in times if p > place), default=None)
    if before is not None:
        hold_s = drill.settings.hold_s
        if drill.shot(before) != drill.shot(place):
            hold_s = min(hold_s, OVER_CUT_S)
        if (place - before) / drill.rate_hz <= _reach_s(hold_s, large=large) + SLACK_S:
            owed.append(("held", drill.truth[before][face]))
    if after is not None and drill.shot(after) == drill.shot(place):
        back_s = _reach_s(drill.settings.lookback_s, large=large)
        if (after - place) / drill.rate_hz <= back_s + SLACK_S:
            owed.append(("looked back to", drill.truth[after][face]))
    return owed


def _reach_s(full_s: float, *, large: bool) -> float:
    return full_s if large else min(full_s * SMALL_SHARE, SMALL_LONGEST_S)


def _in(decision: Decision, box: Box) -> bool:
    # A thousandth of a pixel for the rounding of sums; masks are 12 % and more larger than the face.
    inner = Box(box.x0 + 1e-3, box.y0 + 1e-3, box.x1 - 1e-3, box.y1 - 1e-3)
    return any(union((mask.box, inner)) == mask.box for mask in decision.masks)


@pytest.mark.parametrize("batch", range(10))
def test_in_thousands_of_random_failures_no_frame_goes_out_unmasked(batch: int) -> None:
    share = SESSIONS // 10
    for seed in range(batch * share, (batch + 1) * share):
        assert faults(made(seed)) == [], f"seed {seed}"


def test_the_drill_would_notice_a_policy_that_forgets() -> None:
    """Without hold and look-back the same sessions are full of faults: the drill is no formality."""
    noticed = 0
    for seed in range(50):
        drill = made(seed)
        careless = Drill(
            drill.settings.model_copy(update={"hold_s": 0.0, "lookback_s": 0.0, "link_s": 0.0}),
            drill.rate_hz,
            drill.truth,
            drill.answers,
            drill.told,
            drill.cuts,
        )
        decisions = decided(careless)
        noticed += any(
            decision.state is not MaskState.WHOLE_FRAME and not _in(decision, box)
            for place, decision in enumerate(decisions)
            for face in range(len(drill.truth[place]))
            for _, box in _owed(drill, place, face)
        )
    assert noticed > 25
