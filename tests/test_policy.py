"""The mask policy on tables of synthetic faces, and its promise under random failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Box, MaskState
from configs.settings import FaceSettings
from streams.deidentify.boxes import moved, overlap, union
from streams.deidentify.detectors.base import Detection
from streams.deidentify.policy import EXPLAINED, OVER_CUT_S, Decision, MaskPolicy

pytestmark = pytest.mark.unit

WIDTH, HEIGHT = 640, 360
FACE = Box(200, 100, 320, 240)
SMALL = Box(400, 100, 440, 150)
OFFLINE = FaceSettings(lookback_s=1.0, hold_s=1.0, link_s=1.0)
CLEAR, MASKED, HELD, WHOLE = MaskState.CLEAR, MaskState.MASKED, MaskState.HELD, MaskState.WHOLE_FRAME

Answer = list[Detection] | None
NOTHING: Answer = []


def seen(box: Box = FACE, score: float = 0.9) -> Answer:
    return [Detection(box, score)]


def beside_a_large_one() -> Answer:
    return [Detection(FACE, 0.9), Detection(SMALL, 0.9)]


def decide(
    answers: list[Answer],
    *,
    cuts: tuple[int, ...] = (),
    rate_hz: float = 30.0,
    settings: FaceSettings | None = None,
    added: dict[int, list[Detection]] | None = None,
) -> list[Decision]:
    """Every frame's decision, each as late as the look-back demands and no later."""
    settings = settings or FaceSettings()
    policy = MaskPolicy(settings, WIDTH, HEIGHT)
    decisions: list[Decision] = []
    for place, answer in enumerate(answers):
        policy.observe(place / rate_hz, answer, added=(added or {}).get(place, ()), cut=place in cuts)
        while (place - len(decisions)) / rate_hz >= settings.lookback_s - 1e-6:
            decisions.append(policy.decide())
    while len(decisions) < len(answers):
        decisions.append(policy.decide())
    return decisions


def states(decisions: list[Decision]) -> list[MaskState]:
    return [decision.state for decision in decisions]


def covers(decision: Decision, box: Box) -> bool:
    """Whether one mask, or the whole-frame mask, contains the box."""
    if decision.state is WHOLE:
        return True
    return any(union((mask.box, box)) == mask.box for mask in decision.masks)


def mostly_covers(decision: Decision, box: Box) -> bool:
    """Whether one mask contains as much of the box as makes a second mask of it superfluous."""
    return any(overlap(mask.box, box) >= EXPLAINED * box.area - 1e-6 for mask in decision.masks)


def test_an_empty_room_is_clear() -> None:
    assert states(decide([NOTHING] * 30)) == [CLEAR] * 30


def test_a_mask_reaches_from_hair_to_chin_and_over_both_ears() -> None:
    (decision,) = decide([seen()])
    (mask,) = decision.masks
    settings = FaceSettings()
    assert mask.box.x0 == FACE.x0 - settings.grow_side * FACE.width
    assert mask.box.x1 == FACE.x1 + settings.grow_side * FACE.width
    assert mask.box.y0 == FACE.y0 - settings.grow_up * FACE.height
    assert mask.box.y1 == FACE.y1 + settings.grow_down * FACE.height


def test_a_face_found_late_masks_the_frames_before_it() -> None:
    decisions = decide([NOTHING] * 20 + [seen()] * 3)
    assert states(decisions) == [CLEAR] * 5 + [HELD] * 15 + [MASKED] * 3
    assert all(covers(decision, FACE) for decision in decisions[5:])


def test_a_lost_face_stays_masked_for_fifteen_frames_and_grows() -> None:
    decisions = decide([seen()] + [NOTHING] * 20)
    assert states(decisions) == [MASKED] + [HELD] * 15 + [CLEAR] * 5
    areas = [decision.masks[0].box.area for decision in decisions[:16]]
    assert areas == sorted(areas)
    assert areas[15] > 1.3 * areas[0]


@pytest.mark.parametrize("rate_hz", [29.97, 30.0, 60.0, 25.0, 10.0])
def test_hold_and_look_back_are_half_a_second_at_any_rate(rate_hz: float) -> None:
    frames = int(0.5 * rate_hz + 0.1)
    decisions = decide([NOTHING] * 40 + [seen()] + [NOTHING] * 40, rate_hz=rate_hz)
    assert states(decisions) == [CLEAR] * (40 - frames) + [HELD] * frames + [MASKED] + [HELD] * frames + [CLEAR] * (
        40 - frames
    )


