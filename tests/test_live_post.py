from __future__ import annotations

import numpy as np
import pytest

from buffers.picture import Picture
from buffers.records import Track
from streams.channel import ChannelClosed
from streams.clock import VirtualClock
from streams.sources.live.notices import Notices
from streams.sources.live.post import Heard, Mailbox, Opened, Outcome, Waiting
from streams.sources.live.silences import PAUSED, Silence, Silences
from tests.made_captors import infos

pytestmark = pytest.mark.unit

V, A = Track.VIDEO, Track.AUDIO
PICTURE = Picture.blank(16, 16)


def test_arrivals_are_stamped_with_the_time_of_the_call() -> None:
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    clock.sleep_until(3.0)
    mailbox.frame(PICTURE, pts_s=90.0)
    clock.sleep_until(4.0)
    mailbox.sound(np.zeros(160, np.float32), captured_s=3.9)
    frame, sound = mailbox.take(0.0), mailbox.take(0.0)
    assert frame is not None
    assert sound is not None
    assert (frame.track, frame.arrived_s, frame.pts_s, frame.captured_s) == (V, 3.0, 90.0, None)
    assert (sound.track, sound.arrived_s, sound.pts_s, sound.captured_s) == (A, 4.0, None, 3.9)
    assert mailbox.take(0.0) is None


def test_a_captor_that_delivers_faster_than_anything_is_taken_costs_bounded_memory() -> None:
    mailbox = Mailbox(VirtualClock())
    for _ in range(10_000):
        mailbox.frame(PICTURE)
    assert mailbox.dropped > 9000
    held = 0
    while mailbox.take(0.0) is not None:
        held += 1
    assert held + mailbox.dropped == 10_000


def test_what_waited_for_too_long_is_dropped_and_counted() -> None:
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    mailbox.frame(PICTURE)
    clock.sleep_until(10.0)
    mailbox.frame(PICTURE)
    arrival = mailbox.take(0.0)
    assert arrival is not None
    assert arrival.arrived_s == 10.0
    assert mailbox.dropped == 1


def test_sound_carries_the_loss_before_it_once() -> None:
    mailbox = Mailbox(VirtualClock())
    mailbox.overflow("input overflow")
    mailbox.frame(PICTURE)
    for _ in range(2):
        mailbox.sound(np.zeros(160, np.float32))
    taken = [mailbox.take(0.0) for _ in range(3)]
    assert [arrival.lost for arrival in taken if isinstance(arrival, Heard)] == ["input overflow", None]


def test_a_shut_mailbox_gives_and_takes_nothing() -> None:
    mailbox = Mailbox(VirtualClock())
    mailbox.frame(PICTURE)
    assert not mailbox.wait(0.0)
    mailbox.shut()
    mailbox.frame(PICTURE)
    mailbox.sound(np.zeros(160, np.float32))
    assert not mailbox.wanted
    assert mailbox.wait(0.0)
    with pytest.raises(ChannelClosed):
        mailbox.take(0.0)


def test_what_had_arrived_when_an_attempt_ended_can_still_be_taken() -> None:
    mailbox = Mailbox(VirtualClock())
    mailbox.frame(PICTURE)
    mailbox.finish(Outcome("broke off"))
    mailbox.finish(Outcome("something else"))
    mailbox.frame(PICTURE)
    assert mailbox.take(0.0) is not None
    with pytest.raises(ChannelClosed):
        mailbox.take(0.0)
    assert mailbox.outcome == Outcome("broke off")


def test_the_words_of_a_captor_are_kept_in_order() -> None:
    mailbox = Mailbox(VirtualClock())
    mailbox.waiting("waiting for a publisher")
    mailbox.opened(infos(), "640x480")
    assert mailbox.news() == [Waiting(0.0, "waiting for a publisher"), Opened(0.0, infos(), ("640x480",))]
    assert mailbox.news() == []


def test_a_silence_is_told_once_a_second_for_its_first_reason() -> None:
    silences = Silences()
    told = []
    for n in range(41):
        told += silences.due({V: "video stalled" if n < 20 else "connection lost"}, n * 0.1)
    assert [silence.reason for silence in told] == ["video stalled"] * 5
    assert [silence.until_s for silence in told] == pytest.approx([-0.5, 0.5, 1.5, 2.5, 3.5])


def test_what_was_not_yet_there_or_paused_may_be_away_for_another_reason_later() -> None:
    silences = Silences()
    silences.due({V: "not yet connected"}, 0.0)
    assert [silence.reason for silence in silences.due({V: "video stalled"}, 1.0)] == ["video stalled"]
    assert silences.pause([V, A], 1.5) == [Silence(V, 1.5, "video stalled"), Silence(A, 1.5, PAUSED)]
    assert silences.until([V, A], 2.0) == [Silence(V, 2.0, PAUSED), Silence(A, 2.0, PAUSED)]
    assert [silence.reason for silence in silences.due({V: "connection lost"}, 3.0)] == ["connection lost"]


def test_a_track_that_is_back_has_no_silence() -> None:
    silences = Silences()
    silences.due({V: "video stalled"}, 0.0)
    silences.tell(V)
    assert silences.told(V)
    silences.over(V)
    assert silences.reason(V) is None
    assert not silences.told(V)
    assert silences.until([V], 1.0) == []


def test_notices_are_few_however_often_things_happen() -> None:
    notices = Notices()
    seen: set[str] = set()
    for total in range(1, 2001):
        notices.tell("sound was lost")
        notices.told("timestamps jumped", total)
        seen.update(notices.texts)
    assert len(seen) == 8
    assert notices.texts == ("sound was lost (1000 times or more)", "timestamps jumped (1000 times or more)")


def test_notices_are_bounded_and_nothing_is_told_that_did_not_happen() -> None:
    notices = Notices()
    notices.told("timestamps jumped", 0)
    assert notices.texts == ()
    for n in range(100):
        notices.tell(f"notice {n}")
    assert len(notices.texts) == 16
