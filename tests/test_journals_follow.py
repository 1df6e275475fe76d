"""A journal that is followed gives every line once, and ends when its session does, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from configs.errors import JournalError
from monitor.journal import Journal
from monitor.journals.follow import ANEW, LEFT, Ending, Following, follow
from monitor.record import Record
from monitor.records import EndReason, EndRecord, MarkRecord, TotalsRecord
from tests.made_journal import SESSION, made_journal, made_records

pytestmark = pytest.mark.unit

END = EndRecord(
    media_s=9.0, reason=EndReason.ENDED, totals=TotalsRecord(judged=0, abstained=0, skipped=0, nfbl=0, gaps=0)
)


def mark(n: int) -> MarkRecord:
    return MarkRecord(media_s=float(n), note=f"note {n}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def polled(following: Following, most: int = 12) -> list[int]:
    return [entry.seq for _ in range(most) for entry in following.poll()]


def test_a_whole_journal_is_given_at_once_and_nothing_is_waited_for(path: Path) -> None:
    made_journal(path)

    def never(_: float) -> None:
        pytest.fail("waited for a session that is over")

    entries = list(follow(path, wait=never))
    assert [entry.seq for entry in entries] == list(range(1, len(made_records()) + 1))
    assert [entry.line for entry in entries] == path.read_text().splitlines()
    assert list(follow(path, after=entries[-1].seq, wait=never)) == []


def test_lines_come_as_they_are_written_and_the_end_ends_it(path: Path) -> None:
    with Journal(path, SESSION, fsync=False) as journal:
        journal.append(mark(1))
        steps: list[list[Record]] = [[mark(2)], [], [END]]

        def wait(_: float) -> None:
            for record in steps.pop(0):
                journal.append(record)

        assert [entry.seq for entry in follow(path, wait=wait)] == [1, 2, 3]
        assert not steps


def test_half_a_line_waits_for_the_other_half(path: Path) -> None:
    whole = mark(1).to_line(SESSION, 1) + "\n"
    path.write_text(whole[:20])
    with Following(path) as following:
        assert following.poll() == []
        with path.open("a") as file:
            file.write(whole[20:])
        assert [entry.line for entry in following.poll()] == [whole.rstrip()]


def test_while_somebody_writes_it_is_waited_for_however_long(path: Path) -> None:
    with Journal(path, SESSION, fsync=False) as journal, Following(path) as following:
        journal.append(mark(1))
        assert polled(following, 100) == [1]
        assert following.ending is None


def test_a_journal_that_its_writer_left_is_given_up_and_said_so_once(path: Path) -> None:
    told: list[str] = []
    with Journal(path, SESSION, fsync=False) as journal:
        journal.append(mark(1))
    with Following(path, tell=told.append) as following:
        assert polled(following, 50) == [1]
        assert following.ending is Ending.LEFT
    assert told == [LEFT]


def test_what_a_dying_writer_wrote_last_is_not_lost(path: Path) -> None:
    with Following(made_journal(path, [mark(1)])) as following:
        while not following._gone:
            following.poll()
        made_journal(path, [mark(1), mark(2), END])
        assert polled(following) == [2, 3]
        assert following.ending is Ending.ENDED


def test_a_killed_session_is_seen_to_be_gone(path: Path) -> None:
    writer = (
        "import sys, signal; from pathlib import Path; from monitor.journal import Journal; "
        "from monitor.records import MarkRecord; journal = Journal(Path(sys.argv[1]), 's', fsync=False); "
        "journal.append(MarkRecord(media_s=1.0)); print('written', flush=True); signal.pause()"
    )
    with subprocess.Popen((sys.executable, "-c", writer, str(path)), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            with Following(path) as following:
                assert polled(following, 20) == [1]
                assert following.ending is None
                os.kill(process.pid, signal.SIGKILL)
                process.wait(10)
                assert polled(following, 20) == []
                assert following.ending is Ending.LEFT
        finally:
            process.kill()


def test_a_session_that_is_run_again_goes_on_where_it_was(path: Path) -> None:
    told: list[str] = []
    made_journal(path, [mark(1), mark(2), mark(3)])
    with Following(path, tell=told.append) as following:
        assert polled(following, 1) == [1, 2, 3]
        with Journal(path, SESSION, fsync=False) as journal:
            journal.append(mark(1))
            assert following.poll() == []
            for n in (2, 3, 4):
                journal.append(mark(n))
            assert [entry.seq for entry in following.poll()] == [4]
    assert told == [ANEW]


def test_another_session_under_the_same_name_is_read_from_its_beginning(path: Path) -> None:
    made_journal(path, [mark(1), mark(2)])
    with Following(path) as following:
        assert polled(following, 1) == [1, 2]
        path.unlink()
        assert following.poll() == []
        made_journal(path, [mark(7), END], session="l-other")
        assert [(entry.session, entry.seq) for entry in following.poll()] == [("l-other", 1), ("l-other", 2)]


def test_whoever_waits_can_leave(path: Path) -> None:
    def leave(_: float) -> None:
        raise KeyboardInterrupt

    with Journal(path, SESSION, fsync=False), pytest.raises(KeyboardInterrupt):
        list(follow(path, wait=leave))


def test_a_damaged_line_is_told_and_not_passed_over(path: Path) -> None:
    path.write_text(mark(1).to_line(SESSION, 1) + "\nnonsense\n")
    with pytest.raises(JournalError, match="damaged at line 2"):
        list(follow(path))


def test_a_journal_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        next(follow(tmp_path / "none.jsonl"))


def test_a_long_journal_is_given_in_small_parts(path: Path) -> None:
    made_journal(path, [mark(n) for n in range(1000)])
    with Following(path) as following:
        assert len(following.poll()) == 256
        assert len(polled(following)) == 744
