"""Which detections are one face over time."""

from __future__ import annotations

import pytest

from buffers.records import Box
from streams.deidentify.boxes import moved, union
from streams.deidentify.detectors.base import Detection
from streams.deidentify.tracks import FRAME_S, LASTING_HITS, STRONG_HITS, SUSPECT_MISSES, Tracker

pytestmark = pytest.mark.unit

FACE = Box(100, 100, 200, 220)
LINK_S = 0.58


def follow(*answers: list[Detection], start: float = 0.5, step_s: float = FRAME_S, link_s: float = LINK_S) -> Tracker:
    tracker = Tracker(start, 0.15, link_s)
    for place, answer in enumerate(answers):
        tracker.step(place * step_s, answer)
    return tracker


def test_a_weak_box_starts_no_track() -> None:
    assert follow([Detection(FACE, 0.49)]).tracks == []


def test_a_weak_box_continues_a_track() -> None:
    (track,) = follow([Detection(FACE, 0.5)], [Detection(FACE, 0.15)]).tracks
    assert [hit.score for hit in track.hits] == [0.5, 0.15]


def test_a_box_below_the_lower_threshold_continues_nothing() -> None:
    (track,) = follow([Detection(FACE, 0.5)], [Detection(FACE, 0.14)]).tracks
    assert len(track.hits) == 1


def test_a_small_weak_box_moves_a_track_without_shrinking_it() -> None:
    part = Box(90, 120, 150, 180)
    (track,) = follow([Detection(FACE, 0.9)], [Detection(part, 0.2)]).tracks
    box = track.hits[-1].box
    assert (box.width, box.height) == (FACE.width, FACE.height)
    assert union((box, part)) == box
    assert box == moved(FACE, -10, 0)


def test_a_small_box_of_a_sure_detector_is_believed() -> None:
    closer = Box(110, 120, 190, 210)
    (track,) = follow([Detection(FACE, 0.9)], [Detection(closer, 0.6)]).tracks
    assert track.hits[-1].box == closer


def test_the_box_of_a_track_is_where_its_speed_would_bring_it() -> None:
    answers = [[Detection(moved(FACE, 6 * place, 0), 0.9)] for place in range(6)]
    (track,) = follow(*answers).tracks
    assert track.predicted(7 * FRAME_S).x0 == pytest.approx(FACE.x0 + 6 * 7)


def test_a_lost_face_travels_four_frames_at_most() -> None:
    answers = [[Detection(moved(FACE, 6 * place, 0), 0.9)] for place in range(6)]
    (track,) = follow(*answers).tracks
    assert track.predicted(15 * FRAME_S).x0 == pytest.approx(FACE.x0 + 6 * (5 + 4))


def test_a_fast_face_is_found_again_where_it_was_going() -> None:
    answers = [[Detection(moved(FACE, 40 * place, 0), 0.9)] for place in range(4)]
    answers += [[], [], [Detection(moved(FACE, 240, 0), 0.2)]]
    (track,) = follow(*answers).tracks
    assert len(track.hits) == 5


@pytest.mark.parametrize(("missing", "tracks"), [(16, 1), (17, 2)])
def test_sixteen_missing_frames_are_linked_and_seventeen_are_not(missing: int, tracks: int) -> None:
    answers = [[Detection(FACE, 0.9)], *([[]] * missing), [Detection(FACE, 0.9)]]
    assert len(follow(*answers).tracks) == tracks


def test_links_are_counted_in_seconds_not_in_frames() -> None:
    answers: list[list[Detection]] = [[Detection(FACE, 0.9)], [], [Detection(FACE, 0.2)]]
    assert len(follow(*answers, step_s=LINK_S / 2).tracks[0].hits) == 2
    assert len(follow(*answers, step_s=LINK_S / 1.9).tracks[0].hits) == 1


def test_two_crossing_faces_keep_their_numbers() -> None:
    left = [moved(FACE, 8 * place, 0) for place in range(6)]
    right = [moved(FACE, 400 - 8 * place, 0) for place in range(6)]
    answers = [[Detection(b, 0.7), Detection(a, 0.9)] for a, b in zip(left, right, strict=True)]
    tracks = {track.id: track.hits[-1].box for track in follow(*answers).tracks}
    assert sorted(box.x0 for box in tracks.values()) == [left[-1].x0, right[-1].x0]
    assert len(tracks) == 2


def test_the_strongest_track_takes_the_box_both_could_have() -> None:
    near = moved(FACE, 70, 0)
    tracker = follow([Detection(FACE, 0.9), Detection(near, 0.6)], [Detection(moved(FACE, 35, 0), 0.3)])
    hits = {track.best_score: len(track.hits) for track in tracker.tracks}
    assert hits == {0.9: 2, 0.6: 1}


