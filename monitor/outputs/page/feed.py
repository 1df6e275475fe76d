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
from monitor.outputs.page.state import OVER, names_of, state_payload
from monitor.outputs.page.wire import KEEPALIVE_S, encoded, event, number_of
from monitor.reading import Entry, Reader
from monitor.snapshot import SessionState

logger = logging.getLogger("emotion_monitor.page")

PERIOD_S: Final = 0.5
"""Shortest time between two tellings (s): a person reads no faster, and hundreds of viewers are told each time."""

RECORDS: Final = 500
"""Latest records that are kept for viewers who come back; who was away for longer gets the history anew."""

_STALE_S: Final = 3.0
"""Age from which a picture is not shown any more (s): sessions are shown four times a second, so this one hangs."""

_SILENT_S: Final = 5.0
"""Silence of a session from which it is told that it does not answer (s): twenty times as long as between shows."""

_EARLY: Final = 0.8
"""Share of the period from which the next picture is taken: periods of the session and of pictures may be equal."""

_BATCH: Final = 256
"""Lines read at a time."""


class Feed:
    """`run` is its task; viewers read `after` and `state` when `wake` told them to."""

    def __init__(
        self,
        stream: str,
        session: str,
        journal: Path,
        *,
        pictures_s: float | None,
        period_s: float = PERIOD_S,
        beat_s: float = KEEPALIVE_S,
    ) -> None:
        """Nothing is known yet; `pictures_s` is the shortest time between two pictures (s), None for no pictures.

        `beat_s` is the longest silence (s).
        """
        self.stream = stream
        self.session = session
        self._journal = journal
        self._pictures_s = pictures_s
        self._period_s = period_s
        self.beat_s = beat_s
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
        """Why less is told than there is, empty where all is well; read from other threads too."""
        self.stuck = False
        """Whether it stays like that: what has failed once may go well the next time."""
        self._troubles: dict[str, str] = {}

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
                async with asyncio.timeout(min(self.beat_s, _SILENT_S)):
                    await self._heard.wait()
            self._heard.clear()
            now_s = asyncio.get_running_loop().time()
            if await self._tell():
                told_s = now_s
            elif now_s - told_s >= self.beat_s:
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
            self._fault("the page stands still", error)
            self.stuck = True
            self.wake()

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
        before = self.seq, self.state, self.trouble
        snapshot = self._news.snapshot
        if snapshot is not None:  # before records are read that may call something by its name
            self._history.know(names_of(snapshot))
        try:
            await self._read()
        except JournalError:
            self.stuck = True
            self._say("journal", "its journal cannot be read: the page shows no verdicts any more")
        try:
            self._tell_state()
        except Exception as error:  # noqa: BLE001 - a supervisor: one snapshot must not end the page, the next may do
            self._fault("the page is not up to date", error)
        else:
            self._say("the page is not up to date", "")
        news = before != (self.seq, self.state, self.trouble)
        if news:
            self.wake()
        return news

    async def _read(self) -> None:
        if self.stuck or self._news.lines == 0:
            return
        if self._reader is None:
            self._reader = await asyncio.to_thread(Reader, self._journal)
        while entries := await asyncio.to_thread(self._reader.read, _BATCH):
            for entry in entries:
                try:
                    self._take(entry)
                except Exception as error:  # noqa: BLE001 - a supervisor: nor must one line
                    self._fault("a line of its journal is not on the page", error)
            while len(self._recent) > RECORDS:
                self.floor = self._recent.popleft()[0]
            self.wake()  # fewer than are kept: who reads misses none of them

    def _fault(self, what: str, error: BaseException) -> None:
        """Say what our own fault does; how it came about is for who looks for it."""
        if self._say(what, f"unexpected {type(error).__name__}: {what}, please report it"):
            logger.error("%s: %s", self.stream, self._troubles[what])
            logger.debug("%s: %s", self.stream, what, exc_info=error)

    def _say(self, what: str, words: str) -> bool:
        """Whether that is news; empty words where it is over."""
        before = self._troubles.pop(what, "")
        if words:
            self._troubles[what] = words
        self.trouble = next(iter(self._troubles.values()), "")
        return words != before

    def _take(self, entry: Entry) -> None:
        payload = self._history.take(entry)
        if payload is not None:
            number = number_of(self.session, entry.seq)
            self._recent.append((entry.seq, event("record", encoded(payload), number)))

    def _tell_state(self) -> None:
        snapshot = self._news.snapshot
        if snapshot is None:
            return
        silent_s = asyncio.get_running_loop().time() - self._shown_s
        answers = snapshot.state in OVER or silent_s < _SILENT_S
        payload = state_payload(
            snapshot, self.stream, shown=self._pictures_s is not None, picture=self.shot() is not None, answers=answers
        )
        self.state = event("state", encoded(payload))
        self.told = SessionState(payload["state"])
