"""The live feed: what it tells is in order of time, complete, and at max speed the same whoever asks when."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from buffers.records import FeedState, NfblWatch, Track
from configs.settings import NfblSettings
from streams.media import RawGap
from streams.nfbl.detector import TOO_SLOW
from streams.nfbl.engine.host import Answer, Changed, Lost
from streams.nfbl.feed import FeedCounts, Report
from streams.nfbl.landmarks import View
from streams.nfbl.live import NOBODY, UNANSWERED, UNCHOSEN, LiveFeed
from streams.nfbl.person.watcher import PersonWatcher
from streams.nfbl.signals import Signal
from streams.nfbl.skeletons.model import SkeletonModel
from tests.made_feed import (
    FACES,
    ROOM,
    MadeHost,
    Scene,
    answered,
    blind_heads,
    closed,
    made_feed,
    rules_that_see,
    show,
    speak,
    states,
    touching,
)
from tests.made_skeleton import fake_model, made_model

pytestmark = pytest.mark.unit

NOW = 0.0
"""A watermark that means nothing: live everything is told at once."""

KILLED = "landmark engine lost (signal 9), restarting"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> LiveFeed:
    rules_that_see(monkeypatch, touching(1.0, 2.0))
    return made_feed(monkeypatch, paced=True)


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> LiveFeed:
    rules_that_see(monkeypatch, touching(1.0, 2.0))
    return made_feed(monkeypatch, paced=False)


def times(reports: Sequence[Report]) -> list[float]:
    return [report.t_s for report in reports]


def test_a_touch_that_the_engine_saw_is_told_live_long_before_the_watermark(live: LiveFeed) -> None:
    show(live, Scene(0, 3))
    assert closed(live.reports(NOW)) == []
    MadeHost.made.answer()
    assert closed(live.reports(NOW)) == [("N7", 1.0, 1.9)]
    assert live.reports(NOW) == []


def test_at_max_speed_nothing_is_told_from_beyond_the_watermark(replayed: LiveFeed) -> None:
    show(replayed, Scene(0, 4))
    told = [(until_s, replayed.reports(until_s)) for until_s in np.arange(0.0, 4.0, 0.25)]
    assert all(report.t_s <= until_s for until_s, reports in told for report in reports)
    assert closed(itertools.chain(*(reports for _, reports in told))) == [("N7", 1.0, 1.9)]


@pytest.mark.parametrize(
    ("faces", "reason"),
    [
        ((), NOBODY),
        (None, UNANSWERED),
        (tuple(type(FACES[0])(track, FACES[0].box, 0.9) for track in (1, 2)), UNCHOSEN),
    ],
    ids=["nobody", "no-answer", "two-alike"],
)
def test_why_nobody_is_watched_is_told(replayed: LiveFeed, faces: tuple[()] | None, reason: str) -> None:
    # A choice between two alike takes half a second.
    show(replayed, Scene(0, 0.5, faces))
    assert blind_heads(replayed.reports(math.inf)) == [(0.0, 0.45, reason)]


def test_a_look_that_found_nobody_waits_for_the_views_before_it(live: LiveFeed) -> None:
    show(live, Scene(0, 2.5), Scene(2.5, 5, (), ROOM))
    early = live.reports(NOW)
    assert all(report.t_s < 0.1 for report in early)
    host = MadeHost.made
    host.answer(len(host.views) // 2)
    half = live.reports(NOW)
    assert 0.5 < max(times(half)) < 2.5
    host.answer()
    rest = live.reports(NOW) + live.reports(math.inf)
    told = [*early, *half, *rest]
    assert times(told) == sorted(times(told))
    assert closed(told) == [("N7", 1.0, 1.9)]
    assert [reason for *_, reason in blind_heads(told)] == [UNCHOSEN, "", NOBODY]
    assert blind_heads(told)[-1][1] == 4.95


def test_views_that_were_dropped_hold_nothing_up(live: LiveFeed) -> None:
    show(live, Scene(0, 1.5), Scene(1.5, 4, (), ROOM))
    host = MadeHost.made
    del host.views[2:-1]
    host.answer()
    told = live.reports(NOW) + live.reports(math.inf)
    reasons = [reason for *_, reason in blind_heads(told)]
    assert TOO_SLOW in reasons
    assert reasons[-1] == NOBODY


def test_a_hole_in_the_picture_is_blind_for_that_reason_until_the_next_look(replayed: LiveFeed) -> None:
    show(replayed, Scene(0, 2))
    replayed.miss(RawGap(Track.VIDEO, 2.0, 6.0, "the camera was covered"))
    show(replayed, Scene(6, 8))
    told = replayed.reports(math.inf)
    assert ("no picture (the camera was covered)") in [reason for _, _, reason in blind_heads(told)]
    assert TOO_SLOW not in [reason for _, _, reason in blind_heads(told)]
    assert [span[:2] for span in blind_heads(told) if span[2].startswith("no picture")] == [(2.0, 6.0)]


def test_an_engine_that_is_lost_says_so_and_nothing_is_seen_until_it_is_back(live: LiveFeed) -> None:
    host = MadeHost.made
    host.say(Changed(None, FeedState.LIVE))
    show(live, Scene(0, 1.5))
    host.answer()
    told = live.reports(NOW)
    show(live, Scene(1.5, 1.7))
    view = host.views[-1]
    host.views.clear()
    host.say(Changed(view.t_s, FeedState.RESTARTING, KILLED), Lost(view.t_s, "landmark engine lost (signal 9)"))
    lost = live.reports(NOW)
    assert states(lost) == [(1.65, "restarting", KILLED)]
    assert closed(lost) == [("N7", 1.0, 1.4)]
    show(live, Scene(1.7, 4))
    assert live.reports(NOW) == []
    # The newest view has waited for the engine, those before it were dropped.
    del host.views[:-1]
    host.say(Changed(view.t_s, FeedState.LIVE))
    host.answer()
    told += lost + live.reports(NOW)
    show(live, Scene(4, 6))
    host.answer()
    told += live.reports(NOW) + live.reports(math.inf)
    assert times(told) == sorted(times(told))
    assert states(told) == [(0.0, "live", ""), (1.65, "restarting", KILLED), (3.9, "live", "")]
    assert blind_heads(told)[-2:] == [(1.65, 3.9, KILLED), (3.9, 5.95, "")]


def test_an_engine_that_is_back_while_nobody_is_asked_about_is_told_at_once(live: LiveFeed) -> None:
    host = MadeHost.made
    show(live, Scene(0, 1))
    host.answer()
    live.reports(NOW)
    show(live, Scene(1, 3, (), ROOM))
    host.say(Changed(0.9, FeedState.RESTARTING, KILLED))
    live.reports(NOW)
    show(live, Scene(3, 5, (), ROOM))
    host.say(Changed(0.9, FeedState.LIVE))
    assert states(live.reports(NOW)) == [(4.95, "live", "")]


def test_an_engine_that_is_off_for_good_leaves_the_session_blind_and_says_why(live: LiveFeed) -> None:
    host = MadeHost.made
    show(live, Scene(0, 1))
    host.answer()
    told = live.reports(NOW)
    host.reply = lambda view: (Lost(view.t_s, "stays off"),)
    host.say(Changed(0.9, FeedState.OFF, "stays off"))
    for start_s in range(1, 5):
        told += live.reports(NOW)
        show(live, Scene(start_s, start_s + 1))
        host.answer()
    told += live.reports(math.inf)
    assert states(told) == [(0.95, "off", "stays off")]
    assert blind_heads(told)[-1] == (0.95, 4.95, "stays off")


@pytest.mark.parametrize("paced", [True, False])
def test_the_end_closes_what_is_open(monkeypatch: pytest.MonkeyPatch, paced: bool) -> None:
    rules_that_see(monkeypatch, touching(1.0, 99.0))
    feed = made_feed(monkeypatch, paced=paced)
    show(feed, Scene(0, 3))
    if paced:
        MadeHost.made.answer()
    assert closed(feed.reports(2.9)) == []
    last = feed.reports(math.inf)
    assert closed(last) == [("N7", 1.0, 2.9)]
    watched = [report.item for report in last if isinstance(report.item, NfblWatch)]
    assert watched[-1].end_s == 2.95


def test_speech_counts_only_up_to_the_time_of_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = rules_that_see(monkeypatch)
    feed = made_feed(monkeypatch, paced=False)
    speak(feed, 0, 1, 0.9)
    speak(feed, 1, 5, 0.1)
    show(feed, Scene(0, 2))
    feed.reports(1.9)
    shares = {t_s: share for t_s, share in scorer.heard.items() if share is not None}
    assert [t_s for t_s, share in shares.items() if share == 1.0] == [t_s for t_s in shares if t_s <= 1.05]
    assert shares[1.5] == 0.0


def test_a_body_that_shows_its_shoulders_keeps_a_person_whose_face_is_hidden(replayed: LiveFeed) -> None:
    show(replayed, Scene(0, 1), Scene(1, 10, ()))
    assert MadeHost.made.views[-1].t_s == pytest.approx(9.9)
    assert blind_heads(replayed.reports(math.inf))[-1][2] == ""


def test_a_rule_that_fails_ends_neither_the_session_nor_the_looks_after(monkeypatch: pytest.MonkeyPatch) -> None:
    def signals(t_s: float) -> Sequence[Signal]:
        if 2.0 <= t_s < 4.0:
            raise ZeroDivisionError
        return touching(1.0, 99.0)(t_s)

    rules_that_see(monkeypatch, signals)
    feed = made_feed(monkeypatch, paced=False)
    show(feed, Scene(0, 6))
    told = feed.reports(math.inf)
    assert closed(told) == [("N7", 1.0, 1.9), ("N7", 4.0, 5.9)]
    assert (2.0, 4.0, "look failed (ZeroDivisionError), please report it") in blind_heads(told)


def test_a_frame_that_cannot_be_cut_is_a_look_not_taken(replayed: LiveFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    show(replayed, Scene(0, 2))

    def broken(*_: object) -> None:
        raise ValueError

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(PersonWatcher, "look", broken)
        show(replayed, Scene(2, 4))
    show(replayed, Scene(4, 6))
    told = blind_heads(replayed.reports(math.inf))
    assert (2.0, 4.0, "look failed (ValueError), please report it") in told
    assert told[-1] == (4.0, 5.95, "")


def test_what_became_of_the_looks_is_counted(live: LiveFeed) -> None:
    assert live.counts == FeedCounts(looks=5, skipped=3, losses=1)


def test_a_skeleton_model_that_is_given_up_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules_that_see(monkeypatch, touching(3.0, 4.0))
    monkeypatch.setattr(SkeletonModel, "load", lambda _: fake_model(RuntimeError("graph")))

    def told(*watermarks: float) -> list[Report]:
        feed = made_feed(monkeypatch, NfblSettings(model=str(made_model(tmp_path))), paced=False)
        assert feed.source == "live (model:tiny+rules)"
        assert "CC0-1.0" in feed.notices[0]
        show(feed, Scene(0, 6))
        return [report for until_s in (*watermarks, math.inf) for report in feed.reports(until_s)]

    reports = told(*np.arange(0.0, 6.0, 0.1))
    assert [change[1:] for change in states(reports)] == [
        ("live", "skeleton model failed 3 times in a row (RuntimeError), the rules go on")
    ]
    assert closed(reports) == [("N7", 3.0, 3.9)]
    assert told() == reports


def test_equal_settings_have_equal_digests_and_paths_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(**changes: object) -> str:
        return made_feed(monkeypatch, NfblSettings.model_validate(changes), paced=False).digest

    one, other = made_model(tmp_path / "one"), made_model(tmp_path / "other")
    assert digest() == digest(source="live+x.csv", niceness=9)
    assert digest(model=str(one)) == digest(model=str(other))
    assert len({digest(), digest(rate_hz=5.0), digest(mirrored=True), digest(model=str(one))}) == 4


def losing(at_s: float) -> list[Changed]:
    return [Changed(at_s, FeedState.RESTARTING, KILLED), Changed(at_s, FeedState.LIVE)]


def test_at_max_speed_a_change_of_state_has_its_place_whenever_it_was_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenes = (
        Scene(0, 2, (), ROOM),
        Scene(2, 4),
        Scene(4, 6, (), ROOM),
        Scene(6, 9),
    )

    def crashing(view: View) -> tuple[Answer, ...]:
        if view.t_s == 2.1:
            return (Changed(None, FeedState.LIVE), *answered(view))
        return (*losing(view.t_s), *answered(view)) if view.t_s == 6.5 else answered(view)

    def told(*, at_once: bool) -> list[Report]:
        feed = made_feed(monkeypatch, paced=False)
        MadeHost.made.reply = crashing
        reports: list[Report] = []
        for scene in scenes:
            for frame in scene.frames():
                feed.see(frame, scene.faces)
                reports += feed.reports(frame.t_s) if at_once else []
        for until_s in () if at_once else np.arange(0.0, 9.0, 0.1):
            reports += feed.reports(until_s)
        return reports + feed.reports(math.inf)

    rules_that_see(monkeypatch, touching(3.0, 7.0))
    one, other = told(at_once=True), told(at_once=False)
    assert one == other
    assert times(one) == sorted(times(one))
    assert [state[:2] for state in states(one)] == [(2.0, "live"), (6.5, "restarting"), (6.5, "live")]


def test_frames_that_wait_to_be_masked_thin_the_looks_out_and_a_new_view_stays_new(live: LiveFeed) -> None:
    show(live, Scene(0, 1))
    before = len(MadeHost.made.views)
    for scene in (Scene(1, 2), Scene(2, 4, luma=ROOM)):
        for frame in scene.frames():
            live.see(frame, scene.faces, pressed=True)
    pressed = MadeHost.made.views[before:]
    assert [round(view.t_s, 2) for view in pressed] == [1.4, 1.9, 2.4, 2.9, 3.4, 3.9]
    assert [view.person for view in pressed] == [1, 1, 2, 2, 2, 2]
    assert [view.fresh for view in pressed] == [False, False, True, False, False, False]
    assert live.counts.skipped > 3
