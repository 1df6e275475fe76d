from __future__ import annotations

import threading

import pytest

from buffers.picture import Picture
from buffers.records import CleanFrame, Gap, Track
from streams.channel import ChannelClosed
from streams.recording.backlog import Backlog, Recorded
from tests.made_clean import clean_blocks, clean_frame, click

pytestmark = pytest.mark.unit

FRAME_BYTES = Picture.blank(64, 48).nbytes


def frame(number: int) -> CleanFrame:
    return clean_frame(number / 10, Picture.blank(64, 48), index=number)


def rest(backlog: Backlog) -> list[Recorded]:
    backlog.close()
    items: list[Recorded] = []
    try:
        while True:
            items.append(backlog.get())
    except ChannelClosed:
        return items


def test_items_come_out_in_the_order_in_which_they_were_put() -> None:
    backlog = Backlog()
    items: list[Recorded] = [frame(0), *clean_blocks(0.0, click(0.2, 0.1)), Gap(Track.VIDEO, 0.1, 2.0, "x"), frame(20)]
    for item in items:
        backlog.put(item)
    assert rest(backlog) == items
    assert backlog.dropped == 0


def test_frames_beyond_the_memory_give_up_the_oldest_and_leave_the_sound() -> None:
    backlog = Backlog(most_bytes=3 * FRAME_BYTES)
    blocks = clean_blocks(0.0, click(1.0, 0.1))
    for number, block in enumerate(blocks):
        backlog.put(block)
        backlog.put(frame(number))
    items = rest(backlog)
    assert [item.index for item in items if isinstance(item, CleanFrame)] == [7, 8, 9]
    assert [item for item in items if item in blocks] == blocks
    assert backlog.dropped == 7


def test_memory_that_was_taken_is_free_again() -> None:
    backlog = Backlog(most_bytes=2 * FRAME_BYTES)
    for number in range(50):
        backlog.put(frame(number))
        item = backlog.get()
        assert isinstance(item, CleanFrame)
        assert item.index == number
    assert backlog.dropped == 0


def test_a_frame_larger_than_the_memory_is_kept_while_it_is_the_newest() -> None:
    backlog = Backlog(most_bytes=10)
    backlog.put(frame(0))
    backlog.put(frame(1))
    assert [item.index for item in rest(backlog) if isinstance(item, CleanFrame)] == [1]


def test_where_nothing_is_taken_for_minutes_the_oldest_go_and_the_rest_stays_in_order() -> None:
    backlog = Backlog(most_items=4)
    for number in range(10):
        backlog.put(frame(number))
    assert [item.index for item in rest(backlog) if isinstance(item, CleanFrame)] == [6, 7, 8, 9]


def test_putting_never_waits_and_is_refused_once_nothing_is_taken() -> None:
    backlog = Backlog(most_items=2)
    done = threading.Event()

    def fill() -> None:
        for number in range(100):
            backlog.put(frame(number))
        done.set()

    thread = threading.Thread(target=fill)
    thread.start()
    assert done.wait(10)
    thread.join(10)
    backlog.abort()
    for item in (frame(100), Gap(Track.VIDEO, 0.0, 1.0, "x")):
        with pytest.raises(ChannelClosed):
            backlog.put(item)


def test_what_comes_after_the_end_is_not_counted_as_left_out() -> None:
    backlog = Backlog(most_bytes=FRAME_BYTES)
    backlog.abort()
    for number in range(5):
        with pytest.raises(ChannelClosed):
            backlog.put(frame(number))
    assert backlog.dropped == 0
    assert not backlog._waiting
