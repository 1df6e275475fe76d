"""One stream as its viewers read it: what was told last, kept once for all of them. Lives in the server's loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from pathlib import Path
from typing import Final

from configs.errors import JournalError
from monitor.outputs.page.handover import News, Shot
from monitor.outputs.page.history import History
from monitor.outputs.page.state import names_of, state_payload
from monitor.outputs.page.wire import KEEPALIVE_S, encoded, event, number_of
from monitor.reading import Reader
from monitor.snapshot import SessionState

logger = logging.getLogger("emotion_monitor.page")

PERIOD_S: Final = 0.5
"""Shortest time between two tellings (s): a person reads no faster, and hundreds of viewers are told each time."""

RECORDS: Final = 500
"""Latest records that are kept for viewers who come back; who was away for longer gets the history anew."""

_STALE_S: Final = 3.0
"""Age from which a picture is not shown any more (s): sessions are shown four times a second, so this one hangs."""

_EARLY: Final = 0.8
"""Share of the period from which the next picture is taken: periods of the session and of pictures may be equal."""

_BATCH: Final = 256
"""Lines read at a time."""


class Feed:
    """`run` is its task; viewers read `after` and `state` when `wake` told them to."""

    def __init__(
        self, stream: str, session: str, journal: Path, *, pictures_s: float | None, period_s: float = PERIOD_S
    ) -> None:
        """Nothing is known yet; `pictures_s` is the shortest time between two pictures (s), None for no pictures."""
        self.stream = stream
        self.session = session
        self._journal = journal
        self._pictures_s = pictures_s
        self._period_s = period_s
        self._history = History(stream, session)
        self._encoded: tuple[int, bytes] | None = None
        self._recent: deque[tuple[int, bytes]] = deque()
        self._reader: Reader | None = None
        self._news = News()
        self._heard = asyncio.Event()
        self._ending = asyncio.Event()
        self._shot: Shot | None = None
        self._shot_s = 0.0
        self._shown_s = 0.0
        self._viewers: set[asyncio.Event] = set()
        self.floor = 0
        """Every record after this line is among the latest."""
        self.state = b""
        """The newest `state` event, empty before the first."""
        self.told = SessionState.CONNECTING
        """The state in it."""
        self.beats = 0
        """How often there was nothing to say for long."""
        self.trouble = ""
        """Why nothing new is told, empty where all is well; read from other threads too."""

    @property
    def seq(self) -> int:
        """Number of the last line of the journal that was read."""
        return self._history.seq

    def hear(self, news: News) -> None:
        """What the session says."""
        now_s = asyncio.get_running_loop().time()
        if news.shows != self._news.shows:
            self._shown_s = now_s
            self._see(news.shot, now_s)
        self._news = news
        self._heard.set()

    def shot(self) -> Shot | None:
        """The picture to show now, None where there is none or the session hangs."""
        fresh = asyncio.get_running_loop().time() - self._shown_s < _STALE_S
        return self._shot if fresh else None

    async def run(self) -> None:
        """Tell viewers what is new until `end`, and then what is left."""
        told_s = asyncio.get_running_loop().time()
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEPALIVE_S):
                    await self._heard.wait()
            self._heard.clear()
            now_s = asyncio.get_running_loop().time()
            if await self._tell():
                told_s = now_s
            elif now_s - told_s >= KEEPALIVE_S:
                told_s = now_s
                self.beats += 1
                self.wake()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._ending.wait()
        await self._tell()
        if self._reader is not None:
            self._reader.close()

    def over(self, task: asyncio.Task[None]) -> None:
        """Say so where `run` ended before its time: viewers would wait for nothing."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the page of %s stands still", self.stream, exc_info=error)
            self.trouble = f"unexpected {type(error).__name__}: the page stands still, please report it"

    def end(self) -> None:
        """Have `run` come to its end."""
        self._ending.set()
        self._heard.set()

    def join(self, viewer: asyncio.Event) -> None:
        """Set `viewer` whenever there is something new."""
        self._viewers.add(viewer)

    def leave(self, viewer: asyncio.Event) -> None:
        """Not any more."""
        self._viewers.discard(viewer)

    def wake(self) -> None:
        """Have every viewer look."""
        for viewer in self._viewers:
            viewer.set()

    def after(self, seq: int) -> list[tuple[int, bytes]] | None:
        """The records after a line as events, oldest first; None where some of them are not kept any more."""
        if not self.floor <= seq <= self.seq:
            return None
        later: list[tuple[int, bytes]] = []
        for record in reversed(self._recent):
            if record[0] <= seq:
                break
            later.append(record)
        return later[::-1]

    def history(self) -> bytes:
        """All that was told as one event, made once for all who ask while nothing is added."""
        if self._encoded is None or self._encoded[0] != self.seq:
            payload = encoded(self._history.payload())
            self._encoded = self.seq, event("history", payload, number_of(self.session, self.seq))
        return self._encoded[1]

    def _see(self, shot: Shot | None, now_s: float) -> None:
        if self._pictures_s is None:
            return
        if shot is None or self._shot is None or now_s - self._shot_s >= _EARLY * self._pictures_s:
            self._shot, self._shot_s = shot, now_s

    async def _tell(self) -> bool:
        """Read what was written and tell it together with the state; whether there was anything to tell."""
        before = self.seq
        try:
            await self._read()
        except JournalError:
            self.trouble = "its journal cannot be read: the page shows no verdicts any more"
        news = self._tell_state() or self.seq != before
        if news:
            self.wake()
        return news

    async def _read(self) -> None:
        if self.trouble or self._news.lines == 0:
            return
        if self._reader is None:
            self._reader = await asyncio.to_thread(Reader, self._journal)
        while entries := await asyncio.to_thread(self._reader.read, _BATCH):
            for entry in entries:
                payload = self._history.take(entry)
                if payload is not None:
                    number = number_of(self.session, entry.seq)
                    self._recent.append((entry.seq, event("record", encoded(payload), number)))
            while len(self._recent) > RECORDS:
                self.floor = self._recent.popleft()[0]
            self.wake()  # fewer than are kept: who reads misses none of them

    def _tell_state(self) -> bool:
        """Whether the session is another than viewers know."""
        snapshot = self._news.snapshot
        if snapshot is None:
            return False
        self._history.know(names_of(snapshot))
        payload = state_payload(
            snapshot, self.stream, shown=self._pictures_s is not None, picture=self.shot() is not None
        )
        before, self.state = self.state, event("state", encoded(payload))
        self.told = snapshot.state
        return before != self.state
