from __future__ import annotations

import errno
import json
import os
import random
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from buffers.evidence import Cadence, Coverage, Window
from configs.errors import JournalError
from monitor.journal import Journal, recover
from monitor.judges.base import Label, Verdict
from monitor.reading import read_journal
from monitor.records import EndReason, EndRecord, MarkRecord, TotalsRecord, VerdictRecord

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]


def mark(n: int) -> MarkRecord:
    return MarkRecord(media_s=float(n), note=f"note {n}")


def verdict(n: int) -> VerdictRecord:
    window = Window(n, 0.0, float(n), Cadence.LOCAL)
    said = Verdict(Label.POSITIVE, 0.75, 7.5, "judge", "describer", calibrated=False, rationale="why")
    return VerdictRecord.of(window, said, Coverage(1.0, 1.0, 0.0))


END = EndRecord(
    media_s=9.0, reason=EndReason.ENDED, totals=TotalsRecord(judged=1, abstained=0, skipped=0, nfbl=0, gaps=0)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def write(path: Path, count: int, session: str = "m-1") -> list[str]:
    with Journal(path, session) as journal:
        return [journal.append(mark(n)) for n in range(1, count + 1)]


def seqs(path: Path, after: int = 0) -> list[int]:
    return [entry.seq for entry in read_journal(path, after=after)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_lines_are_numbered_from_one_and_stand_in_the_file_as_they_were_returned(path: Path) -> None:
    lines = write(path, 3)
    assert path.read_text("utf-8") == "".join(f"{line}\n" for line in lines)
    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]


def test_what_was_written_is_read_back(path: Path) -> None:
    with Journal(path, "m-1") as journal:
        journal.append(mark(1))
        journal.append(verdict(2))
        journal.append(END)
    entries = list(read_journal(path))
    assert [entry.record for entry in entries] == [mark(1), verdict(2), END]
    assert {entry.session for entry in entries} == {"m-1"}


def test_reading_can_go_on_after_any_line(path: Path) -> None:
    write(path, 5)
    assert seqs(path, after=3) == [4, 5]
    assert seqs(path, after=5) == []


def test_a_line_can_be_read_as_soon_as_it_was_appended(path: Path) -> None:
    with Journal(path, "m-1") as journal:
        journal.append(mark(1))
        assert seqs(path) == [1]


def test_verdicts_and_the_end_are_put_on_the_disk_and_a_slow_disk_holds_nobody_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = threading.Event(), threading.Event()
    synced: list[int] = []

    def slow(file: int) -> None:
        synced.append(file)
        asked.set()
        assert go_on.wait(10.0)

    with Journal(path, "m-1") as journal:
        monkeypatch.setattr(os, "fsync", slow)
        journal.append(mark(1))
        assert not synced
        journal.append(verdict(2))
        assert asked.wait(10.0)
        journal.append(verdict(3))
        journal.append(END)
        assert seqs(path) == [1, 2, 3, 4]
        go_on.set()
    assert len(synced) == 2  # what was asked for meanwhile was done at once
    synced.clear()
    with Journal(path, "m-1", fsync=False) as journal:
        journal.append(END)
    assert not synced


def test_a_disk_that_refuses_ends_the_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal = Journal(path, "m-1")
    monkeypatch.setattr(os, "fsync", full)
    journal.append(verdict(1))
    with pytest.raises(JournalError, match="No space left on device: free some on that disk"):
        journal.close()
    journal.close()


def test_without_a_path_lines_are_numbered_and_nothing_is_kept() -> None:
    with Journal(None, "m-1") as journal:
        assert json.loads(journal.append(mark(1)))["seq"] == 1
        journal.append(verdict(2))
        assert journal.seq == 2


def test_file_and_new_folders_belong_to_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "session.jsonl"
    write(path, 1)
    assert [mode(path), mode(path.parent), mode(path.parent.parent)] == [0o600, 0o700, 0o700]


def test_a_journal_that_others_could_read_is_closed_to_them(path: Path) -> None:
    write(path, 1)
    path.chmod(0o644)
    write(path, 1)
    assert mode(path) == 0o600


def test_the_same_session_is_written_anew_and_the_bytes_are_equal(path: Path) -> None:
    write(path, 4)
    before = path.read_bytes()
    write(path, 4)
    assert path.read_bytes() == before
    write(path, 2)
    assert seqs(path) == [1, 2]


def test_the_journal_of_another_session_is_never_overwritten(path: Path) -> None:
    write(path, 2)
    before = path.read_bytes()
    for resume in (False, True):
        with pytest.raises(JournalError, match=r"holds session m-1: move it away or choose another path"):
            Journal(path, "m-2", resume=resume)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"dear diary\n", b"dear diary", b"[1]\n", b"{}\n", b"\xff\n", b"\n"])
def test_a_file_that_is_no_journal_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(JournalError, match="is not a journal"):
        Journal(path, "m-1")
    assert path.read_bytes() == content
    assert mode(path) == 0o644


@pytest.mark.parametrize("content", [b"", b'{"schema":1,"session":"m-'])
def test_a_file_in_which_nothing_whole_was_written_can_be_used(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    write(path, 1)
    assert seqs(path) == [1]


def test_two_sessions_cannot_write_one_journal(path: Path) -> None:
    with Journal(path, "m-1") as journal:
        journal.append(mark(1))
        with pytest.raises(JournalError, match="is being written by another session"):
            Journal(path, "m-1")
        journal.append(mark(2))
    assert seqs(path) == [1, 2]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JournalError, match="is not a regular file"):
        Journal(tmp_path / "pipe", "m-1")


