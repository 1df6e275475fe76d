"""Looking names up where the resolver hangs: nobody else waits for it, in the session or at its end."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from monitor.outputs.lookup import Lookup

pytestmark = pytest.mark.unit


class Resolver:
    """A resolver that says nothing until it is let; `asked` holds the names of the threads that asked it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may = threading.Event()

    def getaddrinfo(self, host: object, *_: object, **__: object) -> list[object]:
        self.asked.append(threading.current_thread().name)
        self.may.wait(60.0)
        return []


@contextmanager
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
        try:
            yield resolver
        finally:
            resolver.may.set()


def test_a_resolver_that_hangs_is_asked_once_and_keeps_the_pool_free(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        lookup = Lookup("hooks.example", 443)
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await lookup.answered()
        assert lookup.pending
        async with asyncio.timeout(10.0):
            assert await asyncio.to_thread(lambda: 7) == 7
        both = asyncio.gather(lookup.answered(), lookup.answered())
        await asyncio.sleep(0)
        resolver.may.set()
        async with asyncio.timeout(10.0):
            await both
        assert not lookup.pending
        assert resolver.asked == ["lookup"]
        await lookup.answered()
        assert len(resolver.asked) == 2

    with mute(monkeypatch) as resolver:
        asyncio.run(main())


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "x" * 70])
def test_a_name_that_nobody_knows_is_asked_for_again_each_time(host: str) -> None:
    async def main() -> None:
        lookup = Lookup(host, 443)
        for _ in range(2):
            with pytest.raises(socket.gaierror):
                await lookup.answered()

    asyncio.run(main())


_RUN = """
import asyncio, socket, threading
from monitor.outputs.lookup import Lookup
socket.getaddrinfo = lambda *a, **k: threading.Event().wait()

async def main():
    try:
        async with asyncio.timeout(0.1):
            await Lookup("hooks.example", 443).answered()
    except TimeoutError:
        print("left")

asyncio.run(main())
"""


def test_a_process_ends_while_its_resolver_hangs() -> None:
    command = [sys.executable, "-c", _RUN]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, timeout=30, check=True
    )
    assert (ended.stdout, ended.stderr) == ("left\n", "")


def test_an_answer_after_the_end_of_the_loop_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await Lookup("hooks.example", 443).answered()

    with mute(monkeypatch) as resolver:
        asyncio.run(main())
        (asking,) = [thread for thread in threading.enumerate() if thread.name == "lookup"]
        resolver.may.set()
        asking.join(10.0)
        assert not asking.is_alive()
