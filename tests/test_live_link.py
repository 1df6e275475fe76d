from __future__ import annotations

import itertools
import threading

import pytest

import streams.sources.live.link as link_module
from buffers.links import LinkState
from buffers.picture import Picture
from buffers.records import Track
from configs.errors import ConfigError, SourceLost
from configs.live_settings import LiveSettings
from streams.clock import monotonic_s
from streams.sources.live.attempt import MOST_HUNG
from streams.sources.live.captor import CaptureEnded, CaptureFailed, Post
from tests.made_captors import BOTH, VIDEO, Hung, Run, ScriptedCaptor, deliver, fail, flow, infos, last_of

pytestmark = pytest.mark.unit

CONNECTING, LIVE, STALLED, LOST, PAUSED, ENDED = (
    LinkState.CONNECTING,
    LinkState.LIVE,
    LinkState.STALLED,
    LinkState.LOST,
    LinkState.PAUSED,
    LinkState.ENDED,
)


@pytest.fixture(autouse=True)
def _wake_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time passes in an instant: the link must look at it as often."""
    monkeypatch.setattr(link_module, "_WAKE_S", 0.005)


def test_what_a_captor_delivers_comes_out_in_media_time() -> None:
    with Run(ScriptedCaptor(flow())) as run:
        run.pass_until(lambda: len(run.frames()) > 20 and len(run.blocks()) > 20, 0.04)
        assert run.link.status.state is LIVE
        assert run.states == [CONNECTING, LIVE]
        assert run.gaps(Track.VIDEO) == [] or run.gaps(Track.VIDEO)[0].reason == "not yet connected"
    run.assert_in_order()
    assert run.states == [CONNECTING, LIVE, ENDED]
    assert run.error is None


def test_a_refused_first_connection_is_retried_and_media_time_goes_on() -> None:
    captor = ScriptedCaptor(*[fail(CaptureFailed("connection refused"))] * 3, flow())
    with Run(captor) as run:
        run.until_state(LOST)
        assert run.link.status.reason == "connection refused"
        run.pass_until(lambda: run.link.status.state is LIVE)
        run.pass_until(run.frames, 0.04)
    assert captor.attempts == 4
    assert run.states == [CONNECTING, LOST, CONNECTING, LIVE, ENDED]
    gap = run.gaps(Track.VIDEO)[0]
    assert (gap.start_s, gap.reason) == (0.0, "not yet connected")
    assert gap.end_s == run.frames()[0].t_s
    run.assert_in_order()


def test_a_capture_that_returns_although_it_is_wanted_is_a_lost_source_and_comes_back() -> None:
    def short(post: Post) -> None:
        post.opened(infos())
        deliver(post)

    with Run(ScriptedCaptor(short, flow())) as run:
        run.until_state(LOST)
        assert run.link.status.reason == "ended without a word"
        assert run.link.status.retry_s == pytest.approx(0.5)
        run.pass_until(lambda: run.link.status.reconnects == 1)
        run.pass_until(lambda: len(run.frames()) > 1 and len(run.blocks()) > 1, 0.04)
    assert run.states == [CONNECTING, LIVE, LOST, CONNECTING, LIVE, ENDED]
    assert run.gaps(Track.AUDIO)[0].reason == "connection lost"
    run.assert_in_order()


def test_an_attempt_that_hangs_while_opening_is_left_behind_and_the_next_one_succeeds() -> None:
    hung = Hung(opens=False)
    captor = ScriptedCaptor(hung, flow())
    with Run(captor) as run:
        assert hung.inside.acquire(timeout=10)
        run.pass_s(12.5)
        run.until_state(LOST)
        assert run.link.status.reason == "did not open within 12 s"
        run.pass_until(lambda: run.link.status.state is LIVE)
        frames = len(run.frames())
        hung.free.set()
        run.pass_until(lambda: len(run.frames()) > frames + 5, 0.04)
    assert captor.attempts == 2
    run.assert_in_order()


def test_an_attempt_that_hangs_while_reading_is_left_behind_and_the_next_one_succeeds() -> None:
    hung = Hung(opens=True)
    captor = ScriptedCaptor(hung, flow())
    with Run(captor) as run:
        run.until_state(LIVE)
        run.pass_until(lambda: run.link.status.state is STALLED)
        assert run.link.status.reason == "no sound and no video for 2 s"
        run.pass_until(lambda: run.link.status.state is LIVE)
        hung.free.set()
    assert captor.attempts == 2
    assert run.states == [CONNECTING, LIVE, STALLED, LOST, CONNECTING, LIVE, ENDED]
    run.assert_in_order()


def test_the_gap_of_a_stall_has_one_reason_until_the_source_is_back() -> None:
    hung = Hung(opens=True)
    with Run(ScriptedCaptor(hung, fail(CaptureFailed("refused")), flow())) as run:
        run.until_state(LIVE)
        run.pass_until(lambda: len(run.frames()) > 5)
        hung.free.set()
    for track, reason in ((Track.VIDEO, "video stalled"), (Track.AUDIO, "sound stalled")):
        assert run.gaps(track)[0].reason == reason
        assert "connection lost" not in {gap.reason for gap in run.gaps(track)}
    assert run.gaps(Track.VIDEO)[0].end_s == run.frames()[1].t_s


def test_while_a_source_is_away_media_time_follows_within_two_seconds() -> None:
    with Run(ScriptedCaptor(fail(CaptureFailed("connection refused")))) as run:
        for _ in range(40):
            run.pass_s(0.25)
            run.until(lambda: run.clock.now_s() - last_of(run.gaps(Track.VIDEO)) < 2.0)
        assert len(run.gaps(Track.VIDEO)) == 1


def test_after_five_hung_attempts_no_thread_is_added_until_one_comes_back() -> None:
    hung = Hung(opens=False)
    captor = ScriptedCaptor(hung)
    with Run(captor) as run:
        run.pass_until(lambda: "never came back" in run.link.status.reason, 5.0)
        assert captor.attempts == MOST_HUNG
        assert run.link.status.state is LOST
        for _ in range(20):
            run.pass_s(40.0)
            run.until(lambda: run.link.status.state is LOST)
        assert captor.attempts == MOST_HUNG
        hung.free.set()
        run.pass_until(lambda: captor.attempts > MOST_HUNG, 5.0)


def test_a_source_that_stays_away_is_given_up_with_the_remedy() -> None:
    settings = LiveSettings(give_up_after_s=20.0)
    with Run(ScriptedCaptor(fail(CaptureFailed("connection refused"))), settings=settings) as run:
        run.pass_until(lambda: run.error is not None)
        run.join()
    assert isinstance(run.error, SourceLost)
    assert str(run.error) == (
        "made: connection refused; given up after 20 s without it; see that it is there, or give it longer with "
        "live.give_up_after_s"
    )
    assert run.states == [CONNECTING, LOST, ENDED]
    assert run.gaps(Track.VIDEO)[-1].end_s >= 20.0


def test_a_source_that_comes_to_its_own_end_is_over_without_an_error() -> None:
    def finite(post: Post) -> None:
        post.opened(infos())
        for _ in range(3):
            deliver(post)
        raise CaptureEnded("the recording is over")

    captor = ScriptedCaptor(finite)
    with Run(captor) as run:
        run.join()
    assert run.error is None
    assert run.changes[-1].reason == "the recording is over"
    assert len(run.frames()) == 3
    assert captor.closed >= 1


def test_what_a_captor_was_refused_with_at_first_ends_the_session_with_its_own_words() -> None:
    with Run(ScriptedCaptor(fail(ConfigError("pip install 'emotion-monitor[devices]'")))) as run:
        run.join()
    assert isinstance(run.error, ConfigError)
    assert run.states == [CONNECTING, ENDED]


def test_the_same_later_is_a_loss_like_any_other() -> None:
    def short(post: Post) -> None:
        post.opened(infos())
        deliver(post)

    captor = ScriptedCaptor(short, fail(ConfigError("no microphone is connected")), flow())
    with Run(captor) as run:
        run.pass_until(lambda: run.link.status.reason == "no microphone is connected")
        run.pass_until(lambda: run.link.status.state is LIVE)
    assert run.error is None


def test_an_unexpected_error_is_a_loss_and_its_text_is_told_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    secret = "rtsp://user:hunter2@camera/"
    with Run(ScriptedCaptor(fail(RuntimeError(secret)), flow())) as run:
        run.until_state(LOST)
        assert run.link.status.reason == "broke off (RuntimeError)"
        run.pass_until(lambda: run.link.status.state is LIVE)
    assert "RuntimeError" in caplog.text
    assert "made_captors.py" in caplog.text
    assert "hunter2" not in caplog.text + repr(run.changes) + repr(run.link.notices)


def test_a_reason_is_one_short_line() -> None:
    with Run(ScriptedCaptor(fail(CaptureFailed("refused\n" + "again " * 100)))) as run:
        run.until_state(LOST)
        assert "\n" not in run.link.status.reason
        assert len(run.link.status.reason) <= 200


def test_a_promised_track_that_is_not_there_ends_at_once_and_the_rest_goes_on() -> None:
    with Run(ScriptedCaptor(flow(VIDEO))) as run:
        run.pass_until(lambda: len(run.frames()) > 20, 0.04)
        assert run.ends() == [Track.AUDIO]
        assert run.link.tracks == VIDEO
        assert [info.track for info in run.link.infos] == [Track.VIDEO]
        assert run.link.notices == ("made: no sound in this stream",)
        assert run.link.status.state is LIVE
        run.pass_until(lambda: run.clock.now_s() > 30.0)
    run.assert_in_order()


def test_a_track_that_nobody_wants_of_the_link_is_let_go() -> None:
    with Run(ScriptedCaptor(flow()), tracks=VIDEO) as run:
        run.pass_until(lambda: len(run.frames()) > 20, 0.04)
    assert run.blocks() == []
    assert run.ends() == []


def test_a_track_that_froze_is_a_gap_while_the_other_flows_and_is_then_opened_again() -> None:
    captor = ScriptedCaptor(flow(VIDEO, opened=BOTH), flow())
    with Run(captor) as run:
        run.pass_until(lambda: run.link.status.state is STALLED)
        assert run.link.status.reason == "no sound for 2 s"
        run.pass_until(lambda: captor.attempts == 2)
        run.pass_until(run.blocks, 0.04)
    assert run.gaps(Track.AUDIO)[-1].reason == "sound stalled"
    run.assert_in_order()


def test_sound_that_a_device_says_it_lost_is_a_gap_although_the_times_show_none() -> None:
    def lossy(post: Post) -> None:
        post.opened(infos())
        n = 0
        while post.wanted:
            if n == 20:
                post.overflow("input overflow")
            deliver(post)
            n += 1
            post.wait(0.005)

    with Run(ScriptedCaptor(lossy)) as run:
        run.pass_until(lambda: any(gap.reason == "sound lost: input overflow" for gap in run.gaps(Track.AUDIO)), 0.04)
        assert "made: sound was lost on the way (input overflow)" in run.link.notices
    run.assert_in_order()


def test_a_captor_may_say_what_the_user_should_know() -> None:
    def noted(post: Post) -> None:
        post.opened(infos(), "the camera gives 640x480 instead of 1280x720")
        post.wait(60.0)

    with Run(ScriptedCaptor(noted)) as run:
        run.until(lambda: run.link.notices)
        assert run.link.notices == ("made: the camera gives 640x480 instead of 1280x720",)


@pytest.mark.parametrize("where", ["opening", "reading", "lost", "live", "paused"])
def test_a_stop_ends_everything_within_a_second_or_two_whatever_it_waits_for(where: str) -> None:
    hung = Hung(opens=where == "reading")
    script = {"lost": fail(CaptureFailed("refused")), "live": flow(), "paused": flow()}.get(where, hung)
    captor = ScriptedCaptor(script)
    with Run(captor) as run:
        run.until(lambda: captor.attempts == 1)
        if where == "paused":
            run.link.pause()
        run.until_state({"opening": CONNECTING, "reading": LIVE, "lost": LOST, "live": LIVE, "paused": PAUSED}[where])
        asked_s = monotonic_s()
        run.link.stop()
        run.until(lambda: run.link.status.state is ENDED)
        assert monotonic_s() - asked_s < 1.0
        run.join()
        assert monotonic_s() - asked_s < 2.0
    assert run.error is None
    assert captor.closed == 1
    hung.free.set()


def test_what_had_arrived_before_a_stop_comes_out() -> None:
    def burst(post: Post) -> None:
        post.opened(infos(VIDEO))
        for _ in range(10):
            deliver(post, VIDEO)
        post.wait(60.0)

    with Run(ScriptedCaptor(burst, tracks=VIDEO)) as run:
        run.until(lambda: run.link.status.silent_s is not None)
        run.link.stop()
        run.join()
    assert len(run.frames()) == 10


def test_closing_a_link_that_was_never_read_releases_the_captor() -> None:
    captor = ScriptedCaptor(flow())
    run = Run(captor)
    run.link.close()
    run.link.close()
    assert captor.closed == 2
    assert captor.attempts == 0


class Backlog:
    """Delivers for a second, is silent, then delivers at once everything it captured since."""

    def __init__(self) -> None:
        self.again = threading.Event()

    def __call__(self, post: Post) -> None:
        post.opened(infos(VIDEO))
        captured_s = 0.0
        while captured_s < 1.0:
            if captured_s <= post.now_s():
                post.frame(Picture.blank(16, 16), captured_s=captured_s)
                captured_s += 0.1
            post.wait(0.001)
        self.again.wait(30.0)
        while captured_s <= post.now_s():
            post.frame(Picture.blank(16, 16), captured_s=captured_s)
            captured_s += 0.1
        post.wait(30.0)


@pytest.mark.parametrize(("silent_s", "left_out"), [(3.0, False), (6.0, True)])
def test_a_backlog_after_a_stall_is_kept_unless_media_time_went_on_without_it(silent_s: float, left_out: bool) -> None:
    backlog = Backlog()
    with Run(ScriptedCaptor(backlog, tracks=VIDEO)) as run:
        run.pass_until(lambda: run.clock.now_s() > 1.0, 0.1)
        run.until(lambda: len(run.frames()) >= 10)
        run.pass_s(silent_s)
        run.until(lambda: bool(run.gaps(Track.VIDEO)) == left_out and run.link.status.state is STALLED)
        backlog.again.set()
        run.until(lambda: last_of(run.frames()) > silent_s + 0.8)
    assert [gap.reason for gap in run.gaps(Track.VIDEO)] == ["video stalled"] * left_out
    assert any("came too late" in notice for notice in run.link.notices) == left_out
    steps_s = [later.t_s - earlier.t_s for earlier, later in itertools.pairwise(run.frames())]
    assert (max(steps_s) > 1.0) == left_out
    run.assert_in_order()
