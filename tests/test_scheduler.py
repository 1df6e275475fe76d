from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import Cadence, Coverage, Window
from buffers.records import CLIP_S, Track
from configs.settings import EstimateSettings, WindowSettings
from monitor.describers.base import ModelInfo
from monitor.estimate import Estimator
from monitor.judges.base import Label, Verdict
from monitor.scheduler import Scheduler

pytestmark = pytest.mark.unit

LOCAL, GLOBAL = Cadence.LOCAL, Cadence.GLOBAL
BOTH = (Track.VIDEO, Track.AUDIO)


def plan(*, complete: bool = True, **settings: float) -> Scheduler:
    return Scheduler(WindowSettings.model_validate(settings), complete=complete)


def judge(scheduler: Scheduler, window: Window) -> Window:
    scheduler.started(window)
    scheduler.finished(window)
    return window


def drain(scheduler: Scheduler, watermark_s: float) -> list[Window]:
    windows = []
    while (window := scheduler.due(watermark_s)) is not None:
        windows.append(judge(scheduler, window))
    return windows


def spans(windows: Iterable[Window]) -> list[tuple[float, float, Cadence]]:
    return [(window.start_s, window.end_s, window.cadence) for window in windows]


def test_local_windows_start_short_and_then_slide_while_the_session_is_judged_each_minute() -> None:
    assert spans(drain(plan(), 75.0)) == [
        (0.0, 10.0, LOCAL),
        (0.0, 25.0, LOCAL),
        (8.0, 40.0, LOCAL),
        (23.0, 55.0, LOCAL),
        (0.0, 60.0, GLOBAL),
        (38.0, 70.0, LOCAL),
    ]


def test_a_window_waits_until_the_watermark_has_reached_its_end() -> None:
    scheduler = plan()
    assert scheduler.due(9.999) is None
    assert scheduler.next_due_s == 10.0
    assert scheduler.due(10.0) == Window(1, 0.0, 10.0, LOCAL)


def test_asking_twice_offers_the_same_window() -> None:
    scheduler = plan()
    assert scheduler.due(10.0) == scheduler.due(10.0)


def test_no_window_is_due_while_one_is_running() -> None:
    scheduler = plan()
    window = scheduler.due(100.0)
    assert window is not None
    scheduler.started(window)
    assert scheduler.running == window
    assert scheduler.due(100.0) is None
    scheduler.finished(window)
    assert scheduler.due(100.0) == Window(2, 0.0, 25.0, LOCAL)


def test_at_the_same_instant_the_local_window_goes_first() -> None:
    windows = drain(plan(first_s=15.0, global_every_s=30.0), 30.0)
    assert spans(windows) == [(0.0, 15.0, LOCAL), (0.0, 30.0, LOCAL), (0.0, 30.0, GLOBAL)]


def test_a_period_of_zero_leaves_the_whole_session_for_its_end() -> None:
    scheduler = plan(global_every_s=0.0)
    assert {window.cadence for window in drain(scheduler, 600.0)} == {LOCAL}
    assert spans(scheduler.final(600.0)) == [(568.0, 600.0, LOCAL), (0.0, 600.0, GLOBAL)]


def test_the_whole_session_is_not_judged_before_the_first_window_may_be() -> None:
    windows = drain(plan(first_s=25.0, global_every_s=10.0), 30.0)
    assert spans(windows) == [(0.0, 25.0, LOCAL), (0.0, 30.0, GLOBAL)]


def test_a_late_live_session_jumps_to_the_newest_window_and_counts_what_it_skipped() -> None:
    scheduler = plan(complete=False, global_every_s=0.0)
    slow = scheduler.due(10.0)
    assert slow is not None
    scheduler.started(slow)
    scheduler.finished(slow)
    assert scheduler.due(58.0) == Window(2, 23.0, 55.0, LOCAL)
    drain(scheduler, 58.0)
    assert scheduler.skipped == 2
    assert scheduler.next_due_s == 70.0


def test_rounding_never_carries_a_late_window_beyond_the_watermark() -> None:
    for k in range(1, 200):
        watermark_s = math.nextafter(0.3 + k * 1.1, 0.0)
        window = plan(complete=False, first_s=0.3, local_every_s=1.1, global_every_s=0.0).due(watermark_s)
        assert window is not None
        assert watermark_s - 1.1 <= window.end_s <= watermark_s