def test_a_small_face_beside_a_larger_one_is_held_for_a_third_of_the_time() -> None:
    decisions = decide([seen()] * 20 + [beside_a_large_one()] + [seen()] * 20)
    assert [covers(decision, SMALL) for decision in decisions] == [False] * 15 + [True] * 11 + [False] * 15


def test_the_largest_face_of_a_wide_shot_is_held_in_full() -> None:
    decisions = decide([NOTHING] * 20 + [seen(SMALL)] + [NOTHING] * 20)
    assert states(decisions) == [CLEAR] * 5 + [HELD] * 15 + [MASKED] + [HELD] * 15 + [CLEAR] * 5


def test_a_larger_face_of_the_next_shot_takes_nothing_from_the_largest_of_this_one() -> None:
    decisions = decide([seen(SMALL)] + [NOTHING] * 12 + [seen()] * 10, cuts=(13,))
    assert all(covers(decision, SMALL) for decision in decisions[:13])


def test_a_doubtful_face_is_held_for_two_frames() -> None:
    settings = FaceSettings(start_score=0.3)
    decisions = decide([NOTHING] * 5 + [seen(score=0.35)] + [NOTHING] * 5, settings=settings)
    assert states(decisions) == [CLEAR] * 3 + [HELD] * 2 + [MASKED] + [HELD] * 2 + [CLEAR] * 3


def test_a_gap_in_a_track_covers_both_ends_and_the_way_between() -> None:
    target = moved(FACE, 80, 0)
    decisions = decide([seen()] + [NOTHING] * 15 + [seen(target, 0.3)])
    for place, decision in enumerate(decisions[1:16], 1):
        assert decision.state is HELD
        assert covers(decision, union((FACE, target)))
        assert covers(decision, moved(FACE, 80 * place / 16, 0))


def test_a_moving_face_is_masked_where_it_was_and_where_it_was_going() -> None:
    decisions = decide([seen(moved(FACE, 10 * place, 0)) for place in range(6)] + [NOTHING] * 6)
    for place in range(6, 10):
        assert covers(decisions[place], moved(FACE, 50, 0))
        assert covers(decisions[place], moved(FACE, 10 * place, 0))


def test_a_face_that_leaves_is_kept_in_part_at_the_edge() -> None:
    leaving = [seen(moved(FACE, 300 + 30 * place, 0)) for place in range(4)]
    decisions = decide(leaving + [NOTHING] * 8)
    assert all(any(mask.box.x0 < WIDTH - 20 for mask in decision.masks) for decision in decisions)


def test_few_unanswered_frames_are_held() -> None:
    decisions = decide([seen()] + [None] * 4 + [seen()])
    assert states(decisions) == [MASKED] + [HELD] * 4 + [MASKED]


def test_a_stale_detector_hides_whole_frames_from_the_first_unanswered_one() -> None:
    decisions = decide([seen()] + [None] * 5 + [seen()])
    assert states(decisions) == [MASKED] + [WHOLE] * 5 + [MASKED]
    assert all(decision.masks == () for decision in decisions[1:6])


def test_without_look_back_a_silence_hides_the_frame_at_which_it_becomes_stale() -> None:
    decisions = decide([seen()] + [None] * 7, settings=FaceSettings(lookback_s=0.0))
    assert states(decisions) == [MASKED] + [HELD] * 4 + [WHOLE] * 3


def test_nothing_is_shown_before_the_first_answer() -> None:
    assert states(decide([None, None, NOTHING, NOTHING])) == [WHOLE, WHOLE, CLEAR, CLEAR]


def test_an_unanswered_frame_without_a_known_face_is_not_called_clear() -> None:
    assert states(decide([NOTHING, None, NOTHING])) == [CLEAR, HELD, CLEAR]


def test_at_low_rates_silence_does_not_use_up_the_hold() -> None:
    decisions = decide([seen(SMALL)] + [None] * 4 + [seen(SMALL)], rate_hz=5.0)
    assert all(covers(decision, SMALL) for decision in decisions)


def test_look_back_stops_at_a_cut() -> None:
    decisions = decide([NOTHING] * 10 + [seen()] * 5, cuts=(10,))
    assert states(decisions) == [CLEAR] * 10 + [MASKED] * 5


def test_a_hold_runs_on_over_a_cut() -> None:
    decisions = decide([seen()] * 5 + [NOTHING] * 20, cuts=(5,))
    assert states(decisions) == [MASKED] * 5 + [HELD] * 15 + [CLEAR] * 5