def test_a_cut_ends_every_track() -> None:
    tracker = follow([Detection(FACE, 0.9)])
    tracker.new_shot(FRAME_S)
    tracker.step(FRAME_S, [Detection(FACE, 0.9)])
    assert [track.shot_s for track in tracker.tracks] == [float("-inf"), FRAME_S]


def test_persistence_makes_a_doubtful_track_strong() -> None:
    tracker = follow(*[[Detection(FACE, 0.35)]] * (STRONG_HITS - 1), start=0.3)
    assert not tracker.tracks[0].strong
    tracker.step(1 / 30 * STRONG_HITS, [Detection(FACE, 0.35)])
    assert tracker.tracks[0].strong


def test_one_small_box_among_larger_ones_is_steadied_and_a_large_one_never_cut() -> None:
    sizes = [120.0] * 5 + [60.0] + [120.0] * 5 + [180.0]
    answers = [[Detection(Box(200 - w / 2, 200 - w / 2, 200 + w / 2, 200 + w / 2), 0.9)] for w in sizes]
    (track,) = follow(*answers).tracks
    assert track.steadied(5).width == 120
    assert track.steadied(11).width == 180


def test_forgetting_keeps_the_numbers_and_what_is_still_needed() -> None:
    tracker = follow(*[[Detection(FACE, 0.9)]] * 90)
    tracker.forget(1.5, 2.0)
    (track,) = tracker.tracks
    assert track.hits[0].t_s <= 2.0 - LINK_S
    assert len(track.hits) < 60
    tracker.forget(4.0, 4.5)
    assert tracker.tracks == []
    tracker.clear()
    tracker.step(9.0, [Detection(FACE, 0.9)])
    assert tracker.tracks[0].id == 2


def test_what_lasts_becomes_a_face_with_all_its_boxes() -> None:
    doubtful: list[list[Detection]] = [[Detection(FACE, 0.2)], *[[Detection(FACE, 0.35)]] * LASTING_HITS]
    assert follow(*doubtful[:-1]).tracks == []
    (track,) = follow(*doubtful).tracks
    assert len(track.hits) == LASTING_HITS + 1
    assert track.sure_s == pytest.approx(LASTING_HITS * FRAME_S)


def test_weak_noise_becomes_no_face_however_long_it_lasts() -> None:
    assert follow(*[[Detection(FACE, 0.34)]] * 100).tracks == []


def test_a_user_who_wants_surer_faces_gets_surer_lasting_ones() -> None:
    assert follow(*[[Detection(FACE, 0.35)]] * 20, start=0.9).tracks == []


@pytest.mark.parametrize(("misses", "tracks"), [(SUSPECT_MISSES, 1), (SUSPECT_MISSES + 1, 0)])
def test_a_suspicion_survives_few_misses(misses: int, tracks: int) -> None:
    weak: list[list[Detection]] = [[Detection(FACE, 0.35)]] * 4
    assert len(follow(*weak, *[[]] * misses, *weak).tracks) == tracks


def test_the_first_sure_box_brings_the_weak_ones_before_it_along() -> None:
    coming = [[Detection(moved(FACE, 6 * place, 0), 0.2)] for place in range(6)]
    (track,) = follow(*coming, [Detection(moved(FACE, 36, 0), 0.7)]).tracks
    assert [hit.box.x0 for hit in track.hits] == [FACE.x0 + 6 * place for place in range(7)]
    assert track.sure_s == pytest.approx(6 * FRAME_S)


def test_no_suspicion_survives_a_cut() -> None:
    tracker = follow(*[[Detection(FACE, 0.35)]] * (LASTING_HITS - 1))
    tracker.new_shot(1.0)
    tracker.step(1.0, [Detection(FACE, 0.35)])
    assert tracker.tracks == []


@pytest.mark.parametrize(("score", "hits"), [(0.49, 1), (0.5, 2)])
def test_after_half_a_second_only_a_sure_box_is_the_same_face(score: float, hits: int) -> None:
    answers: list[list[Detection]] = [[Detection(FACE, 0.9)], *[[]] * 20, [Detection(FACE, score)]]
    assert len(follow(*answers, link_s=1.0).tracks[0].hits) == hits


def test_the_jitter_of_two_boxes_is_no_speed() -> None:
    (track,) = follow([Detection(FACE, 0.9)], [Detection(moved(FACE, 9, 0), 0.9)]).tracks
    assert track.speed(1, -1) == pytest.approx((3 / FRAME_S, 0.0))


def test_of_two_crossing_faces_the_one_that_is_missed_does_not_take_the_others_box() -> None:
    near = moved(FACE, 60, 0)
    both = [Detection(FACE, 0.9), Detection(near, 0.6)]
    hits = {track.best_score: len(track.hits) for track in follow(both, both, [Detection(near, 0.6)]).tracks}
    assert hits == {0.9: 2, 0.6: 3}