def test_at_max_speed_nothing_is_ever_skipped() -> None:
    scheduler = plan()
    assert len(drain(scheduler, 600.0)) == 40 + 10
    assert scheduler.skipped == 0


def test_neither_cadence_starves_when_every_call_is_late() -> None:
    scheduler = plan(complete=False, local_every_s=15.0, global_every_s=10.0)
    kinds = []
    for watermark_s in range(60, 900, 60):
        window = scheduler.due(float(watermark_s))
        assert window is not None
        kinds.append(judge(scheduler, window).cadence)
    assert kinds.count(LOCAL) >= 6
    assert kinds.count(GLOBAL) >= 6


@pytest.mark.parametrize(
    ("news", "expected_end_s"),
    [
        ([], 25.0),
        ([(21.0, 1.9)], 25.0),
        ([(21.0, 2.0)], 21.0),
        ([(20.5, 1.0), (22.0, 1.0)], 22.0),
        ([(12.0, 2.0)], 20.0),  # the cooldown of 10 s since the window at 10 s
        ([(9.0, 5.0)], 25.0),  # that window held it already
        ([(24.0, 1.0), (25.0, 1.0)], 25.0),
    ],
)
def test_enough_news_calls_a_local_window_early(news: list[tuple[float, float]], expected_end_s: float) -> None:
    scheduler = plan(global_every_s=0.0)
    drain(scheduler, 10.0)
    for t_s, weight in news:
        scheduler.wake(t_s, weight)
    window = scheduler.due(30.0)
    assert window is not None
    assert window.end_s == expected_end_s


def test_a_woken_window_starts_the_period_anew_and_forgets_the_news_it_held() -> None:
    scheduler = plan(global_every_s=0.0)
    drain(scheduler, 10.0)
    scheduler.wake(21.0, 3.0)
    assert [window.end_s for window in drain(scheduler, 60.0)] == [21.0, 36.0, 51.0]


def test_news_never_calls_a_window_before_the_first_or_when_switched_off() -> None:
    scheduler = plan(first_s=20.0)
    scheduler.wake(12.0, 9.0)
    assert scheduler.next_due_s == 20.0
    silent = plan(wake_weight=0.0)
    drain(silent, 10.0)
    silent.wake(21.0, 9.0)
    assert silent.next_due_s == 25.0


def test_the_end_judges_what_is_new_and_then_everything() -> None:
    scheduler = plan()
    drain(scheduler, 47.0)
    windows = scheduler.final(47.0)
    assert windows == (Window(4, 15.0, 47.0, LOCAL), Window(5, 0.0, 47.0, GLOBAL))
    assert [judge(scheduler, window) for window in windows] == list(windows)
    assert scheduler.due(1000.0) is None
    assert scheduler.next_due_s is None


def test_too_little_new_earns_no_last_local_window() -> None:
    scheduler = plan()
    drain(scheduler, 43.0)
    assert spans(scheduler.final(43.0)) == [(0.0, 43.0, GLOBAL)]


def test_nothing_is_judged_twice_at_the_end_and_nothing_when_nothing_came() -> None:
    scheduler = plan(first_s=60.0)
    drain(scheduler, 60.0)
    assert scheduler.final(60.0) == ()
    assert plan().final(0.0) == ()


def test_a_session_shorter_than_the_first_window_is_still_judged() -> None:
    assert spans(plan().final(6.0)) == [(0.0, 6.0, LOCAL), (0.0, 6.0, GLOBAL)]


def test_the_estimate_is_stale_after_three_periods_without_a_judged_window() -> None:
    scheduler = plan()
    assert scheduler.stale_after_s == 45.0
    model = ModelInfo("model", heuristic=False, calibrated=False, notice="")
    estimator = Estimator(EstimateSettings(), judge=model, stale_after_s=scheduler.stale_after_s)
    assert not estimator.at(45.0).overall.stale
    assert estimator.at(45.1).overall.stale
    window = scheduler.due(10.0)
    assert window is not None
    said = Verdict(Label.POSITIVE, 0.8, 8.0, "model", "model", False, "why")
    estimator.add(judge(scheduler, window), said, Coverage(1.0, 1.0, 0.0))
    assert not estimator.at(55.0).overall.stale
    abstained = scheduler.due(25.0)
    assert abstained is not None
    estimator.add(judge(scheduler, abstained), Verdict.abstain(model, "model", "thin"), Coverage(0.0, 0.0, 0.0))
    assert estimator.at(55.1).overall.stale


