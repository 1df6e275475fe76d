"""Who is watched, how often, and in which part of the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Box
from configs.rules import rules
from streams.deidentify.boxes import moved, resized
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame
from streams.nfbl.landmarks import View
from streams.nfbl.person.watcher import PersonWatcher

pytestmark = pytest.mark.unit

SIZE = (640, 360)
LEFT = Box(120, 80, 200, 180)
RIGHT = Box(440, 80, 520, 180)
MIDDLE = Box(280, 80, 360, 180)
BOXES = {1: MIDDLE}

Script = Callable[[float], dict[int, Box] | None]


def scene(seed: int = 0, size: tuple[int, int] = SIZE, brightness: int = 0) -> Picture:
    """A picture with a structure of its own: coarse patches, so that it is alike at every size."""
    patches = np.random.default_rng(seed).integers(40, 180, (9, 16), np.uint8)
    luma = np.kron(patches, np.ones((size[1] // 9, size[0] // 16), np.uint8))
    chroma = np.full(((size[1] + 1) // 2, (size[0] + 1) // 2), 128, np.uint8)
    return Picture(np.clip(luma.astype(int) + brightness, 0, 255).astype(np.uint8), chroma, chroma.copy())


STILL = scene()


def faces(boxes: dict[int, Box] | None) -> tuple[SeenFace, ...] | None:
    return None if boxes is None else tuple(SeenFace(track, box, 0.9) for track, box in boxes.items())


def watch(
    script: Script,
    times: Iterable[float],
    *,
    pictures: Callable[[float], Picture] = lambda _: STILL,
    rate_hz: float = 10.0,
    watcher: PersonWatcher | None = None,
) -> list[View]:
    watcher = watcher or PersonWatcher(rules().person, rate_hz=rate_hz)
    views = (watcher.look(RawFrame(t_s, 0, pictures(t_s)), faces(script(t_s))) for t_s in times)
    return [view for view in views if view is not None]


def frames(seconds: float, rate_hz: float = 30.0, start_s: float = 0.0) -> list[float]:
    return [start_s + place / rate_hz for place in range(round(seconds * rate_hz))]


def persons(views: Sequence[View]) -> list[int]:
    return sorted({view.person for view in views})


def last_face(views: Sequence[View]) -> Box:
    face = views[-1].face
    assert face is not None
    return face


@pytest.mark.parametrize("rate_hz", [10.0, 15.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0])
def test_every_frame_rate_is_looked_at_ten_times_a_second(rate_hz: float) -> None:
    views = watch(lambda _: BOXES, frames(10.0, rate_hz))
    assert abs(len(views) - 99) <= 1
    assert sum(view.pose for view in views) in {49, 50, 51}


def test_times_rounded_to_milliseconds_are_looked_at_as_often() -> None:
    views = watch(lambda _: BOXES, [round(t_s, 3) for t_s in frames(10.0)])
    assert [view.t_s for view in views] == pytest.approx([0.1 * tick for tick in range(1, 100)], abs=0.034)


@given(st.lists(st.floats(0.005, 0.099), min_size=100, max_size=200))
def test_a_variable_rate_above_the_grid_misses_no_tick_and_looks_at_none_twice(gaps: list[float]) -> None:
    times = [float(t_s) for t_s in np.cumsum(gaps)]
    views = watch(lambda _: BOXES, times)
    ticks = [int((view.t_s + 1e-3) / 0.1) for view in views]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    assert ticks[-1] >= int(times[-1] / 0.1) - 1


@pytest.mark.parametrize(("rate_hz", "poses"), [(2.0, 1.0), (5.0, 1.0), (8.0, 1.0), (10.0, 0.5), (15.0, 1 / 3)])
def test_the_body_is_asked_for_five_times_a_second_where_the_rate_allows(rate_hz: float, poses: float) -> None:
    views = watch(lambda _: BOXES, frames(12.0), rate_hz=rate_hz)
    assert np.mean([view.pose for view in views]) == pytest.approx(poses, abs=0.03)


def test_nobody_is_watched_in_an_empty_room() -> None:
    watcher = PersonWatcher(rules().person, rate_hz=10)
    assert watch(lambda _: {}, frames(2.0), watcher=watcher) == []
    assert (watcher.person, watcher.people) == (None, 0)


def test_the_only_face_of_a_new_shot_is_watched_at_once() -> None:
    views = watch(lambda _: BOXES, frames(1.0))
    assert views[0].t_s == pytest.approx(0.1)
    assert (views[0].person, views[0].fresh, views[0].pose, views[0].face) == (1, True, True, MIDDLE)
    assert not any(view.fresh for view in views[1:])


def test_between_two_alike_the_choice_waits_and_takes_the_more_central() -> None:
    boxes = {1: moved(LEFT, -60, 0), 2: RIGHT}
    views = watch(lambda _: boxes, frames(1.0))
    assert views[0].t_s == pytest.approx(0.5)
    assert views[0].face == RIGHT


def test_a_dominant_face_among_others_is_watched_at_once() -> None:
    boxes = {1: resized(LEFT, 40, 50), 2: MIDDLE}
    views = watch(lambda _: boxes, frames(1.0))
    assert views[0].t_s == pytest.approx(0.1)
    assert views[0].face == MIDDLE


def test_a_face_in_passing_is_not_chosen_in_a_running_shot() -> None:
    views = watch(lambda t_s: BOXES if 2.0 < t_s < 2.4 else {}, frames(5.0))
    assert views == []


def test_somebody_who_walks_past_in_front_takes_nothing_over() -> None:
    def script(t_s: float) -> dict[int, Box]:
        passing = resized(moved(LEFT, 200 * (t_s - 1), 20), 150, 190)
        hidden = abs(passing.x0 + passing.x1 - MIDDLE.x0 - MIDDLE.x1) < 160
        return ({} if hidden else BOXES) | ({2: passing} if 1.0 < t_s < 3.5 else {})

    views = watch(script, frames(6.0))
    assert persons(views) == [1]
    assert {view.face for view in views} == {MIDDLE, None}
    assert last_face(views) == MIDDLE


def test_two_people_who_change_places_stay_who_they_are() -> None:
    def script(t_s: float) -> dict[int, Box]:
        return {1: moved(LEFT, 40 + 70 * t_s, 0), 2: moved(RIGHT, -70 * t_s, 0)}

    views = watch(script, frames(4.0))
    assert persons(views) == [1]
    assert all(view.face is not None and view.face.x0 == script(view.t_s)[1].x0 for view in views)


def test_a_new_number_where_the_face_was_lost_is_the_same_person() -> None:
    views = watch(lambda t_s: BOXES if t_s < 2 else {} if t_s < 3 else {7: moved(MIDDLE, 30, 10)}, frames(5.0))
    assert persons(views) == [1]
    assert [view.fresh for view in views].count(True) == 1
    assert views[15].face == MIDDLE
    assert views[25].face is None
    assert last_face(views) == moved(MIDDLE, 30, 10)


def test_a_new_face_elsewhere_or_of_another_size_is_another_person() -> None:
    for other in (moved(MIDDLE, 250, 0), resized(MIDDLE, 20, 25)):
        views = watch(lambda t_s, other=other: BOXES if t_s < 2 else {7: other} if t_s > 3 else {}, frames(8.0))  # type: ignore[misc]
        assert persons(views) == [1, 2]
        second = next(view for view in views if view.person == 2)
        assert second.fresh
        assert second.t_s == pytest.approx(5.0, abs=0.15)


def test_a_hidden_face_is_watched_on_as_long_as_the_body_is_seen() -> None:
    watcher = PersonWatcher(rules().person, rate_hz=10)
    seen: list[View] = []
    for t_s in frames(8.0):
        view = watcher.look(RawFrame(t_s, 0, STILL), faces(BOXES if t_s < 1 else {}))
        if view is not None:
            seen.append(view)
            if t_s < 4:
                watcher.body_seen(t_s, view.person)
    assert persons(seen) == [1]
    assert seen[-1].t_s == pytest.approx(6.9, abs=0.15)
    assert watcher.person is None


def test_a_body_alone_keeps_nobody_for_ever() -> None:
    watcher = PersonWatcher(rules().person, rate_hz=10)
    for t_s in frames(30.0, 10.0):
        if watcher.look(RawFrame(t_s, 0, STILL), faces(BOXES if t_s < 1 else {})):
            watcher.body_seen(t_s, 1)
    assert watcher.person is None


def test_a_body_of_somebody_else_keeps_nobody() -> None:
    watcher = PersonWatcher(rules().person, rate_hz=10)
    for t_s in frames(6.0):
        watcher.look(RawFrame(t_s, 0, STILL), faces(BOXES if t_s < 1 else {}))
        watcher.body_seen(t_s, 2)
    assert watcher.person is None


def test_a_much_larger_face_takes_over_when_it_stays() -> None:
    large = resized(RIGHT, 130, 160)
    views = watch(lambda t_s: {1: MIDDLE} | ({2: large} if t_s > 2 else {}), frames(8.0))
    assert persons(views) == [1, 2]
    second = next(view for view in views if view.person == 2)
    assert second.fresh
    assert second.t_s == pytest.approx(5.05, abs=0.15)


def test_no_answer_of_the_masker_changes_nothing() -> None:
    views = watch(lambda t_s: BOXES if t_s < 1 or t_s > 3 else None, frames(5.0))
    assert persons(views) == [1]
    assert [view.face is None for view in views] == [not (v.t_s < 1 or v.t_s > 3) for v in views]


def test_a_cut_is_a_new_person_within_a_tick_or_two() -> None:
    views = watch(
        lambda t_s: {1: MIDDLE} if t_s < 2 else {2: MIDDLE}, frames(4.0), pictures=lambda t_s: scene(int(t_s >= 2))
    )
    second = next(view for view in views if view.person == 2)
    assert second.fresh
    assert second.t_s == pytest.approx(2.1, abs=0.05)
    assert persons(views) == [1, 2]


def test_all_new_numbers_at_once_elsewhere_are_a_cut_too() -> None:
    views = watch(lambda t_s: {1: LEFT} if t_s < 2 else {2: RIGHT}, frames(4.0))
    second = next(view for view in views if view.person == 2)
    assert second.t_s == pytest.approx(2.1, abs=0.05)


def test_a_flash_is_no_cut() -> None:
    def flash(t_s: float) -> Picture:
        return scene(brightness=70 if 2.0 <= t_s < 2.05 else 0)

    def script(t_s: float) -> dict[int, Box]:
        return {1 + (t_s >= 2.0) + (t_s >= 2.05): MIDDLE}

    views = watch(script, frames(4.0), pictures=flash)
    assert persons(views) == [1]
    assert [view.fresh for view in views].count(True) == 1


def test_after_a_hole_the_same_face_is_the_same_person_seen_afresh() -> None:
    views = watch(lambda t_s: {1 if t_s < 3 else 5: MIDDLE}, frames(2.0) + frames(2.0, start_s=4.0))
    assert persons(views) == [1]
    assert [view.t_s for view in views if view.fresh] == pytest.approx([0.1, 4.0], abs=0.01)


def test_a_hole_longer_than_a_person_is_remembered_is_a_new_beginning() -> None:
    views = watch(lambda t_s: {1 if t_s < 3 else 5: MIDDLE}, frames(2.0) + frames(2.0, start_s=9.0))
    assert persons(views) == [1, 2]


def test_another_size_of_the_picture_or_an_earlier_time_is_a_new_beginning() -> None:
    larger = scene(size=(1280, 720))
    views = watch(lambda _: BOXES, frames(4.0), pictures=lambda t_s: STILL if t_s < 2 else larger)
    assert persons(views) == [1, 2]
    views = watch(lambda _: BOXES, frames(2.0) + frames(2.0))
    assert persons(views) == [1, 2]
    assert views[-1].t_s == pytest.approx(1.9, abs=0.05)


def test_one_large_face_is_seen_in_the_whole_picture() -> None:
    (view, *_) = watch(lambda _: BOXES, frames(1.0))
    assert (view.x0, view.y0, view.scale) == (0, 0, 1)
    assert view.picture is STILL
    large = scene(size=(1280, 720))
    (view, *_) = watch(lambda _: {1: Box(560, 160, 720, 360)}, frames(1.0), pictures=lambda _: large)
    assert (view.picture.width_px, view.picture.height_px, view.scale) == (640, 360, 2.0)
    assert (view.frame_width_px, view.frame_height_px) == (1280, 720)


def test_a_small_face_is_seen_in_a_crop_that_holds_still_while_it_sways() -> None:
    small = Box(300, 100, 330, 138)
    views = watch(lambda t_s: {1: moved(small, 25 * np.sin(3 * t_s), 0)}, frames(5.0))
    assert [view.fresh for view in views].count(True) == 1
    assert views[0].picture.width_px < 300
    assert views[0].scale == 1.0


def test_a_crop_follows_who_walks_away() -> None:
    small = Box(100, 100, 130, 138)
    views = watch(lambda t_s: {1: moved(small, 60 * t_s, 0)}, frames(6.0))
    assert persons(views) == [1]
    assert 3 < [view.fresh for view in views].count(True) < 12
    for view in views:
        assert view.face is not None
        assert view.x0 < view.face.x0
        assert view.face.x1 < view.x0 + view.picture.width_px * view.scale


def test_a_neighbour_is_cut_away_beside_the_watched_face() -> None:
    boxes = {1: MIDDLE, 2: RIGHT}
    views = watch(lambda _: boxes, frames(2.0))
    view = views[-1]
    assert view.face == MIDDLE
    assert view.x0 + view.picture.width_px * view.scale <= RIGHT.x0
    assert [each.fresh for each in views].count(True) == 1


def test_a_neighbour_shoulder_to_shoulder_costs_the_watched_one_no_shoulder() -> None:
    views = watch(lambda _: {1: MIDDLE, 2: moved(MIDDLE, 90, 0)}, frames(2.0))
    view = views[-1]
    assert view.face == MIDDLE
    assert view.x0 + view.picture.width_px * view.scale >= 320 + 1.2 * 100


def test_a_crop_stays_for_a_while_when_the_neighbour_leaves() -> None:
    views = watch(lambda t_s: {1: MIDDLE} | ({2: RIGHT} if t_s < 2 else {}), frames(8.0))
    changes = [view.t_s for view in views if view.fresh]
    assert len(changes) == 2
    assert changes[1] == pytest.approx(5.0, abs=0.2)
    assert views[-1].x0 == 0


def test_a_neighbour_who_sits_down_inside_a_crop_is_cut_away_from_it() -> None:
    small, neighbour = Box(300, 100, 330, 138), Box(370, 100, 400, 138)
    views = watch(lambda t_s: {1: small} | ({2: neighbour} if t_s > 2 else {}), frames(4.0))
    changes = [view.t_s for view in views if view.fresh]
    assert changes == pytest.approx([0.1, 2.55], abs=0.1)
    assert views[-1].x0 + views[-1].picture.width_px <= neighbour.x0
    assert persons(views) == [1]


def test_a_much_smaller_neighbour_changes_nothing() -> None:
    views = watch(lambda _: {1: MIDDLE, 2: resized(RIGHT, 40, 50)}, frames(2.0))
    assert views[-1].picture is STILL


@given(st.integers(0, 600), st.integers(0, 320), st.integers(8, 200))
def test_a_view_lies_in_the_picture_and_maps_back_onto_it(x: int, y: int, height: int) -> None:
    box = Box(x - 0.4 * height, y - 0.5 * height, x + 0.4 * height, y + 0.5 * height)
    for view in watch(lambda _: {1: box}, frames(0.3)):
        assert view.x0 >= 0 <= view.y0
        assert view.x0 % 2 == 0 == view.y0 % 2
        assert view.x0 + view.picture.width_px * view.scale <= 640 + 1
        assert view.y0 + view.picture.height_px * view.scale <= 360 + 1


def test_a_crop_shows_the_pixels_it_says_it_shows() -> None:
    (view, *_) = watch(lambda _: {1: Box(300, 100, 330, 138)}, frames(0.3))
    x0, y0 = int(view.x0), int(view.y0)
    part = STILL.y[y0 : y0 + view.picture.height_px, x0 : x0 + view.picture.width_px]
    assert (view.picture.y == part).all()
    assert not np.shares_memory(view.picture.y, STILL.y)


def test_a_picture_of_twice_the_size_is_seen_alike() -> None:
    large = scene(size=(1280, 720))

    def script(t_s: float) -> dict[int, Box]:
        return {1: moved(Box(300, 100, 330, 138), 40 * t_s, 5 * t_s), 2: moved(Box(420, 90, 445, 125), 0, t_s)}

    def doubled(t_s: float) -> dict[int, Box]:
        return {track: Box(*(2 * edge for edge in (b.x0, b.y0, b.x1, b.y1))) for track, b in script(t_s).items()}

    small_views = watch(script, frames(5.0))
    large_views = watch(doubled, frames(5.0), pictures=lambda _: large)
    assert [view.fresh for view in small_views] == [view.fresh for view in large_views]
    for one, two in zip(small_views, large_views, strict=True):
        assert (one.t_s, one.person, one.pose) == (two.t_s, two.person, two.pose)
        assert (two.x0 / 2, two.y0 / 2) == pytest.approx((one.x0, one.y0), abs=2)


@pytest.mark.parametrize("rate_hz", [10.0, 15.0])
def test_a_lower_frame_rate_makes_the_same_choices(rate_hz: float) -> None:
    def script(t_s: float) -> dict[int, Box]:
        return {1: moved(LEFT, 40 * t_s, 0)} | ({2: resized(RIGHT, 130, 160)} if t_s > 1.95 else {})

    full, low = watch(script, frames(8.0)), watch(script, frames(8.0, rate_hz))
    assert abs(len(full) - len(low)) <= 1
    changes = [[view.t_s for view in views if view.fresh] for views in (full, low)]
    assert changes[0] == pytest.approx(changes[1], abs=0.11)
