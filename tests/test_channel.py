from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.channel import Channel, ChannelClosed, Policy

pytestmark = pytest.mark.unit


def live(max_items: int = 3, max_age_s: float | None = None) -> Channel[int]:
    return Channel("test", max_items=max_items, policy=Policy.DROP_OLDEST, max_age_s=max_age_s)


def test_a_full_live_channel_drops_its_oldest_item_and_counts_it() -> None:
    channel = live(max_items=2)
    for n in range(5):
        channel.put(float(n), n)
    assert [channel.get(), channel.get()] == [3, 4]
    assert channel.counts.dropped == channel.counts.dropped_full == 3


def test_items_older_than_the_age_limit_are_dropped_and_counted() -> None:
    channel = live(max_items=10, max_age_s=1.0)
    channel.put(0.0, 0)
    channel.put(0.5, 1)
    channel.put(1.2, 2)
    assert channel.get() == 1
    assert channel.counts.dropped_old == 1


def test_what_is_queued_can_be_read_after_the_writer_closed() -> None:
    channel = live()
    channel.put(0.0, 7)
    channel.close()
    assert channel.get() == 7
    with pytest.raises(ChannelClosed):
        channel.get()
    with pytest.raises(ChannelClosed):
        channel.put(1.0, 8)


def test_a_reader_that_leaves_frees_a_waiting_writer() -> None:
    channel: Channel[int] = Channel("test", max_items=1, policy=Policy.WAIT)
    channel.put(0.0, 0)
    refused = threading.Event()

    def write() -> None:
        try:
            channel.put(1.0, 1)
        except ChannelClosed:
            refused.set()

    writer = threading.Thread(target=write)
    writer.start()
    channel.abort()
    writer.join(5)
    assert refused.is_set()


def test_an_empty_channel_times_out() -> None:
    with pytest.raises(TimeoutError, match="nothing within"):
        live().get(timeout_s=0.0)


def test_a_channel_needs_room_for_one_item() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        live(max_items=0)


@given(st.integers(1, 5), st.integers(0, 40))
def test_a_waiting_channel_loses_nothing_and_keeps_order(max_items: int, count: int) -> None:
    channel: Channel[int] = Channel("test", max_items=max_items, policy=Policy.WAIT)

    def write() -> None:
        for n in range(count):
            channel.put(float(n), n)
        channel.close()

    writer = threading.Thread(target=write)
    writer.start()
    read: list[int] = []
    while True:
        try:
            read.append(channel.get())
        except ChannelClosed:
            break
    writer.join(5)
    assert read == list(range(count))
    assert channel.counts.dropped == 0