def test_steps_out_of_order_are_refused() -> None:
    scheduler = plan()
    window = scheduler.due(10.0)
    assert window is not None
    with pytest.raises(ValueError, match="cannot finish"):
        scheduler.finished(window)
    scheduler.started(window)
    with pytest.raises(ValueError, match="cannot start"):
        scheduler.started(window)
    with pytest.raises(ValueError, match="cannot close"):
        scheduler.final(12.0)


@pytest.mark.parametrize(
    ("video", "audio", "tracks", "refused"),
    [
        (1.0, 1.0, BOTH, False),
        (0.0, 0.9, BOTH, False),  # the camera failed; what can be heard is judged
        (0.9, 0.0, BOTH, False),
        (0.49, 0.49, BOTH, True),
        (0.5, 0.0, BOTH, False),
        (0.0, 0.8, (Track.AUDIO,), False),
        (0.8, 0.0, (Track.VIDEO,), False),
        (0.9, 0.2, (Track.AUDIO,), True),
        (1.0, 1.0, (), True),
    ],
)
def test_a_window_is_worth_a_call_when_enough_was_seen_or_heard(
    video: float, audio: float, tracks: tuple[Track, ...], refused: bool
) -> None:
    scheduler = plan()
    window = scheduler.due(10.0)
    assert window is not None
    reason = scheduler.refusal(window, Coverage(video, audio, 0.0), tracks)
    assert (reason is not None) == refused


def test_a_refusal_names_what_was_found_and_what_was_needed() -> None:
    window = Window(1, 0.0, 10.0, LOCAL)
    reason = plan().refusal(window, Coverage(0.12, 0.0, 0.0), BOTH)
    assert reason == "too little to judge: audio 0%, video 12%, 50% of the window needed"


def test_a_budget_spreads_the_calls_over_the_hour_and_is_never_exceeded() -> None:
    scheduler = plan(max_calls_per_hour=32)
    windows = drain(scheduler, 3 * 3600.0)
    granted = [window.end_s for window in windows if scheduler.refusal(window, Coverage(1.0, 1.0, 0.0), BOTH) is None]
    assert all(sum(end_s - 3600 < other <= end_s for other in granted) <= 32 for end_s in granted)
    assert len(granted) > 0.9 * 3 * 30
    assert max(later - earlier for earlier, later in itertools.pairwise(granted)) < 300


def test_a_budget_that_is_used_up_says_so_until_an_hour_has_passed() -> None:
    scheduler = plan(max_calls_per_hour=1)
    whole = Coverage(1.0, 1.0, 0.0)
    assert scheduler.refusal(Window(1, 0.0, 10.0, LOCAL), whole, BOTH) is None
    reason = scheduler.refusal(Window(2, 0.0, 3609.0, LOCAL), whole, BOTH)
    assert reason == "the budget of 1 calls an hour is used up"
    assert scheduler.refusal(Window(3, 0.0, 3610.0, LOCAL), whole, BOTH) is None


SETTINGS = st.builds(
    WindowSettings,
    local_s=st.floats(4.0, 64.0),
    local_every_s=st.floats(0.5, 40.0),
    global_every_s=st.one_of(st.just(0.0), st.floats(1.0, 120.0)),
    first_s=st.floats(0.5, 30.0),
    wake_weight=st.floats(0.0, 4.0),
    wake_cooldown_s=st.floats(0.5, 20.0),
    max_calls_per_hour=st.sampled_from([0, 0, 1, 60, 600]),
)
STEPS = st.lists(st.tuples(st.floats(0.01, 30.0), st.floats(0.0, 2.0), st.booleans()), max_size=60)


def follow(scheduler: Scheduler, steps: list[tuple[float, float, bool]]) -> tuple[list[Window], float]:
    """Run a session: media moves on, news come, and a running window may take longer than one step."""
    windows: list[Window] = []
    watermark_s = 0.0
    for step_s, weight, done in steps:
        watermark_s += step_s
        scheduler.wake(watermark_s, weight)
        while (window := scheduler.due(watermark_s)) is not None:
            assert window.end_s <= watermark_s
            scheduler.started(window)
            assert scheduler.due(watermark_s) is None
            windows.append(window)
            if done:
                scheduler.finished(window)
        if done and scheduler.running is not None:
            scheduler.finished(scheduler.running)
    if scheduler.running is not None:
        scheduler.finished(scheduler.running)
    windows.extend(judge(scheduler, window) for window in scheduler.final(watermark_s))
    return windows, watermark_s


