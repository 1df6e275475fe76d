"""What lies before a track began and after it ended is told, so that nobody takes it for calm."""

from __future__ import annotations

import numpy as np
import pytest

from buffers.picture import Picture
from buffers.records import CleanFrame, CleanItem, FeedState, Gap, NfblState, Prosody, Track
from monitor.edges import Edges
from tests.made_clean import clean_blocks, clean_frame

pytestmark = pytest.mark.unit


@pytest.fixture
def edges() -> Edges:
    return Edges()


def frame(t_s: float) -> CleanFrame:
    return clean_frame(t_s, Picture.blank(64, 48))


def sound(t_s: float) -> CleanItem:
    return clean_blocks(t_s, np.zeros(1600, np.float32))[0]


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (frame(25.0), "the picture had not begun"),
        (sound(25.0), "the sound had not begun"),
        (Prosody(25.0, 0.1, 0.5, None, None), "the sound had not begun"),
    ],
)
def test_a_track_that_begins_late_was_missing_before(edges: Edges, item: CleanItem, what: str) -> None:
    (gap,) = edges.beside(item)
    assert (gap.start_s, gap.end_s, gap.reason) == (0.0, 25.0, what)
    assert edges.beside(item) == []


def test_a_second_at_either_edge_is_no_gap(edges: Edges) -> None:
    assert edges.beside(frame(1.0)) == []
    edges.over(Track.VIDEO, 5.0)
    assert edges.beside(sound(0.0)) == []
    assert edges.until(6.0) == []


def test_a_hole_that_the_source_names_at_the_beginning_is_named_once(edges: Edges) -> None:
    assert edges.beside(Gap(Track.VIDEO, 0.0, 8.0, "not yet connected")) == []
    assert edges.beside(frame(8.0)) == []


def test_a_track_that_is_over_is_missing_piece_by_piece(edges: Edges) -> None:
    edges.beside(frame(0.0))
    edges.beside(sound(0.0))
    edges.over(Track.VIDEO, 5.0)
    assert edges.beside(sound(6.0)) == []
    assert edges.beside(sound(6.1)) == [Gap(Track.VIDEO, 5.0, 6.1, "the picture was over")]
    assert edges.beside(sound(6.2)) == [Gap(Track.VIDEO, 6.1, 6.2, "the picture was over")]
    assert edges.until(7.0) == [Gap(Track.VIDEO, 6.2, 7.0, "the picture was over")]
    assert edges.until(7.0) == []


def test_a_track_that_is_known_to_end_before_its_items_were_taken_has_begun_all_the_same(edges: Edges) -> None:
    edges.over(Track.VIDEO, 5.0)
    assert edges.beside(frame(0.0)) == []
    assert edges.until(6.5) == [Gap(Track.VIDEO, 5.0, 6.5, "the picture was over")]


def test_a_track_of_which_nothing_ever_came_was_missing_all_the_time(edges: Edges) -> None:
    edges.over(Track.VIDEO, 0.0)
    assert edges.until(60.0) == [Gap(Track.VIDEO, 0.0, 60.0, "there was no picture")]


def test_what_a_feed_says_begins_no_track(edges: Edges) -> None:
    assert edges.beside(NfblState(25.0, FeedState.LIVE)) == []
