from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from buffers.picture import Picture
from buffers.records import FeedState, Group, NfblEvent, NfblState, NfblWatch, Phase, Prosody
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame, RawGap
from streams.nfbl.feed import Feed, FeedCounts, FeedItem, Report
from streams.nfbl.joined import JoinedFeed
from streams.nfbl.replay import ReplayedFeed

pytestmark = pytest.mark.unit


class LiveLike:
    """A feed that tells what it was given and counts what it is shown."""

    def __init__(self, *items: tuple[float, FeedItem], fails: bool = False) -> None:
        self.source = "live"
        self.digest = "d"
        self.notices = ("made",)
        self.counts = FeedCounts(looks=5, skipped=2, losses=1)
        self.shown = 0
        self.closed = 0
        self._items = sorted(items, key=lambda item: item[0])
        self._fails = fails

    def see(self, frame: RawFrame, faces: Sequence[SeenFace] | None, *, pressed: bool = False) -> None:
        self.shown += 1

    def miss(self, gap: RawGap) -> None:
        self.shown += 1

    def hear(self, prosody: Prosody) -> None:
        self.shown += 1

    def reports(self, watermark_s: float) -> list[Report]:
        due = [Report(t_s, item) for t_s, item in self._items if t_s <= watermark_s]
        self._items = self._items[len(due) :]
        return due

    def close(self) -> None:
        self.closed += 1
        if self._fails:
            raise OSError


def event(event_id: str, t_s: float) -> NfblEvent:
    return NfblEvent(
        id=event_id,
        phase=Phase.OPEN,
        group=Group.HEAD,
        class_id="N7",
        name="x",
        side="none",
        start_s=t_s,
        end_s=t_s,
        score=0.5,
        alternatives=(),
        source="live",
    )


def watch(start_s: float, end_s: float) -> tuple[float, NfblWatch]:
    return end_s, NfblWatch(start_s, end_s, blind=((Group.HEAD, "hands out of view"),), person=1)


def state(t_s: float, found: FeedState) -> tuple[float, NfblState]:
    return t_s, NfblState(t_s, found)


@pytest.fixture
def replayed(tmp_path: Path) -> Feed:
    path = tmp_path / "x.csv"
    path.write_text("start_s,end_s,class\n1,3,N7\n", encoding="utf-8")
    return ReplayedFeed(path, duration_s=10.0)


def watches(reports: Sequence[Report]) -> list[tuple[float, float, bool]]:
    """Spans, and whether the first feed told them."""
    return [(r.item.start_s, r.item.end_s, r.item.person is not None) for r in reports if isinstance(r.item, NfblWatch)]


def test_events_of_all_feeds_come_in_order_of_time_and_only_the_first_feed_tells_what_was_watched(
    replayed: Feed,
) -> None:
    joined = JoinedFeed([LiveLike((2.0, event("e1", 2.0)), watch(0, 2), watch(2, 4)), replayed])
    reports = joined.reports(4.0)
    assert [report.t_s for report in reports] == [1.0, 2.0, 2.0, 3.0, 4.0]
    assert [r.item.id for r in reports if isinstance(r.item, NfblEvent)] == ["r1", "e1", "r1"]
    assert watches(reports) == [(0, 2, True), (2, 4, True)]


def test_while_the_first_feed_is_off_the_next_one_tells_what_was_watched_without_overlap(replayed: Feed) -> None:
    live = LiveLike(watch(0, 2), state(2.5, FeedState.OFF), watch(5, 6), state(6.5, FeedState.LIVE), watch(6, 9))
    joined = JoinedFeed([live, replayed])
    reports = [report for t_s in (2.0, 3.0, 6.0, 9.0) for report in joined.reports(t_s)]
    assert watches(reports) == [(0, 2, True), (2, 3, False), (3, 6, False), (6, 9, True)]
    assert [r.item.state for r in reports if isinstance(r.item, NfblState)] == [FeedState.OFF, FeedState.LIVE]


def test_a_single_feed_that_is_off_stays_what_it_is() -> None:
    joined = JoinedFeed([LiveLike(state(0.0, FeedState.OFF), watch(0, 1))])
    assert watches(joined.reports(math.inf)) == [(0, 1, True)]


def test_names_digests_and_notices_are_joined(replayed: Feed) -> None:
    joined: Feed = JoinedFeed([LiveLike(), replayed])
    assert joined.source == "live+replay:x.csv"
    assert joined.notices == ("made",)
    assert joined.digest == JoinedFeed([LiveLike(), replayed]).digest
    assert joined.digest != JoinedFeed([LiveLike()]).digest


def test_every_feed_is_shown_everything_and_closed_even_where_one_fails() -> None:
    feeds = [LiveLike(fails=True), LiveLike()]
    joined = JoinedFeed(feeds)
    joined.see(RawFrame(0.0, 0, Picture.blank(16, 16)), None)
    joined.hear(Prosody(0.0, 0.1, 0.0, None, None))
    with pytest.raises(OSError):  # noqa: PT011 - whatever a feed raises
        joined.close()
    assert [(feed.shown, feed.closed) for feed in feeds] == [(2, 1), (2, 1)]


def test_the_looks_of_all_feeds_are_counted(replayed: Feed) -> None:
    assert JoinedFeed([LiveLike(), replayed, LiveLike()]).counts == FeedCounts(looks=10, skipped=4, losses=2)


def test_nothing_to_join_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one feed"):
        JoinedFeed([])
