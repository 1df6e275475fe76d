from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.picture import Picture
from buffers.records import Group, NfblEvent, NfblWatch, Phase, Prosody
from configs.errors import ConfigError
from streams.media import RawFrame
from streams.nfbl.annotations.declaration import Declaration
from streams.nfbl.feed import Feed, Report
from streams.nfbl.replay import ReplayedFeed

pytestmark = pytest.mark.unit


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def due(feed: ReplayedFeed, watermark_s: float) -> tuple[NfblEvent, ...]:
    return tuple(report.item for report in feed.reports(watermark_s) if isinstance(report.item, NfblEvent))


def everything(path: Path) -> tuple[NfblEvent, ...]:
    return due(ReplayedFeed(path), 1e12)


def brief(events: tuple[NfblEvent, ...]) -> list[tuple[str, str, float]]:
    return [(e.id, e.phase.value, e.start_s if e.phase is Phase.OPEN else e.end_s) for e in events]


def test_each_event_opens_at_its_start_and_closes_at_its_end_in_order_of_time(tmp_path: Path) -> None:
    events = everything(written(tmp_path, "start_s,end_s,class\n5,6,N7\n1,9,N16\n6,7,N30\n"))
    assert brief(events) == [
        ("r1", "open", 1),
        ("r2", "open", 5),
        ("r2", "close", 6),
        ("r3", "open", 6),
        ("r3", "close", 7),
        ("r1", "close", 9),
    ]


def test_a_report_is_given_once_and_not_before_its_time(tmp_path: Path) -> None:
    feed = ReplayedFeed(written(tmp_path, "start_s,end_s,class\n1,2,N7\n"))
    assert due(feed, 0.99) == ()
    assert brief(due(feed, 1.0)) == [("r1", "open", 1)]
    assert due(feed, 1.5) == ()
    assert brief(due(feed, 99.0)) == [("r1", "close", 2)]
    assert due(feed, 99.0) == ()


def test_an_open_report_does_not_know_its_end_yet(tmp_path: Path) -> None:
    opened, closed = everything(written(tmp_path, "start_s,end_s,class,side,score\n1,4,N10,Left,0.7\n"))
    assert (opened.duration_s, closed.duration_s) == (0.0, 3.0)
    assert (closed.class_id, closed.name, closed.group) == ("N10", "Touching jaw", Group.HEAD)
    assert (closed.side, closed.score, closed.source) == ("left", 0.7, "replay:labels.csv")


def test_side_and_score_may_be_missing_or_empty(tmp_path: Path) -> None:
    plain = everything(written(tmp_path, "start_s,end_s,class\n1,4,N10\n"))[0]
    empty = everything(written(tmp_path, "start_s,end_s,class,side,score\n1,4,N10,,\n"))[0]
    assert (plain.side, plain.score) == (empty.side, empty.score) == ("none", 1.0)


@pytest.mark.parametrize(
    "content",
    [
        "class,note,end_s,start_s\nN7,anything,4.5,1.5\n",
        "\ufeffstart_s;end_s;class\r\n1,5;4,5;C8\r\n",
        "Start_S\tEND_S\tclass\n1.5\t4.5\tTouching or scratching facial parts\n\n",
        'start_s,end_s,class,note\n1.5,4.5,"N7","two\nlines"\n',
    ],
)
def test_order_separator_mark_and_line_ends_do_not_matter(tmp_path: Path, content: str) -> None:
    events = everything(written(tmp_path, content))
    assert [(e.class_id, e.start_s) for e in events] == [("N7", 1.5)] * 2
    assert events[1].end_s == 4.5


def test_an_event_without_length_lasts_a_moment_and_still_opens_before_it_closes(tmp_path: Path) -> None:
    events = everything(written(tmp_path, "start_s,end_s,class\n3,3,N7\n"))
    assert [e.phase for e in events] == [Phase.OPEN, Phase.CLOSE]
    assert events[1].end_s == pytest.approx(3.2)


def test_rows_of_unknown_classes_are_left_out_and_listed(tmp_path: Path) -> None:
    feed = ReplayedFeed(written(tmp_path, "start_s,end_s,class\n1,2,waving\n2,3,waving\n3,4,N99\x1b[2J\n4,5,N7\n"))
    (notice,) = feed.notices
    assert "3 rows left out" in notice
    assert "'waving' (2)" in notice
    assert "\x1b" not in notice
    assert {e.class_id for e in due(feed, 10)} == {"N7"}