def test_a_new_shot_shows_nothing_before_it_was_looked_at() -> None:
    decisions = decide([seen()] * 5 + [None] * 2 + [seen()] * 3, cuts=(5,))
    assert states(decisions) == [MASKED] * 5 + [WHOLE] * 2 + [MASKED] * 3


def test_a_file_job_holds_large_faces_for_a_second_and_small_ones_for_a_quarter() -> None:
    large = decide([NOTHING] * 40 + [seen()] + [NOTHING] * 40, settings=OFFLINE)
    assert states(large) == [CLEAR] * 10 + [HELD] * 30 + [MASKED] + [HELD] * 30 + [CLEAR] * 10
    small = decide([seen()] * 40 + [beside_a_large_one()] + [seen()] * 40, settings=OFFLINE)
    assert [covers(decision, SMALL) for decision in small] == [False] * 33 + [True] * 15 + [False] * 33


def test_one_weak_blob_does_not_mask_the_picture_for_a_second() -> None:
    settings = OFFLINE.model_copy(update={"start_score": 0.3})
    decisions = decide([NOTHING] * 40 + [seen(score=0.35)] + [NOTHING] * 40, settings=settings)
    assert sum(decision.state is not CLEAR for decision in decisions) == 1 + 2 * 4


def test_a_hold_over_a_cut_is_no_longer_in_a_file_job_than_live() -> None:
    decisions = decide([seen()] * 5 + [NOTHING] * 40, cuts=(5,), settings=OFFLINE)
    assert states(decisions) == [MASKED] * 5 + [HELD] * round(OVER_CUT_S * 30) + [CLEAR] * 25


def test_weak_signs_of_a_face_lead_the_look_back_along_its_way() -> None:
    coming = [moved(FACE, 8 * place - 120, 0) for place in range(16)]
    decisions = decide([NOTHING, *(seen(box, 0.2) for box in coming[:-1]), seen(coming[-1])])
    assert states(decisions) == [CLEAR] + [MASKED] * 16
    assert all(covers(decision, box) for decision, box in zip(decisions[1:], coming, strict=True))


def test_the_look_back_is_counted_from_the_first_sure_box_not_from_the_first_sign() -> None:
    decisions = decide([NOTHING] * 20 + [seen(score=0.2)] * 5 + [seen()])
    assert states(decisions) == [CLEAR] * 10 + [HELD] * 10 + [MASKED] * 6


def test_signs_that_lead_to_no_face_mask_nothing() -> None:
    assert states(decide([seen(score=0.3)] * 60)) == [CLEAR] * 60


def test_a_face_that_no_box_is_sure_of_is_masked_when_it_lasts() -> None:
    decisions = decide([seen(score=0.4)] * 20 + [NOTHING] * 20)
    assert states(decisions)[:20] == [MASKED] * 20


def test_a_vague_box_of_a_large_face_is_masked_with_its_neighbours() -> None:
    around = [moved(FACE, -12, 0), moved(FACE, 12, 0)]
    decisions = decide([seen(around[0]), seen(score=0.5), seen(around[1])])
    assert covers(decisions[1], union(around))
    sure = decide([seen(around[0]), seen(score=0.7), seen(around[1])])
    assert sure[1].masks[0].box.width < decisions[1].masks[0].box.width


def test_a_box_without_a_size_is_masked_all_the_same() -> None:
    (decision,) = decide([seen(Box(100, 100, 100, 100))])
    assert decision.masks[0].box.width >= 2
    assert decision.masks[0].box.height >= 2


def test_an_added_box_is_masked_held_and_looked_back_to() -> None:
    decisions = decide([NOTHING] * 41, added={20: [Detection(FACE, 0.9)]})
    assert states(decisions) == [CLEAR] * 5 + [HELD] * 15 + [MASKED] + [HELD] * 15 + [CLEAR] * 5


def test_an_added_box_on_a_face_that_is_masked_adds_nothing() -> None:
    plain = decide([seen()] * 5)
    inner = Box(FACE.x0 + 5, FACE.y0 + 5, FACE.x1 - 5, FACE.y1 - 5)
    assert decide([seen()] * 5, added={2: [Detection(inner, 0.9)]}) == plain


def test_added_boxes_do_not_stand_in_for_a_silent_detector() -> None:
    silent = decide([seen()] + [None] * 6, added={3: [Detection(FACE, 0.9)]})
    assert states(silent) == [MASKED] + [WHOLE] * 6


def test_after_a_reset_nothing_is_held() -> None:
    policy = MaskPolicy(FaceSettings(), WIDTH, HEIGHT)
    policy.observe(0.0, seen())
    policy.decide()
    policy.reset(WIDTH, HEIGHT)
    policy.observe(0.1, NOTHING)
    assert policy.decide() == Decision(CLEAR, ())
    policy.observe(0.2, seen())
    assert policy.decide().masks[0].track == 2
    assert policy.faces == 2


