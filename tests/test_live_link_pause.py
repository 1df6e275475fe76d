from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest

import streams.sources.live.link as link_module
from buffers.links import LinkState
from buffers.records import AUDIO_RATE_HZ, Track
from streams.clock import LiveClock
from streams.media import RawAudio, RawFrame, RawGap
from streams.sources.live.captor import CaptureFailed, Post
from tests.made_captors import BOTH, VIDEO, Hung, Run, ScriptedCaptor, deliver, fail, flow, infos, last_of

pytestmark = pytest.mark.unit

PAUSE = "paused for privacy"


@pytest.fixture(autouse=True)
def _wake_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time passes in an instant: the link must look at it as often."""
    monkeypatch.setattr(link_module, "_WAKE_S", 0.005)


class Stubborn:
    """Goes on delivering as fast as it can, wanted or not, until `free` is set."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.delivered = 0

    def __call__(self, post: Post) -> None:
        post.opened(infos())
        heard_s = post.now_s()
        while not self.free.wait(0.0005):
            deliver(post, VIDEO)
            samples = int((post.now_s() - heard_s) * AUDIO_RATE_HZ)
            post.sound(np.zeros(samples, np.float32), captured_s=heard_s)
            heard_s += samples / AUDIO_RATE_HZ
            self.delivered += 1

    def beyond(self, count: int) -> bool:
        """Whether more than `count` were delivered."""
        return self.delivered > count


def longer(items: Callable[[], Sequence[object]], count: int) -> bool:
    """Whether there are more than `count` items."""
    return len(items()) > count


def media_between(run: Run, start_s: float, end_s: float) -> list[RawFrame | RawAudio]:
    """Pictures and sound of a span."""
    return [item for item in list(run.items) if isinstance(item, RawFrame | RawAudio) and start_s < item.t_s < end_s]


def test_nothing_that_was_stamped_after_the_call_comes_out_whatever_the_captor_does() -> None:
    stubborn = Stubborn()
    clock = LiveClock()
    spans = []
    with Run(ScriptedCaptor(stubborn), clock=clock) as run:
        for _ in range(4):
            run.until(functools.partial(longer, run.frames, len(run.frames()) + 20))
            asked_s = clock.now_s()
            run.link.pause()
            assert run.link.status.state is LinkState.PAUSED
            run.until(functools.partial(stubborn.beyond, stubborn.delivered + 100))
            spans.append((asked_s, clock.now_s()))
            run.link.resume()
        stubborn.free.set()
    for asked_s, resumed_s in spans:
        # What arrived before the call may be placed up to 50 ms later, see `LiveTimes`.
        assert media_between(run, asked_s + 0.05, resumed_s) == []
    assert len(run.frames()) > 80
    run.assert_in_order()


def test_the_pause_is_one_gap_from_the_last_item_to_the_first_after_it() -> None:
    with Run(ScriptedCaptor(flow())) as run:
        run.pass_until(lambda: len(run.frames()) > 10 and run.blocks(), 0.04)
        run.link.pause()
        last_s = run.frames()[-1].t_s
        for _ in range(20):
            run.pass_s(1.0)
            run.until(lambda: run.clock.now_s() - last_of(run.gaps(Track.VIDEO)) < 2.0)
        run.link.resume()
        run.pass_until(lambda: min(run.frames()[-1].t_s, run.blocks()[-1].t_s) > 20.0, 0.04)
        gap = next(gap for gap in run.gaps(Track.VIDEO) if gap.reason == PAUSE)
    first = next(frame for frame in run.frames() if frame.t_s > gap.start_s)
    assert gap.start_s == pytest.approx(last_s, abs=0.1)
    assert gap.end_s == first.t_s
    heard = next(gap for gap in run.gaps(Track.AUDIO) if gap.reason == PAUSE)
    assert heard.end_s == next(block.t_s for block in run.blocks() if block.t_s > heard.start_s)
    run.assert_in_order()


def test_a_device_is_told_to_let_go_and_is_opened_anew_at_once_after_the_pause() -> None:
    released = threading.Event()

    def device(post: Post) -> None:
        flow()(post)
        released.set()

    captor = ScriptedCaptor(device)
    with Run(captor) as run:
        run.until_state(LinkState.LIVE)
        run.link.pause()
        run.link.pause()
        assert released.wait(10)
        for _ in range(20):
            run.pass_s(10.0)
            run.until(lambda: run.link.status.state is LinkState.PAUSED)
        assert captor.attempts == 1
        run.link.resume()
        run.link.resume()
        run.until(lambda: captor.attempts == 2)
        run.pass_until(lambda: run.link.status.state is LinkState.LIVE, 0.04)
    assert run.states.count(LinkState.PAUSED) == 1
    assert run.link.status.reconnects == 0


@pytest.mark.parametrize("where", ["opening", "reading", "lost", "waiting"])
def test_a_pause_is_obeyed_at_once_also_where_nothing_can_be_closed(where: str) -> None:
    hung = Hung(opens=where == "reading")

    def waiting(post: Post) -> None:
        post.waiting("waiting for a publisher")
        post.wait(60.0)

    script = {"lost": fail(CaptureFailed("refused")), "waiting": waiting}.get(where, hung)
    captor = ScriptedCaptor(script, flow())
    with Run(captor) as run:
        run.until(lambda: captor.attempts == 1)
        if where in {"opening", "reading"}:
            assert hung.inside.acquire(timeout=10)
        run.link.pause()
        assert run.link.status.state is LinkState.PAUSED
        asked_s = run.clock.now_s()
        run.pass_s(5.0)
        run.until(lambda: run.gaps(Track.VIDEO) and run.gaps(Track.VIDEO)[-1].reason == PAUSE)
        hung.free.set()
        run.pass_s(5.0)
        resumed_s = run.clock.now_s()
        run.link.resume()
        run.pass_until(lambda: run.link.status.state is LinkState.LIVE)
        run.pass_until(lambda: last_of(run.frames()) > resumed_s, 0.04)
    assert media_between(run, asked_s, resumed_s) == []
    run.assert_in_order()


def test_a_stop_ends_a_pause_and_the_gap_lasts_to_the_end() -> None:
    with Run(ScriptedCaptor(flow(VIDEO), tracks=VIDEO)) as run:
        run.until(run.frames)
        run.link.pause()
        run.pass_s(7.0)
        run.link.stop()
        run.join()
    assert run.gaps(Track.VIDEO)[-1].reason == PAUSE
    assert run.gaps(Track.VIDEO)[-1].end_s == 7.0


def test_a_link_that_is_paused_before_it_begins_opens_nothing() -> None:
    captor = ScriptedCaptor(flow(BOTH))
    run = Run(captor)
    run.link.pause()
    with run:
        run.pass_s(5.0)
        run.until(lambda: run.gaps(Track.AUDIO))
        assert captor.attempts == 0
        assert run.link.status.state is LinkState.PAUSED
        run.link.resume()
        run.until(lambda: captor.attempts == 1)
    assert all(item.reason == PAUSE for item in run.items if isinstance(item, RawGap) and item.end_s <= 5.0)