def test_many_unknown_classes_do_not_flood_the_notice(tmp_path: Path) -> None:
    rows = "".join(f"1,2,thing {i}\n" for i in range(500))
    (notice,) = ReplayedFeed(written(tmp_path, "start_s,end_s,class\n" + rows)).notices
    assert "and 490 more" in notice
    assert len(notice) < 600


def test_rows_after_the_end_of_the_media_are_left_out_and_noted(tmp_path: Path) -> None:
    feed = ReplayedFeed(written(tmp_path, "start_s,end_s,class\n1,2,N7\n30,31,N7\n"), duration_s=10.0)
    assert len(due(feed, 100.0)) == 2
    assert feed.notices == ("labels.csv: 1 rows left out, they start after the end of the media at 10 s",)


def test_the_hand_labels_of_the_shared_clips_can_be_replayed(media_dir: Path) -> None:
    feed = ReplayedFeed(media_dir / "nfbl" / "labels.csv", media_name="liveportrait_s20.mp4")
    assert feed.notices == ()
    events = due(feed, 1e6)
    assert len(events) > 0
    assert {event.source for event in events} == {"replay:labels.csv"}


def test_what_lasts_beyond_the_media_ends_with_it(tmp_path: Path) -> None:
    feed = ReplayedFeed(written(tmp_path, "start_s,end_s,class\n8,12,N7\n"), duration_s=10.0)
    assert brief(due(feed, 100.0)) == [("r1", "open", 8), ("r1", "close", 10)]


def test_numbers_without_a_base_are_left_out_with_a_word_on_how_to_declare_one(tmp_path: Path) -> None:
    path = written(tmp_path, "start_s,end_s,class\n1,2,7\n")
    _, hint = ReplayedFeed(path).notices
    assert "base=0 or base=1" in hint
    assert ReplayedFeed(path, declaration=Declaration.parse("base=0")).notices == ()


def watched(reports: list[Report]) -> list[tuple[float, float]]:
    return [(r.item.start_s, r.item.end_s) for r in reports if isinstance(r.item, NfblWatch)]


def told(reports: list[Report]) -> list[tuple[str, str, float]]:
    return brief(tuple(r.item for r in reports if isinstance(r.item, NfblEvent)))


def a_feed(path: Path, duration_s: float | None = None) -> Feed:
    return ReplayedFeed(path, duration_s=duration_s)


def test_reports_tell_events_when_due_and_what_was_watched_up_to_the_watermark(tmp_path: Path) -> None:
    feed = a_feed(written(tmp_path, "start_s,end_s,class\n1,2,N7\n"))
    first = feed.reports(1.5)
    assert told(first) == [("r1", "open", 1)]
    assert [report.t_s for report in first] == [1.0, 1.5]
    assert watched(first) == [(0, 1.5)]
    (watch,) = (report.item for report in first if isinstance(report.item, NfblWatch))
    assert (watch.seen, watch.person) == ((Group.HEAD, Group.ARMS, Group.HANDS, Group.POSTURE), None)
    assert feed.reports(1.5) == []
    assert feed.reports(-float("inf")) == []
    second = feed.reports(3.0)
    assert told(second) == [("r1", "close", 2)]
    assert watched(second) == [(1.5, 3.0)]
    feed.close()
    feed.close()


@pytest.mark.parametrize(("duration_s", "end_s"), [(None, 9.0), (30.0, 30.0)])
def test_the_end_tells_the_rest_up_to_the_medias_end_or_the_last_events(
    tmp_path: Path, duration_s: float | None, end_s: float
) -> None:
    feed = a_feed(written(tmp_path, "start_s,end_s,class\n1,2,N7\n8,9,N8\n"), duration_s)
    feed.reports(4.0)
    last = feed.reports(float("inf"))
    assert told(last) == [("r2", "open", 8), ("r2", "close", 9)]
    assert watched(last) == [(4.0, end_s)]
    assert feed.reports(float("inf")) == []


def test_a_session_broken_off_has_not_met_the_rest_of_the_file(tmp_path: Path) -> None:
    feed = a_feed(written(tmp_path, "start_s,end_s,class\n1,7,N7\n4,20,N16\n8,9,N8\n"), 30.0)
    feed.see(RawFrame(4.9, 0, Picture.blank(16, 16)), None)
    feed.hear(Prosody(4.5, 0.5, 0.0, None, None))
    feed.reports(4.2)
    last = feed.reports(float("inf"))
    assert told(last) == [("r1", "close", 5), ("r2", "close", 5)]
    assert watched(last) == [(4.2, 5.0)]