@given(SETTINGS, STEPS, st.booleans())
def test_ids_count_up_ends_rise_and_no_window_reaches_beyond_the_watermark(
    settings: WindowSettings, steps: list[tuple[float, float, bool]], complete: bool
) -> None:
    windows, _ = follow(Scheduler(settings, complete=complete), steps)
    assert [window.id for window in windows] == list(range(1, len(windows) + 1))
    for cadence in Cadence:
        ends = [window.end_s for window in windows if window.cadence is cadence]
        assert all(earlier < later for earlier, later in itertools.pairwise(ends))
    for window in windows:
        assert 0.0 <= window.start_s < window.end_s
        assert window.cadence is GLOBAL or window.length_s <= settings.local_s + 1e-9
        assert window.cadence is LOCAL or window.start_s == 0.0


@given(SETTINGS, STEPS, st.booleans())
def test_the_last_window_covers_the_whole_session_but_for_less_than_a_clip(
    settings: WindowSettings, steps: list[tuple[float, float, bool]], complete: bool
) -> None:
    windows, end_s = follow(Scheduler(settings, complete=complete), steps)
    whole = [window.end_s for window in windows if window.cadence is GLOBAL]
    assert end_s == 0.0 or end_s - max(whole) < CLIP_S


@given(SETTINGS, STEPS)
def test_local_windows_at_max_speed_leave_no_second_out(
    settings: WindowSettings, steps: list[tuple[float, float, bool]]
) -> None:
    settings = settings.model_copy(update={"local_every_s": settings.local_s / 2, "max_calls_per_hour": 0})
    windows, _ = follow(Scheduler(settings, complete=True), [(step_s, weight, True) for step_s, weight, _ in steps])
    local = [window for window in windows if window.cadence is LOCAL]
    assert all(later.start_s <= earlier.end_s for earlier, later in itertools.pairwise(local))


@given(SETTINGS, STEPS, st.booleans())
def test_the_same_session_has_the_same_windows(
    settings: WindowSettings, steps: list[tuple[float, float, bool]], complete: bool
) -> None:
    first = follow(Scheduler(settings, complete=complete), steps)
    assert first == follow(Scheduler(settings, complete=complete), steps)


@given(SETTINGS, STEPS)
def test_at_max_speed_the_size_of_the_steps_does_not_matter(
    settings: WindowSettings, steps: list[tuple[float, float, bool]]
) -> None:
    total_s = sum(step_s for step_s, _, _ in steps)
    fine, coarse = Scheduler(settings, complete=True), Scheduler(settings, complete=True)
    gathered = []
    t_s = 0.0
    for step_s, _, _ in steps:
        t_s = min(t_s + step_s, total_s)
        gathered += drain(fine, t_s)
    gathered += drain(fine, total_s)
    assert gathered == drain(coarse, total_s)


def test_without_local_windows_only_the_whole_session_is_judged() -> None:
    scheduler = Scheduler(WindowSettings(local_every_s=0.0, global_every_s=60.0), complete=True)
    scheduler.wake(20.0, 99.0)
    assert scheduler.due(59.0) is None
    window = scheduler.due(60.0)
    assert window is not None
    assert (window.cadence, window.start_s, window.end_s) == (Cadence.GLOBAL, 0.0, 60.0)
    scheduler.started(window)
    scheduler.finished(window)
    assert [last.cadence for last in scheduler.final(90.0)] == [Cadence.GLOBAL]
    assert scheduler.stale_after_s == 180.0


def test_the_paper_judges_the_whole_recording_once_at_its_end() -> None:
    settings = WindowSettings(local_every_s=0.0, global_every_s=0.0, max_calls_per_hour=10)
    scheduler = Scheduler(settings, complete=True)
    assert scheduler.due(7200.0) is None
    assert scheduler.next_due_s is None
    assert scheduler.stale_after_s == math.inf
    assert [(last.start_s, last.end_s) for last in scheduler.final(7200.0)] == [(0.0, 7200.0)]


def test_a_session_that_ends_just_after_it_was_judged_whole_is_not_judged_whole_again() -> None:
    scheduler = Scheduler(WindowSettings(local_every_s=0.0, global_every_s=60.0), complete=True)
    window = scheduler.due(60.0)
    assert window is not None
    scheduler.started(window)
    scheduler.finished(window)
    assert scheduler.final(60.03) == ()
