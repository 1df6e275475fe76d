"""A journal as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from buffers.records import NFBL_GROUPS, FeedState, Group, Phase, Track
from configs.errors import JournalError
from monitor.record import Record
from monitor.records import BlindRecord, FeedRecord, GapRecord
from monitor.session_view import NOT_WATCHED, SessionView, read_view
from tests.made_journal import made_journal, made_records
from tests.made_runs import end, session

pytestmark = pytest.mark.unit


@pytest.fixture
def seen(tmp_path: Path) -> SessionView:
    return read_view(made_journal(tmp_path / "a.jsonl"))


def viewed(folder: Path, *records: Record) -> SessionView:
    return read_view(made_journal(folder / "a.jsonl", records))


def test_a_session_is_read_whole(seen: SessionView) -> None:
    assert (seen.session, seen.seq, seen.end_s) == ("l-0123456789abcdef", 151, 600.0)
    assert seen.end is not None
    assert seen.end.totals.judged == len(seen.verdicts) == len(seen.estimates) == 39
    assert len(seen.health) == 20
    assert [one.note for one in seen.marks] == ["laughter"]


def test_a_window_is_its_verdict_with_the_description_it_was_judged_from(seen: SessionView) -> None:
    for one in seen.windows:
        assert one.verdict is not None
        assert one.verdict.window == one.window
        assert (one.description is None) == (one.verdict.p_positive is None)
        assert one.description is None or one.description.window == one.window


def test_a_description_without_a_verdict_was_under_way(tmp_path: Path) -> None:
    records = made_records(ended=False)
    last = max(place for place, record in enumerate(records) if record.kind == "description")  # type: ignore[attr-defined]
    view = viewed(tmp_path, *records[: last + 1])
    assert view.windows[-1].verdict is None
    assert view.windows[-1].description is not None
    assert view.end is None


def test_an_event_is_what_was_told_last_and_when_it_was_told_first(seen: SessionView) -> None:
    folded = next(event for event in seen.events if event.last.group is Group.ARMS)
    assert (folded.last.phase, folded.last.start_s, folded.last.end_s) == (Phase.CLOSE, 240.0, 290.0)
    assert folded.known_s == 240.6
    assert folded.closed
    assert [event.last.start_s for event in seen.events] == sorted(event.last.start_s for event in seen.events)


def test_an_event_that_was_not_closed_says_so(tmp_path: Path) -> None:
    records = [record for record in made_records() if getattr(record, "phase", None) is not Phase.CLOSE]
    assert not any(event.closed for event in viewed(tmp_path, *records).events)


def test_pieces_of_a_long_gap_are_one_gap(tmp_path: Path) -> None:
    pieces = [
        GapRecord(media_s=end_s, track=Track.VIDEO, start_s=start_s, end_s=end_s, reason=reason)
        for start_s, end_s, reason in ((1, 61, "lost"), (61, 90, "lost"), (90, 91, "late"), (95, 96, "late"))
    ]
    view = viewed(tmp_path, session("a.mp4"), *pieces, end(media_s=100.0))
    assert [(gap.start_s, gap.end_s, gap.reason) for gap in view.gaps] == [
        (1, 90, "lost"),
        (90, 91, "late"),
        (95, 96, "late"),
    ]


def test_pieces_of_blindness_are_joined_group_by_group(tmp_path: Path) -> None:
    pieces = [
        BlindRecord(media_s=end_s, group=group, start_s=start_s, end_s=end_s, reason="out of view")
        for group, start_s, end_s in ((Group.ARMS, 0, 60), (Group.HEAD, 0, 60), (Group.ARMS, 60.1, 80))
    ]
    view = viewed(tmp_path, session("a.mp4"), *pieces, end(media_s=100.0))
    assert [(span.group, span.start_s, span.end_s) for span in view.blind] == [
        (Group.HEAD, 0, 60),
        (Group.ARMS, 0, 80),
    ]


def test_a_feed_that_is_not_live_sees_nothing(tmp_path: Path) -> None:
    changes = [
        FeedRecord(media_s=t_s, state=state, reason=reason)
        for t_s, state, reason in ((0.0, FeedState.LIVE, ""), (20.0, FeedState.RESTARTING, "the engine died"))
    ]
    view = viewed(tmp_path, session("a.mp4"), *changes, end(media_s=60.0))
    assert [(one.group, one.start_s, one.end_s, one.reason) for one in view.blind] == [
        (group, 20.0, 60.0, "the engine died") for group in NFBL_GROUPS
    ]


def test_without_a_feed_nothing_is_seen_at_all(tmp_path: Path) -> None:
    view = viewed(tmp_path, session("a.mp4", feed="off"), end(media_s=60.0))
    assert {(one.start_s, one.end_s, one.reason) for one in view.blind} == {(0.0, 60.0, NOT_WATCHED)}


def test_what_a_model_replied_is_not_kept(seen: SessionView) -> None:
    assert all(verdict.raw is None for verdict in seen.verdicts)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"hello\n", "is no journal"),
        (b'{"schema":1}', "is no journal"),
        (b"\xff\xfe\x00\n", "is no journal"),
    ],
)
def test_what_is_no_journal_is_called_so(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=says):
        read_view(path)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = made_journal(tmp_path / "a.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:10], b"{}\n", *lines[11:]]))
    with pytest.raises(JournalError, match="damaged at line 11"):
        read_view(path)


def test_a_journal_must_begin_with_its_session(tmp_path: Path) -> None:
    path = made_journal(tmp_path / "a.jsonl", made_records()[1:3])
    with pytest.raises(JournalError, match="does not begin with its session"):
        read_view(path)


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = made_journal(tmp_path / "a.jsonl")
    path.write_bytes(path.read_bytes()[:-5])
    view = read_view(path)
    assert (view.seq, view.end) == (150, None)


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no ordinary file"):
        read_view(tmp_path)
