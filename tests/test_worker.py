"""The thread of a model: one job at a time, in the background, and never in anybody's way."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref

import numpy as np
import pytest

from configs.errors import ModelUnavailable
from monitor.describers.worker import Worker

pytestmark = pytest.mark.unit


def until_stopped(worker: Worker, begun: threading.Event) -> None:
    """A generation that never ends by itself: it looks up at each token."""
    begun.set()
    while True:
        worker.check()


def test_a_job_gives_back_what_it_returns_and_raises_what_it_raises() -> None:
    async def both() -> None:
        worker = Worker("made")
        assert await worker.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await worker.run(divmod, 7, 0)
        assert await worker.run(str, 5) == "5"
        await worker.close()

    asyncio.run(both())


def test_jobs_run_one_after_another_in_one_other_thread() -> None:
    async def many() -> None:
        worker = Worker("made")
        running: list[int] = []

        def job(number: int) -> tuple[int, int]:
            running.append(number)
            assert len(running) == 1
            running.remove(number)
            return number, threading.get_ident()

        found = await asyncio.gather(*(worker.run(job, number) for number in range(20)))
        assert [number for number, _ in found] == list(range(20))
        assert len({thread for _, thread in found}) == 1
        assert found[0][1] != threading.get_ident()
        await worker.close()

    asyncio.run(many())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a priority for each thread")
def test_the_thread_stands_back_and_no_other_one_does() -> None:
    async def ask() -> tuple[int, int]:
        worker = Worker("made", niceness=3)
        there = await worker.run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        await worker.close()
        return there, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    there, here = asyncio.run(ask())
    assert there == min(19, here + 3)


def test_a_deadline_ends_the_job_and_the_next_one_is_not_kept_waiting() -> None:
    async def late() -> None:
        worker, begun = Worker("made"), threading.Event()
        task = asyncio.create_task(worker.run(until_stopped, worker, begun))
        assert await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(60):
            assert await worker.run(lambda: "next") == "next"
        await worker.close()

    asyncio.run(late())


def test_a_job_that_nobody_waits_for_any_more_never_begins() -> None:
    async def two() -> None:
        worker, begun = Worker("made"), threading.Event()
        ran: list[str] = []
        first = asyncio.create_task(worker.run(until_stopped, worker, begun))
        second = asyncio.create_task(worker.run(ran.append, "second"))
        assert await asyncio.to_thread(begun.wait, 60)
        second.cancel()
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        await worker.run(ran.append, "third")
        assert ran == ["third"]
        await worker.close()

    asyncio.run(two())


def test_outside_of_a_job_nothing_is_stopping() -> None:
    worker = Worker("made")
    worker.check()
    assert not worker.stopping


def test_closing_stops_what_runs_and_what_waits_and_says_so() -> None:
    async def close() -> None:
        worker, begun = Worker("made"), threading.Event()
        tasks = [asyncio.create_task(worker.run(until_stopped, worker, begun)), asyncio.create_task(worker.run(int))]
        assert await asyncio.to_thread(begun.wait, 60)
        await worker.close()
        for task in tasks:
            with pytest.raises(ModelUnavailable, match="made was closed"):
                await task
        with pytest.raises(ModelUnavailable, match="made was closed"):
            await worker.run(int)
        await worker.close()
        assert not any(thread.name == "made" for thread in threading.enumerate())

    asyncio.run(close())


def test_closing_before_any_job_is_fine() -> None:
    asyncio.run(Worker("made").close())


def test_a_job_that_hears_nothing_cannot_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf() -> None:
        worker, begun, release = Worker("made"), threading.Event(), threading.Event()

        def job() -> None:
            begun.set()
            release.wait(60)

        task = asyncio.create_task(worker.run(job))
        assert await asyncio.to_thread(begun.wait, 60)
        await worker.close()
        assert next(thread for thread in threading.enumerate() if thread.name == "made").daemon
        task.cancel()
        release.set()
        await asyncio.gather(task, return_exceptions=True)

    monkeypatch.setattr("monitor.describers.worker.GRACE_S", 0.01)
    asyncio.run(deaf())


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_a_job_outlives_it(fails: bool) -> None:
    def job(samples: np.ndarray) -> float:
        if fails:
            raise RuntimeError("made to fail")
        return float(samples[0])

    async def run() -> weakref.ref[np.ndarray]:
        worker, samples = Worker("made"), np.ones(4)
        kept = weakref.ref(samples)
        try:
            await worker.run(job, samples)
        except RuntimeError:
            assert fails
        del samples
        # The thread may still be on its way back from the job; another one brings it there.
        await worker.run(int)
        assert kept() is None
        await worker.close()
        return kept

    gc.disable()  # what only the collector would find has outlived its job
    try:
        assert asyncio.run(run())() is None
    finally:
        gc.enable()