def test_memory_does_not_grow_with_the_session() -> None:
    policy = MaskPolicy(FaceSettings(), WIDTH, HEIGHT)
    for place in range(600):
        policy.observe(place / 30, [Detection(FACE, 0.9), Detection(moved(SMALL, place % 150, 0), 0.6)])
        if place >= 15:
            policy.decide()
    assert sum(len(track.hits) for track in policy._tracker.tracks) < 200


SILENT, MISSED = "silent", "missed"


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[Box], list[str], float]:
    """A face on a straight way, what the detector does in each frame (in bursts), and the frame rate."""
    bursts = draw(
        st.lists(st.tuples(st.sampled_from(["seen", SILENT, MISSED]), st.integers(1, 12)), min_size=1, max_size=12)
    )
    events = [event for event, length in bursts for _ in range(length)]
    # At most 4 % of its size a frame: four frames of travel stay within the dilation, even before speed is known.
    dx, dy = draw(st.floats(-4, 4)), draw(st.floats(-2.5, 2.5))
    width, height = draw(st.floats(100, 200)), draw(st.floats(120, 220))
    truth = [moved(Box(220, 70, 220 + width, 70 + height), dx * place, dy * place) for place in range(len(events))]
    return truth, events, draw(st.sampled_from([15.0, 25.0, 29.97, 30.0, 60.0]))


@given(sessions())
def test_no_frame_is_released_with_a_detectable_face_uncovered(session: tuple[list[Box], list[str], float]) -> None:
    truth, events, rate_hz = session
    answers: list[Answer] = [
        None if event == SILENT else seen(box) if event == "seen" else []
        for box, event in zip(truth, events, strict=True)
    ]
    decisions = decide(answers, rate_hz=rate_hz)
    hits = [place for place, event in enumerate(events) if event == "seen"]
    answered = [place for place, event in enumerate(events) if event != SILENT]
    for place, decision in enumerate(decisions):
        if decision.state is WHOLE:
            assert events[place] == SILENT
            continue
        # (a) The detector answered lately, and not for the first time after this frame.
        assert any(place - 5 < other <= place for other in answered)
        # (b) What was reported is covered: here, last before within the hold, first after within the look-back.
        before = max((hit for hit in hits if hit <= place), default=None)
        after = min((hit for hit in hits if hit >= place), default=None)
        if before is not None and (place - before) / rate_hz <= 0.5 + 1e-6:
            assert covers(decision, truth[before])
        if after is not None and (after - place) / rate_hz <= 0.5 + 1e-6:
            assert covers(decision, truth[after])
        # (c) So is the face itself while the detector is silent, and between two sightings of one track.
        linked = before is not None and after is not None and (after - before) / rate_hz <= 0.5
        known = before is not None and all(event == SILENT for event in events[before + 1 : place + 1])
        if linked or known:
            assert covers(decision, _shrunk(truth[place]))


def _shrunk(box: Box) -> Box:
    # A thousandth of a pixel for the rounding of interpolation; masks are 12 % and more larger than the face.
    return Box(box.x0 + 1e-3, box.y0 + 1e-3, box.x1 - 1e-3, box.y1 - 1e-3)


boxes = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.floats(-40, 600),
    st.floats(-40, 320),
    st.floats(1, 250),
    st.floats(1, 250),
)
answers = st.lists(
    st.one_of(st.none(), st.lists(st.builds(Detection, boxes, st.floats(0.05, 1)), max_size=3)), min_size=1, max_size=30
)
evidence = st.dictionaries(st.integers(0, 29), st.lists(st.builds(Detection, boxes, st.floats(0.5, 1)), max_size=2))


@given(answers, evidence, st.sampled_from([FaceSettings(), OFFLINE]))
def test_added_boxes_take_no_mask_away_and_make_none_smaller(
    given_answers: list[Answer], added: dict[int, list[Detection]], settings: FaceSettings
) -> None:
    without, with_added = (
        decide(given_answers, settings=settings),
        decide(given_answers, settings=settings, added=added),
    )
    for place, (before, after) in enumerate(zip(without, with_added, strict=True)):
        assert (before.state is WHOLE) == (after.state is WHOLE)
        assert {mask.box for mask in before.masks} <= {mask.box for mask in after.masks}
        if after.state is not WHOLE:
            assert all(mostly_covers(after, item.box) for item in added.get(place, []))
