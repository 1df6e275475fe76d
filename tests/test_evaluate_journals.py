"""What is read out of journals, and which files belong to which clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from buffers.records import NFBL_GROUPS, FeedState, Group
from configs.errors import ConfigError, JournalError
from monitor.evaluate.journals import read_run
from monitor.evaluate.runs import journal_names, journals, recordings
from monitor.records import EndReason, FeedRecord, Mode
from tests.made_runs import blind, end, journal, report, session, told, whole_journal

pytestmark = pytest.mark.unit


def test_an_event_is_what_was_told_last_and_when_it_was_told_first(tmp_path: Path) -> None:
    event = report("N7", 2.0, 5.0, score=0.6, late_s=0.4)
    run = read_run(whole_journal(tmp_path / "a.jsonl", "a.mp4", event))
    assert run.predictions == (event,)
    assert (run.source, run.feed, run.mode, run.length_s) == ("a.mp4", "rules", Mode.MAX, 60.0)


def test_an_event_that_was_never_closed_lasts_as_long_as_was_told(tmp_path: Path) -> None:
    opened, _ = told(report("N7", 2.0, 5.0))
    run = read_run(journal(tmp_path / "a.jsonl", session("a.mp4"), opened, end()))
    assert [(one.start_s, one.end_s) for one in run.predictions] == [(2.0, 2.5)]


def test_what_could_not_be_seen_is_read(tmp_path: Path) -> None:
    run = read_run(journal(tmp_path / "a.jsonl", session("a.mp4"), blind(Group.HANDS, 1.0, 4.0), end()))
    assert [(one.group, one.start_s, one.end_s, one.reason) for one in run.blind] == [
        (Group.HANDS, 1.0, 4.0, "out of the picture")
    ]


def test_a_feed_that_is_not_live_sees_nothing(tmp_path: Path) -> None:
    changes = [
        FeedRecord(media_s=t_s, state=state, reason=reason)
        for t_s, state, reason in (
            (0.0, FeedState.LIVE, ""),
            (20.0, FeedState.RESTARTING, "the engine died"),
            (22.0, FeedState.LIVE, ""),
            (50.0, FeedState.OFF, ""),
        )
    ]
    run = read_run(journal(tmp_path / "a.jsonl", session("a.mp4"), *changes, end()))
    for group in NFBL_GROUPS:
        spans = [(one.start_s, one.end_s, one.reason) for one in run.blind if one.group is group]
        assert spans == [(20.0, 22.0, "the engine died"), (50.0, 60.0, "feed off")]


def test_without_a_length_the_clip_ends_with_its_session(tmp_path: Path) -> None:
    run = read_run(journal(tmp_path / "a.jsonl", session("a.mp4", duration_s=None), end(media_s=42.0)))
    assert run.length_s == 42.0


def test_a_session_that_watched_nothing_is_no_session_without_events(tmp_path: Path) -> None:
    why = "body language is not watched live: there is no picture"
    off = journal(tmp_path / "a.jsonl", session("a.mp4", feed="off"), end(notices=("a smear", why)))
    with pytest.raises(
        ConfigError, match="feed was off, so there is nothing to compare; body language is not"
    ) as caught:
        read_run(off)
    assert "smear" not in str(caught.value)


@pytest.mark.parametrize("reason", [EndReason.INTERRUPTED, EndReason.FAILED, EndReason.LOST, None])
def test_a_journal_that_stops_early_is_refused(reason: EndReason | None, tmp_path: Path) -> None:
    records = [session("a.mp4"), *([] if reason is None else [end(reason)])]
    with pytest.raises(JournalError, match="does not reach the end"):
        read_run(journal(tmp_path / "a.jsonl", *records))


def test_what_is_no_journal_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("dear reader\n")
    with pytest.raises(JournalError, match="damaged at line 1"):
        read_run(path)
    path.write_text("")
    with pytest.raises(JournalError, match="no session"):
        read_run(path)


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_recordings_are_found_below_the_folder(tmp_path: Path) -> None:
    folder = touched(tmp_path, "a.mp4", "deep/b.mov", "deep/c.mp4", "notes.txt")
    found = recordings(folder, ("a.mp4", "b.mov"))
    assert found.files == {"a.mp4": folder / "a.mp4", "b.mov": folder / "deep/b.mov"}
    assert found.negatives == ()


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("*",), ("c.mp4", "d.mkv")),
        (("c*",), ("c.mp4",)),
        (("c.mp4", "d"), ("c.mp4", "d.mkv")),
        (("[cd].m*", "c"), ("c.mp4", "d.mkv")),
    ],
)
def test_negatives_are_those_that_are_named(
    patterns: tuple[str, ...], expected: tuple[str, ...], tmp_path: Path
) -> None:
    folder = touched(tmp_path, "a.mp4", "c.mp4", "d.mkv", "notes.txt", "picture.png")
    assert recordings(folder, ("a.mp4",), patterns).negatives == expected


@pytest.mark.parametrize(
    ("clips", "negatives", "says"),
    [
        (("z.mp4",), (), r"z\.mp4: no such recording"),
        (("twice.mp4",), (), "is there twice"),
        (("a.mp4",), ("e*",), "matches no clip"),
        (("a.mp4",), ("a.mp4",), "is labelled"),
        (("a.mp4",), ("a",), "is labelled"),
        (("../a.mp4",), (), "no such recording"),
    ],
)
def test_names_that_match_nothing_are_one_line(
    clips: tuple[str, ...], negatives: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    folder = touched(tmp_path, "a.mp4", "one/twice.mp4", "two/twice.mp4")
    with pytest.raises(ConfigError, match=says) as caught:
        recordings(folder, clips, negatives)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        recordings(tmp_path / "none", ("a.mp4",))


def test_journals_are_named_after_their_clips(tmp_path: Path) -> None:
    for name in ("a", "none", "other"):
        whole_journal(tmp_path / f"{name}.jsonl", f"{name}.mp4")
    found = journals(tmp_path, ("a.mp4",), ("no*",))
    assert found.files == {"a.mp4": tmp_path / "a.jsonl", "none.mp4": tmp_path / "none.jsonl"}
    assert found.negatives == ("none.mp4",)


def test_a_missing_journal_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.mp4: no journal b\.jsonl"):
        journals(tmp_path, ("b.mp4",))


def test_two_clips_of_one_stem_have_journals_of_their_whole_names() -> None:
    assert journal_names(("a.mp4", "a.mov", "b.mp4")) == {
        "a.mp4": "a.mp4.jsonl",
        "a.mov": "a.mov.jsonl",
        "b.mp4": "b.jsonl",
    }
