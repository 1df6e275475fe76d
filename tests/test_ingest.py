from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from buffers.records import CleanAudio, CleanFrame, Gap, NfblEvent, Prosody, Track
from configs.errors import DeidentificationFailed, SourceLost, SourceUnreadable
from configs.settings import IngestSettings
from streams.channel import ChannelClosed
from streams.clock import PacedClock
from streams.media import RawGap
from streams.nfbl.replay import ReplayedFeed
from tests.made_ingest import (
    ListedSource,
    PlainFaces,
    PlainVoice,
    assert_set,
    blocks,
    drain,
    exhaust,
    frames,
    ingest,
    shape,
)

pytestmark = pytest.mark.unit


def test_everything_comes_out_once_in_order_of_media_time() -> None:
    items = drain(ingest(ListedSource(frames(50) + blocks(20))))
    times = [t_s for t_s, _ in items]
    assert times == sorted(times)
    assert sum(isinstance(item, CleanFrame) for _, item in items) == 50
    assert sum(isinstance(item, CleanAudio) for _, item in items) == 20
    assert sum(isinstance(item, Prosody) for _, item in items) == 20


def test_the_order_at_max_speed_is_the_same_whichever_worker_is_slower() -> None:
    def busy() -> None:
        sum(range(20_000))

    slow_faces = drain(ingest(ListedSource(frames(40) + blocks(16)), faces=PlainFaces(before=busy)))
    slow_voice = drain(ingest(ListedSource(frames(40) + blocks(16)), voice=PlainVoice(before=busy)))
    assert shape(slow_faces) == shape(slow_voice)


def test_a_track_that_starts_late_keeps_its_offset() -> None:
    items = drain(ingest(ListedSource(frames(10, start_s=0.852) + blocks(20))))
    assert min(t_s for t_s, item in items if isinstance(item, CleanFrame)) == 0.852
    assert items[0][0] == 0.0


def test_a_worker_that_breaks_ends_the_session_and_releases_nothing_more() -> None:
    running = ingest(ListedSource(frames(40) + blocks(16)), faces=PlainFaces(break_at=20))
    running.start()
    released: list[CleanFrame] = []
    with pytest.raises(DeidentificationFailed, match="boom"):
        exhaust(running, released)
    running.abort()
    assert all(frame.index < 20 for frame in released)


def test_a_source_that_is_lost_is_told_to_the_session_and_closed() -> None:
    source = ListedSource(frames(5) + blocks(2), SourceLost("the camera is gone; plug it in again"))
    running = ingest(source)
    running.start()
    with pytest.raises(SourceLost, match="camera"):
        exhaust(running)
    running.abort()
    assert source.closed.is_set()


def test_a_fault_while_reading_ends_the_session_in_one_line() -> None:
    running = ingest(ListedSource(frames(5) + blocks(2), ZeroDivisionError("a bug")))
    running.start()
    with pytest.raises(SourceUnreadable, match=r"listed: reading failed \(ZeroDivisionError: a bug\)"):
        exhaust(running, [])
    running.abort()


def test_audio_that_was_lost_on_the_way_becomes_a_gap() -> None:
    items = drain(ingest(ListedSource(frames(50) + blocks(5) + blocks(5, start_s=1.0))))
    gaps = [item for _, item in items if isinstance(item, Gap)]
    assert [(gap.track, round(gap.start_s, 6), round(gap.end_s, 6)) for gap in gaps] == [(Track.AUDIO, 0.5, 1.0)]


@pytest.mark.parametrize("forgetful", [True, False])
def test_a_gap_of_the_source_reaches_the_session_in_its_place(forgetful: bool) -> None:
    hole = RawGap(Track.VIDEO, 0.4, 1.6, "the camera was covered")
    source = ListedSource([*frames(10), hole, *frames(10, start_s=1.6), *blocks(20)])
    items = drain(ingest(source, faces=PlainFaces(forgetful=forgetful)))
    assert [item for _, item in items if isinstance(item, Gap)] == [
        Gap(Track.VIDEO, 0.4, 1.6, "the camera was covered")
    ]
    assert [t_s for t_s, _ in items] == sorted(t_s for t_s, _ in items)


def test_a_track_that_is_over_is_told_with_what_is_later() -> None:
    running = ingest(ListedSource(frames(10) + blocks(40)))
    running.start()
    told: list[tuple[float, tuple[tuple[Track, float], ...]]] = []
    with contextlib.suppress(ChannelClosed):
        while True:
            batch = running.next_batch(10.0)
            told += [(t_s, batch.over) for t_s, _ in batch.items]
    running.abort()
    assert all(dict(over)[Track.VIDEO] == pytest.approx(0.36) for t_s, over in told if t_s > 0.36)
    assert max(t_s for t_s, _ in told) == pytest.approx(3.9)


def test_events_of_the_feed_come_between_the_media_they_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("start_s,end_s,class\n0.3,0.8,N34\n")
    items = drain(ingest(ListedSource(frames(50) + blocks(20)), feed=ReplayedFeed(path)))
    events = [(t_s, item.phase.value) for t_s, item in items if isinstance(item, NfblEvent)]
    assert events == [(0.3, "open"), (0.8, "close")]
    assert [t_s for t_s, _ in items] == sorted(t_s for t_s, _ in items)


def test_a_stopped_session_still_gets_what_was_captured() -> None:
    clock = PacedClock(speed=1.0)
    running = ingest(ListedSource(frames(10_000) + blocks(4_000)), clock=clock)
    running.start()
    running.next_batch(10.0)
    running.stop()
    assert exhaust(running) > 0
    running.abort()


def test_a_live_edge_drops_the_oldest_frames_and_counts_them() -> None:
    release = threading.Event()
    source = ListedSource(frames(200, fps=1e9), tracks=(Track.VIDEO,))
    running = ingest(source, faces=PlainFaces(late=0, before=lambda: assert_set(release)), clock=PacedClock())
    running.start()
    source.closed.wait(10)
    release.set()
    released = exhaust(running)
    running.abort()
    counts = running.counts()[Track.VIDEO]
    assert counts.received == 200
    assert counts.dropped > 0
    assert released + counts.dropped == 200


def test_a_gap_does_not_make_way_for_the_frame_right_behind_it() -> None:
    """Live, the edge drops what is old: a gap is as old as its end, not as its beginning."""
    source = ListedSource(
        [*frames(5), RawGap(Track.VIDEO, 0.2, 3.2, "no pictures came"), *frames(5, start_s=3.2), *blocks(35)]
    )
    items = drain(ingest(source, clock=PacedClock(1000.0), settings=IngestSettings()))
    assert [item.end_s for _, item in items if isinstance(item, Gap) and item.track is Track.VIDEO] == [3.2]
