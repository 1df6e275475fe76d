from __future__ import annotations

import asyncio
import gc
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor import records
from monitor.journal import Journal
from monitor.outbox import Box, Outbox, Parcel
from monitor.reading import Entry, Reader
from monitor.record import Record
from tests.made_journal import SESSION, made_journal, made_records
from tests.made_outbox import KINDS, SESSION_RECORD, Crash, Other, cursor_of, end, left, live, run, wanted

pytestmark = pytest.mark.unit


def mark(n: int) -> Record:
    return records.MarkRecord(media_s=float(n), note=f"note {n}")


async def in_bursts(tmp_path: Path, journal: Path, other: Other, bursts: list[int], *, waits: bool) -> bool:
    """A session that says so many records at a time; whether its process died."""
    made = iter(made_records())
    with Journal(journal, SESSION, fsync=False) as file:
        box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", journal)
        task = await live(box, file, [next(made)])
        for burst in bursts:
            for _ in range(burst):
                box.wake(file.append(next(made)))
            if waits:
                await drained_or_dead(box, task)
            if task.done():
                break
        await drained_or_dead(box, task)
        died = task.done()
        await end(task)
        if died:
            box.leave()
        else:
            box.close()
    return died


async def drained_or_dead(box: Box, task: asyncio.Task[None]) -> None:
    draining = asyncio.create_task(box.drain(20.0))
    await asyncio.wait([task, draining], return_when=asyncio.FIRST_COMPLETED)
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)


def test_records_of_the_kinds_are_delivered_in_order_while_the_journal_is_written(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
            task = await live(box, journal, made_records())
            assert await box.drain(20.0) == 0
            await end(task)
            box.close()
        assert other.taken == wanted(path)
        assert not cursor_of(tmp_path).exists()

    run(main())
    first = other.parcels[0]
    assert (first.stream, first.late, first.session) == ("interview", False, SESSION_RECORD)


@settings(max_examples=40)
@given(
    runs=st.lists(
        st.tuples(
            st.lists(st.integers(1, 12), max_size=4), st.booleans(), st.none() | st.integers(0, 12), st.booleans()
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_dies_when_every_record_arrives_at_least_once_and_in_order(
    runs: list[tuple[list[int], bool, int | None, bool]],
) -> None:
    """The first run is the session itself, in bursts; the others only deliver what it left; the last one lives."""
    with tempfile.TemporaryDirectory() as folder:
        tmp_path = Path(folder)
        journal = tmp_path / "j.jsonl"
        other, crashes = Other(), 0

        async def main() -> None:
            nonlocal crashes
            for number, (bursts, waits, other.dies_in, other.dies_after) in enumerate(runs):
                if number == 0:
                    crashes += await in_bursts(tmp_path, journal, other, bursts, waits=waits)
                    continue
                try:
                    await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())
                except Crash:
                    crashes += 1
            other.dies_in = None
            await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())

        asyncio.run(main())
        assert list(dict.fromkeys(other.taken)) == wanted(journal)
        assert other.taken == sorted(other.taken)
        assert len(other.taken) <= len(wanted(journal)) + crashes
        assert not cursor_of(tmp_path).exists()


def test_what_was_left_is_late_and_keeps_the_name_of_its_stream(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path, delivered=5)
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())
        assert other.taken == wanted(path)[5:]

    run(main())
    assert {(parcel.stream, parcel.late) for parcel in other.parcels} == {("interview", True)}


def test_sessions_that_are_being_run_are_left_alone(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        await left(tmp_path)
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier({SESSION})

    run(main())
    assert not other.taken
    assert cursor_of(tmp_path).exists()


@pytest.mark.parametrize(("keep_folder", "kept"), [(True, False), (False, True)])
def test_a_removed_journal_is_given_up_but_not_one_whose_folder_is_not_there(
    tmp_path: Path, keep_folder: bool, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        (tmp_path / "disk").mkdir()
        path = await left(tmp_path, journal=made_journal(tmp_path / "disk" / "j.jsonl"))
        path.unlink()
        if not keep_folder:
            path.parent.rmdir()
        await Outbox(tmp_path / "box", KINDS, Other().deliver).deliver_earlier(())

    run(main())
    assert cursor_of(tmp_path).exists() is kept
    assert f"what was left of session {SESSION} cannot be delivered" in caplog.text


def test_a_damaged_journal_is_delivered_up_to_the_damage_and_tried_again_by_the_next_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        lines = path.read_bytes().splitlines(keepends=True)
        whole = wanted(path)
        good = lines[100]
        path.write_bytes(b"".join([*lines[:100], b"#" * 20 + b"\n", *lines[101:]]))
        outbox = Outbox(tmp_path / "box", KINDS, other.deliver)
        await outbox.deliver_earlier(())
        assert "is damaged at line 101" in caplog.text
        assert other.taken == [one for one in whole if one[1] <= other.taken[-1][1]]
        assert 0 < len(other.taken) < len(whole)
        path.write_bytes(b"".join([*lines[:100], good, *lines[101:]]))
        await outbox.deliver_earlier(())
        assert other.taken == whole

    run(main())


def test_another_session_under_the_name_of_a_removed_journal_is_not_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        path.unlink()
        made_journal(path, session="l-other")
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())

    run(main())
    assert not other.taken
    assert "holds session l-other by now" in caplog.text
    assert not cursor_of(tmp_path).exists()


def test_a_journal_without_its_first_line_is_not_forgotten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        await left(tmp_path)
        made_journal(tmp_path / f"{SESSION}.jsonl", made_records()[1:])
        await Outbox(tmp_path / "box", KINDS, Other().deliver).deliver_earlier(())

    run(main())
    assert "does not begin with its session" in caplog.text
    assert cursor_of(tmp_path).exists()


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path)
        expected = wanted(path)
        with path.open("ab") as file:
            file.write(b'{"schema":1,"session":"l-0')
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())
        assert other.taken == expected

    run(main())


