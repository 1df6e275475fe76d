"""A source may be several links, each read by a thread of its own; and a live one has the session's clock."""

from __future__ import annotations

import math
import threading

import pytest

from buffers.records import CleanAudio, CleanFrame, Track
from streams.channel import ChannelClosed
from streams.clock import LiveClock, monotonic_s
from streams.media import RawEnd
from tests.made_ingest import (
    EndlessSource,
    LinkedSource,
    ListedLink,
    blocks,
    drain,
    exhaust,
    frames,
    ingest,
)

pytestmark = pytest.mark.unit


def test_two_links_are_captured_side_by_side_into_one_order() -> None:
    pictures, sound = ListedLink(Track.VIDEO, frames(50)), ListedLink(Track.AUDIO, blocks(20))
    items = drain(ingest(LinkedSource(pictures, sound)))
    times_s = [t_s for t_s, _ in items]
    assert times_s == sorted(times_s)
    assert sum(isinstance(item, CleanFrame) for _, item in items) == 50
    assert sum(isinstance(item, CleanAudio) for _, item in items) == 20
    assert pictures.closed.is_set()
    assert sound.closed.is_set()


def test_a_link_that_ends_leaves_the_other_to_go_on() -> None:
    go_on = threading.Event()
    pictures, sound = ListedLink(Track.VIDEO, frames(10, fps=10)), ListedLink(Track.AUDIO, blocks(30), until=go_on)
    running = ingest(LinkedSource(pictures, sound))
    running.start()
    reached_s = 0.0
    while reached_s < 2.8:
        reached_s = running.next_batch(10.0).watermark_s
    assert pictures.closed.is_set()
    assert not sound.closed.is_set()
    counts = running.counts()
    assert (counts[Track.VIDEO].ended, counts[Track.AUDIO].ended) == (True, False)
    go_on.set()
    assert exhaust(running) > 0
    running.abort()
    assert sound.closed.is_set()


def test_a_track_that_never_comes_holds_nothing_back_once_that_is_told() -> None:
    source = EndlessSource()
    running = ingest(source, clock=LiveClock())
    running.start()
    source.link.post(*blocks(5))
    with pytest.raises(TimeoutError):
        running.next_batch(0.2)
    source.link.post(RawEnd(Track.VIDEO), *blocks(5, start_s=0.5))
    watermark_s = 0.0
    while watermark_s < 0.9:
        watermark_s = running.next_batch(10.0).watermark_s
    assert math.isfinite(watermark_s)
    running.stop()
    exhaust(running)
    running.abort()


def test_a_live_source_is_begun_once_with_the_sessions_clock_and_stopped_with_it() -> None:
    source, clock = EndlessSource(), LiveClock()
    running = ingest(source, clock=clock)
    running.start()
    assert source.clocks == [clock]
    source.link.post(*frames(10), *blocks(4))
    assert running.next_batch(10.0).items
    assert source.stops == 0
    running.stop()
    exhaust(running)
    with pytest.raises(ChannelClosed):
        running.next_batch(0.0)
    running.abort()
    assert source.stops > 0
    assert source.clocks == [clock]
    assert source.link.closed.is_set()


def test_items_of_a_live_source_are_not_paced_again() -> None:
    source = EndlessSource()
    running = ingest(source, clock=LiveClock())
    running.start()
    source.link.post(*frames(3, start_s=3600.0), *blocks(3, start_s=3600.0))
    source.link.stop()
    started_s = monotonic_s()
    assert exhaust(running) > 0
    assert monotonic_s() - started_s < 10.0
    running.abort()
