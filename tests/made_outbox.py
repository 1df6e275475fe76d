"""Made-up other sides for the tests of the outbox: what arrives, and when the process dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor.journal import Journal
from monitor.outbox import Box, Outbox, Parcel, Undeliverable
from monitor.reading import read_journal
from monitor.record import Record
from tests.made_journal import SESSION, made_journal, made_records

KINDS = ("verdict", "nfbl")

SESSION_RECORD = made_records()[0]


class Crash(Exception):
    """The process dies here."""


@dataclass
class Other:
    """The other side: what it took, and when the process dies while handing over: before it is taken, or after."""

    taken: list[tuple[str, int]] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    dies_in: int | None = None
    dies_after: bool = False
    refuses: tuple[int, ...] = ()
    open: asyncio.Event | None = None

    async def deliver(self, parcel: Parcel) -> None:
        if self.open is not None:
            await self.open.wait()
        if parcel.entry.seq in self.refuses:
            raise Undeliverable("too large")
        dies = self.dies_in == 0
        if self.dies_in is not None:
            self.dies_in -= 1
        if dies and not self.dies_after:
            raise Crash
        self.taken.append((parcel.entry.session, parcel.entry.seq))
        self.parcels.append(parcel)
        if dies:
            raise Crash


def run(main: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(main, 60.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(bounded())


def wanted(journal: Path, kinds: Sequence[str] = KINDS) -> list[tuple[str, int]]:
    return [(entry.session, entry.seq) for entry in read_journal(journal) if entry.record.kind in kinds]


async def live(box: Box, journal: Journal | None = None, made: Sequence[Record] = ()) -> asyncio.Task[None]:
    """Start delivering, write records and tell of each; the task."""
    task = asyncio.create_task(box.run())
    for line in [] if journal is None else map(journal.append, made):
        box.wake(line)
    await asyncio.sleep(0)
    return task


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def left(tmp_path: Path, *, delivered: int = 0, journal: Path | None = None) -> Path:
    """A session whose process died after so many deliveries; its journal."""
    path = journal or made_journal(tmp_path / f"{SESSION}.jsonl")
    other = Other(dies_in=delivered)
    box = Outbox(tmp_path / "box", KINDS, other.deliver).begin(SESSION, "interview", path)
    with pytest.raises(Crash):
        await box.run()
    box.leave()
    return path


def cursor_of(tmp_path: Path, session: str = SESSION) -> Path:
    return tmp_path / "box" / f"{session}.json"