def test_what_the_other_side_will_never_take_is_counted_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        path = made_journal(tmp_path / "j.jsonl")
        expected = wanted(path)
        refused = expected[3][1]
        other = Other(refuses=(refused,))
        box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
        task = await live(box)
        assert await box.drain(20.0) == 0
        await end(task)
        box.close()
        assert other.taken == [one for one in expected if one[1] != refused]
        assert box.refused == 1
        assert f"{refused} of {SESSION} is not delivered: too large" in caplog.text

    run(main())
    assert not cursor_of(tmp_path).exists()


@pytest.mark.parametrize("within_s", [0.0, 0.05])
def test_draining_without_enough_time_says_how_many_are_left_and_leaves_them_to_the_next_run(
    tmp_path: Path, within_s: float
) -> None:
    other = Other()

    async def main() -> None:
        other.open = asyncio.Event()
        path = tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
            task = await live(box, journal, made_records())
            assert await box.drain(within_s) == box.waiting == len(wanted(path))
            await end(task)
            box.close()
        other.open.set()
        await Outbox(tmp_path / "box", KINDS, other.deliver).deliver_earlier(())
        assert other.taken == wanted(path)

    run(main())


def test_draining_returns_as_soon_as_all_is_delivered(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        other.open = asyncio.Event()
        path = tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
            task = await live(box, journal, made_records())
            asyncio.get_running_loop().call_later(0.02, other.open.set)
            assert await box.drain(50.0) == 0
            assert await box.drain(0.0) == 0
            await end(task)
            box.close()

    run(main())
    assert not cursor_of(tmp_path).exists()


def test_lines_of_kinds_that_are_not_wanted_wait_for_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, Other().deliver).begin(SESSION, "interview", path)
            task = await live(box, journal, [SESSION_RECORD])
            assert await box.drain(20.0) == 0
            for n in range(20):
                box.wake(journal.append(mark(n)))
            assert box.waiting == 0
            assert await box.drain(0.0) == 0
            await end(task)
            box.close()

    run(main())
    assert not cursor_of(tmp_path).exists()


def test_a_box_that_failed_can_go_on_and_still_counts_right(tmp_path: Path) -> None:
    other = Other(dies_in=2, dies_after=True)

    async def main() -> None:
        path = tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
            task = await live(box, journal, made_records())
            with pytest.raises(Crash):
                await task
            assert box.waiting == len(wanted(path)) - 2
            other.dies_in = None
            task = await live(box)
            assert await box.drain(20.0) == 0
            await end(task)
            box.close()
        assert other.taken == [*wanted(path)[:3], *wanted(path)[2:]]

    run(main())


def test_a_session_that_is_run_again_under_its_name_begins_anew(tmp_path: Path) -> None:
    other = Other()

    async def main() -> None:
        path = await left(tmp_path, delivered=5)
        with Journal(path, SESSION, fsync=False) as journal:
            outbox = Outbox(tmp_path / "box", KINDS, other.deliver)
            box = outbox.begin(SESSION, "again", path)
            await outbox.deliver_earlier({SESSION})
            task = await live(box, journal, made_records())
            assert await box.drain(20.0) == 0
            await end(task)
            box.close()
        assert other.taken == wanted(path)

    run(main())
    assert {(parcel.stream, parcel.late) for parcel in other.parcels} == {("again", False)}


def test_memory_does_not_grow_with_what_waits(tmp_path: Path) -> None:
    """100,000 lines, of which a part is owed, behind another side that was away the whole time."""
    path = tmp_path / "j.jsonl"
    verdict = next(record for record in made_records() if isinstance(record, records.VerdictRecord))
    lines = [SESSION_RECORD.to_line(SESSION, 1)]
    lines += [(verdict if n % 10 == 0 else mark(n)).to_line(SESSION, n) for n in range(2, 100_001)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    count, peak = 0, 0

    async def deliver(parcel: Parcel) -> None:
        nonlocal count
        count += 1

    async def main() -> None:
        nonlocal peak
        box = Outbox(tmp_path / "box", ("verdict",), deliver).begin(SESSION, "interview", path)
        for line in lines:
            box.wake(line)
        assert box.waiting == 10_000
        lines.clear()
        gc.collect()
        tracemalloc.start()
        task = await live(box)
        assert await box.drain(50.0) == 0
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await end(task)
        box.close()

    run(main())
    assert count == 10_000
    assert peak < 2_000_000


def test_a_record_that_is_told_while_nothing_more_was_found_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = iter([record for record in made_records() if isinstance(record, records.VerdictRecord)])
    other, read = Other(), Reader.read

    async def main() -> None:
        loop, path = asyncio.get_running_loop(), tmp_path / "j.jsonl"
        with Journal(path, SESSION, fsync=False) as journal:
            box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)

            def found(reader: Reader, most: int) -> list[Entry]:
                entries = read(reader, most)
                if not entries and (record := next(verdicts, None)) is not None:
                    loop.call_soon_threadsafe(box.wake, journal.append(record))
                return entries

            monkeypatch.setattr(Reader, "read", found)
            task = await live(box, journal, [SESSION_RECORD, next(verdicts)])
            assert await box.drain(20.0) == 0
            assert len(other.taken) == 39
            assert other.taken == wanted(path)
            await end(task)
            box.close()

    run(main())
