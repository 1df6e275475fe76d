"""Journals are listed by their beginnings and ends alone, and say truly how each session came to its end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from configs.errors import ConfigError, JournalError
from monitor.journal import Journal
from monitor.journals.find import find_journal
from monitor.journals.listing import Ended, Listing, journals_in
from monitor.journals.owed import debts
from monitor.journals.table import as_json, table
from monitor.outbox import Outbox, Parcel
from monitor.outputs.theme import Theme
from monitor.record import Record
from monitor.records import EndReason, EndRecord, Mode, TotalsRecord
from tests.made_journal import made_journal, made_records

pytestmark = pytest.mark.unit


def listing(folder: Path, outbox: Path | None = None) -> Listing:
    return journals_in(folder, debts(outbox or folder / "outbox").of)


def ended(reason: EndReason) -> list[Record]:
    totals = TotalsRecord(judged=39, abstained=7, skipped=0, nfbl=4, gaps=2)
    return [*made_records(ended=False), EndRecord(media_s=600.0, reason=reason, totals=totals)]


def aged(path: Path, written_s: float) -> Path:
    os.utime(path, (written_s, written_s))
    return path


@pytest.mark.parametrize("reason", EndReason)
def test_an_ended_session_says_how(tmp_path: Path, reason: EndReason) -> None:
    path = made_journal(tmp_path / "a.jsonl", ended(reason))
    (one,) = listing(tmp_path).journals
    assert (one.path, one.session, one.mode) == (path, "l-0123456789abcdef", "live")
    assert (one.began, one.length_s, one.judged) == ("2026-11-22T09:00:00.000Z", 600.0, 39)
    assert one.ended.value == reason.value
    assert one.lines == len(path.read_text().splitlines())
    assert one.nbytes == path.stat().st_size


def test_a_session_that_runs_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    made_journal(tmp_path / "killed.jsonl", made_records(ended=False))
    with Journal(tmp_path / "running.jsonl", "l-1", fsync=False) as journal:
        for record in made_records(ended=False):
            journal.append(record)
        found = {one.path.stem: one for one in listing(tmp_path).journals}
    assert found["running"].ended is Ended.RUNNING
    assert found["killed"].ended is Ended.KILLED
    assert found["killed"].judged == 39


def test_a_torn_end_is_passed_over(tmp_path: Path) -> None:
    path = made_journal(tmp_path / "a.jsonl", made_records(ended=False)[:10])
    with path.open("ab") as file:
        file.write(b'{"schema":1,"session":"l-0123456789abcdef","seq":11,"kind":"ver')
    (one,) = listing(tmp_path).journals
    assert one.lines == 10
    assert one.ended is Ended.KILLED


def test_a_very_long_last_line_is_read_whole(tmp_path: Path) -> None:
    totals = TotalsRecord(judged=0, abstained=0, skipped=0, nfbl=0, gaps=0)
    notices = tuple(f"notice {number} {'x' * 3000}" for number in range(64))
    end = EndRecord(media_s=7.0, reason=EndReason.LOST, totals=totals, notices=notices)
    made_journal(tmp_path / "a.jsonl", [*made_records(ended=False), end])
    assert [one.ended for one in listing(tmp_path).journals] == [Ended.LOST]


def test_the_newest_stands_first_and_a_session_at_max_speed_counts_by_its_file(tmp_path: Path) -> None:
    made_journal(tmp_path / "live.jsonl")  # began on 2026-11-22 at 09:00
    for name, written_s in (("older", 1_795_000_000.0), ("newer", 1_796_000_000.0)):
        made = made_journal(tmp_path / f"{name}.jsonl", made_records(mode=Mode.MAX), session=f"m-{name}")
        aged(made, written_s)
    assert [one.path.stem for one in listing(tmp_path).journals] == ["newer", "live", "older"]
    assert listing(tmp_path).journals[0].began is None


def test_what_is_no_journal_is_counted_and_not_read_through_links(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"a":1}\n')
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.jsonl").mkdir()
    outside = made_journal(tmp_path / "folder.jsonl" / "x.jsonl")
    (tmp_path / "link.jsonl").symlink_to(outside)
    found = listing(tmp_path)
    assert found.journals == ()
    assert [path.name for path in found.strange] == ["empty.jsonl", "other.jsonl"]
    assert list(table(found, Theme())) == ["no journals there", "2 files without a session: empty.jsonl, other.jsonl"]


def test_what_a_destination_owes_is_told_by_its_name(tmp_path: Path) -> None:
    async def deliver(_: Parcel) -> None:
        """Say nothing."""

    path, outbox = tmp_path / "a.jsonl", tmp_path / "outbox"
    box = Outbox(outbox / "mqtt", ("verdict",), deliver).begin("l-0123456789abcdef", "interview", path)
    made_journal(path)
    (one,) = listing(tmp_path, outbox).journals
    assert one.owed == (("mqtt", one.lines),)
    assert f"mqtt <= {one.lines}" in list(table(listing(tmp_path, outbox), Theme()))[1]
    assert json.loads(as_json(listing(tmp_path, outbox)))[0]["owed"] == {"mqtt": one.lines}
    box.leave()


def test_a_table_has_a_line_for_each_and_a_source_cannot_drive_the_terminal(tmp_path: Path) -> None:
    made = made_records()
    object.__setattr__(made[0], "source", "\x1b]0;pwned\x07a.mp4\r\n")
    made_journal(tmp_path / "a.jsonl", made)
    head, line = table(listing(tmp_path), Theme(ascii_only=True))
    assert head.split("  ")[0] == "SESSION"
    assert line.split() == [
        *("l-0123456789abcdef", "2026-11-22", "09:00", "10:00", "live", "39", "ended"),
        *(f"{(tmp_path / 'a.jsonl').stat().st_size / 1024:.0f}", "KiB", "-", "]0;pwneda.mp4"),
    ]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="name a folder"):
        listing(tmp_path / "none")


def test_a_journal_is_found_by_path_session_beginning_and_as_the_latest(tmp_path: Path) -> None:
    paths = [
        made_journal(tmp_path / f"{session}.jsonl", made_records(mode=Mode.MAX), session=session)
        for session in ("m-1111", "m-1122", "m-2000")
    ]
    for place, path in enumerate(paths):
        aged(path, 1_700_000_000.0 + place)
    assert find_journal(str(paths[0])) == paths[0]
    assert find_journal("m-1122", tmp_path) == paths[1]
    assert find_journal("m-2", tmp_path) == paths[2]
    assert find_journal("latest", tmp_path) == paths[2]


@pytest.mark.parametrize(
    ("name", "said"),
    [("m-1", "2 sessions begin"), ("m-9", "no journal m-9"), ("../x.jsonl", "no journal"), ("", "no journal")],
)
def test_a_journal_that_is_not_there_is_told_with_where_to_look(tmp_path: Path, name: str, said: str) -> None:
    for session in ("m-1111", "m-1122"):
        made_journal(tmp_path / f"{session}.jsonl", session=session)
    with pytest.raises(ConfigError, match=said):
        find_journal(name, tmp_path)
    with pytest.raises(ConfigError, match="no journal"):
        find_journal("latest", tmp_path / "none")


def test_a_journal_that_began_at_no_time_spoils_no_list(tmp_path: Path) -> None:
    good = made_journal(tmp_path / "m-1111.jsonl", made_records(mode=Mode.MAX), session="m-1111")
    bad = made_journal(tmp_path / "l-2222.jsonl", session="l-2222")
    bad.write_bytes(bad.read_bytes().replace(b"2026-11-22T09:00:00.000Z", b"gestern", 1))
    listing = journals_in(tmp_path, {})
    assert [one.path for one in listing.journals] == [good]
    assert listing.strange == (bad,)