def test_a_folder_or_a_folder_in_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "session.jsonl"):
        with pytest.raises(JournalError) as caught:
            Journal(path, "m-1")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_closed_journal_says_so_and_can_be_closed_again(path: Path) -> None:
    journal = Journal(path, "m-1")
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        journal.append(mark(1))


def test_a_record_that_cannot_be_written_takes_no_number(path: Path) -> None:
    with Journal(path, "m-1") as journal:
        with pytest.raises(ValueError, match="JSON"):
            journal.append(MarkRecord(media_s=float("nan")))
        journal.append(mark(1))
    assert seqs(path) == [1]


def test_a_full_disk_leaves_whole_lines_and_writing_goes_on_when_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_write = os.pwrite
    room = [40]

    def small_disk(file: int, data: bytes, offset: int) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = really_write(file, data[: room[0]], offset)
        room[0] -= written
        return written

    with Journal(path, "m-1") as journal:
        journal.append(mark(1))
        monkeypatch.setattr(os, "pwrite", small_disk)
        with pytest.raises(JournalError, match=r"session.jsonl: No space left on device: free some on that disk$"):
            journal.append(mark(2))
        assert seqs(path) == [1]
        monkeypatch.undo()
        journal.append(verdict(2))
    assert seqs(path) == [1, 2]


def test_a_write_that_takes_only_part_is_carried_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really_write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: really_write(file, data[:7], offset))
    lines = write(path, 2)
    assert path.read_text("utf-8").splitlines() == lines


def test_a_torn_last_line_is_passed_over_and_cut_off_before_writing_goes_on(path: Path) -> None:
    write(path, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert seqs(path) == [1, 2]
    with Journal(path, "m-1", resume=True) as journal:
        assert journal.seq == 2
        journal.append(mark(3))
    assert path.read_bytes() == whole


def test_every_cut_of_a_journal_recovers_to_its_last_whole_line(path: Path) -> None:
    write(path, 3)
    whole = path.read_bytes()
    ends = [0, *(n + 1 for n, byte in enumerate(whole) if byte == ord("\n"))]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        kept = sum(end <= length for end in ends) - 1
        assert recover(path) == kept
        assert path.read_bytes() == whole[: ends[kept]]


def damages() -> Iterator[tuple[str, bytes, bytes]]:
    yield "not JSON", b'"seq":2', b'"seq":'
    yield "a hole in the numbers", b'"seq":2', b'"seq":3'
    yield "another session", b'"m-1","seq":2', b'"m-2","seq":2'
    yield "another schema", b'"schema":1,"session":"m-1","seq":2', b'"schema":2,"session":"m-1","seq":2'
    yield "a field of the wrong type", b'"note 2"', b"2"
    yield "a number that JSON has not", b'"media_s":2.0', b'"media_s":NaN'
    yield "no text at all", b"note 2", b"note \xff"


@pytest.mark.parametrize(("old", "new"), [damage[1:] for damage in damages()], ids=[d[0] for d in damages()])
def test_damage_in_the_middle_is_named_with_its_line(path: Path, old: bytes, new: bytes) -> None:
    write(path, 3)
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(JournalError, match="is damaged at line 2: keep the 1 lines before it"):
        list(read_journal(path))
    with pytest.raises(JournalError, match="damaged at line 2"):
        recover(path)


def test_kinds_and_fields_of_a_later_version_are_passed_over(path: Path) -> None:
    write(path, 3)
    later = path.read_bytes().replace(b'"note":"note 3"', b'"note":"note 3","colour":"red"')
    path.write_bytes(later.replace(b'"seq":2,"kind":"mark"', b'"seq":2,"kind":"weather"'))
    assert [entry.record for entry in read_journal(path)] == [mark(1), mark(3)]
    assert recover(path) == 3


def test_a_journal_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(
        JournalError, match=r"session\.jsonl: No such file or directory: check the path and its permissions"
    ):
        list(read_journal(path))


WRITER = """
import os, sys
from pathlib import Path
from tests.test_journal import Journal, verdict

# One process imports everything once and forks the writers: the test is about the kill, not about start-up.
for run, limit in enumerate(map(int, sys.argv[2:])):
    printed, out = os.pipe()
    writer = os.fork()
    if not writer:
        with Journal(Path(sys.argv[1]) / f"{run}.jsonl", "m-1") as journal:
            while True:
                journal.append(verdict(journal.seq + 1))
                os.write(out, b"%d\\n" % journal.seq)
    os.close(out)
    seen = b""
    while seen.count(b"\\n") < limit:
        seen += os.read(printed, 3)
    os.kill(writer, 9)
    os.waitpid(writer, 0)
    while rest := os.read(printed, 65536):
        seen += rest
    os.close(printed)
    print(run, seen.split()[-1].decode())
"""


def test_a_killed_writer_loses_nothing_that_it_had_announced(tmp_path: Path) -> None:
    rng = random.Random(7)
    limits = [str(rng.randint(1, 60)) for _ in range(20)]
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path), *limits],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    announced = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(announced) == 20
    for run, last in announced:
        path = tmp_path / f"{run}.jsonl"
        kept = recover(path)
        assert kept in {last, last + 1}
        assert seqs(path) == list(range(1, kept + 1))
        with Journal(path, "m-1", resume=True) as journal:
            journal.append(verdict(kept + 1))
        assert seqs(path)[-1] == kept + 1