def test_a_file_without_events_still_says_that_it_watched(tmp_path: Path) -> None:
    feed = a_feed(written(tmp_path, "start_s,end_s,class\n"))
    assert watched(feed.reports(2.0)) == [(0, 2)]
    assert feed.reports(float("inf")) == []


@given(st.lists(st.floats(0, 30), max_size=12).map(sorted))
def test_the_watch_has_no_holes_and_reports_are_in_order(
    tmp_path_factory: pytest.TempPathFactory, asked: list[float]
) -> None:
    path = written(tmp_path_factory.mktemp("feed"), "start_s,end_s,class\n1,2,N7\n3,9,N8\n20,40,N7\n")
    feed = a_feed(path, 30.0)
    reports = [report for t_s in (*asked, float("inf")) for report in feed.reports(t_s)]
    spans = watched(reports)
    assert spans[0][0] == 0
    assert spans[-1][1] == 30.0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    times = [report.t_s for report in reports]
    assert times == sorted(times)
    assert told(reports) == brief(due(ReplayedFeed(path, duration_s=30.0), 99.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r":1: the file is empty"),
        ("\n \n", r":1: the file is empty"),
        ("start_s,class\n1,N7\n", r":1: no column end_s"),
        ("start_s,end_s,class,end_s\n1,2,N7,3\n", r":1: the column end_s is there twice"),
        ("start_s,end_s,class\n1,2,N7\nx,2,N7\n", r":3: start_s is 'x'; expected a number"),
        ("start_s,end_s,class\n-1,2,N7\n", r":2: the start is -1 s; expected seconds of media time from 0"),
        ("start_s,end_s,class\n1,nan,N7\n", r":2: end_s is 'nan'; expected"),
        ("start_s,end_s,class\n1,inf,N7\n", r":2: end_s is 'inf'; expected"),
        ("start_s,end_s,class\n1\n", r":2: end_s is ''; expected"),
        ("start_s,end_s,class\n5,2,N7\n", r":2: the end 2 s is before the start 5 s; expected"),
        ("start_s,end_s,class,side\n1,2,N7,up\n", r":2: side is 'up'; expected left"),
        ("start_s,end_s,class,score\n1,2,N7,7\n", r":2: score is 7; expected"),
        (b"start_s,end_s,class\n1,2,N7\n1,2,Ger\xe4t\n", r":3: is not UTF-8"),
        ("start_s,end_s,class\n1,2,N7\n".encode("utf-16-le"), r":1: holds a zero byte"),
        (b"start_s,end_s,class\n1,2,\0\n", r":2: holds a zero byte"),
        ('start_s,end_s,class\n1,2,"N7\n', r":2: not readable as CSV"),
        ("start_s,end_s,class\n1,2," + "x" * 200_000, r":\d: not readable as CSV"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line_that_names_file_and_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigError, match="labels.csv" + message) as caught:
        ReplayedFeed(written(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert "expected" in str(caught.value) or "keep one" in str(caught.value) or "save it as" in str(caught.value)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            ReplayedFeed(path)


def test_a_file_name_with_control_characters_cannot_break_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a\n\x1b[2Jb.csv"
    path.write_text("start_s,end_s\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no column class") as caught:
        ReplayedFeed(path)
    assert str(caught.value).isprintable()


@given(
    st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 50)), max_size=30),
    st.lists(st.floats(0, 2e3), max_size=10).map(sorted),
)
def test_how_often_the_feed_is_asked_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float]], asked: list[float]
) -> None:
    text = "start_s,end_s,class\n" + "".join(f"{start!r},{start + length!r},N7\n" for start, length in rows)
    path = written(tmp_path_factory.mktemp("feed"), text)
    feed = ReplayedFeed(path)
    piecewise = tuple(event for t_s in (*asked, 1e12) for event in due(feed, t_s))
    assert piecewise == everything(path)
    assert len(piecewise) == 2 * len(rows)
    times = [e.start_s if e.phase is Phase.OPEN else e.end_s for e in piecewise]
    assert times == sorted(times)
    phases: dict[str, list[Phase]] = {}
    for event in piecewise:
        phases.setdefault(event.id, []).append(event.phase)
    assert all(order == [Phase.OPEN, Phase.CLOSE] for order in phases.values())
