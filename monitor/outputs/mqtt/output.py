"""One stream at the broker: its state now, retained, and what happened in it, from the journal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from configs.errors import JournalError
from configs.output_settings import MqttSettings
from monitor.outbox import Box, Outbox, Parcel, Undeliverable
from monitor.outputs.base import Stream
from monitor.outputs.mqtt.link import Link
from monitor.outputs.mqtt.messages import Outgoing, event, picture, retained, word
from monitor.outputs.mqtt.pictures import MOST_BYTES, fitted
from monitor.outputs.mqtt.topics import OFF, OFFLINE, ON, ONLINE, StreamTopics, Topics
from monitor.outputs.public import degraded, description_payload, estimate_payload, nfbl_payload, verdict_payload
from monitor.records import DescriptionRecord, EndReason, NfblRecord, VerdictRecord
from monitor.snapshot import SessionState, Snapshot

logger = logging.getLogger("emotion_monitor.mqtt")

_ONLINE: Final = {SessionState.LIVE, SessionState.STALLED, SessionState.PAUSED}
"""States in which a stream is there. A stall is a hiccup of a second or two; a pause is what a person wants."""

_END: Final = '"kind":"end"'
_HEAD: Final = 200
"""So many characters of a line tell its kind: no text that anybody wrote comes before it."""

_LAST_S: Final = 2.0
"""How long the last state may take (s)."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all streams of a destination have in common."""

    settings: MqttSettings
    topics: Topics
    link: Link
    outbox: Outbox
    report: Callable[[Stream], None]
    """Tells the operator of this stream how the destination does."""
    introduced: Callable[[], None]
    """Is called when it is known for the first time what a stream is watched with."""
    died: Callable[[asyncio.Task[None]], None]
    """Is called with every task that is over."""


def kinds(settings: MqttSettings) -> frozenset[str]:
    """Kinds of records that are published, each once and in their order."""
    return frozenset({"nfbl", "verdict", *({"description"} if settings.rationale else ())})


def event_message(parcel: Parcel, topics: Topics, *, rationale: bool) -> Outgoing:
    """A record as it is published. Raises `Undeliverable` for what is not."""
    of = topics.stream(parcel.stream)
    match parcel.entry.record:
        case VerdictRecord() as record:
            return event(of.verdict, verdict_payload(parcel, record, rationale=rationale))
        case NfblRecord() as record:
            return event(of.nfbl, nfbl_payload(parcel, record))
        case DescriptionRecord() as record if rationale:
            return event(of.description, description_payload(parcel, record))
        case other:
            raise Undeliverable(f"{other.kind} is not published")


class MqttOutput:
    """See the module."""

    def __init__(self, stream: Stream, shared: Shared) -> None:
        """Nothing is published yet."""
        self.stream = stream
        self.preview = shared.settings.preview
        """Whether masked pictures are published."""
        self.fault = ""
        """Why its events are not published any more, empty while they are."""
        self.end: EndReason | None = None
        """Why its session ended, as the journal says."""
        self._shared = shared
        self._of: StreamTopics = shared.topics.stream(stream.name)
        self._shown: Snapshot | None = None
        self._over = False
        self._speaking = asyncio.Lock()
        self._news = asyncio.Event()
        self._told: dict[str, bytes] = {}
        self._key: object = None
        self._told_key: object = None
        self._box: Box | None = None
        self._waiting = 0
        self._delivering: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def snapshot(self) -> Snapshot | None:
        """What was shown last."""
        return self._shown

    @property
    def waiting(self) -> int:
        """Events that are not acknowledged yet."""
        return 0 if self._box is None else self._box.waiting

    async def start(self) -> None:
        """Begin to follow the journal."""
        try:
            self._box = self._shared.outbox.begin(self.stream.session, self.stream.name, self.stream.journal)
        except JournalError as error:
            self._failed(error)
        else:
            self._delivering = asyncio.create_task(self._deliver(self._box), name="mqtt-events")
            self._delivering.add_done_callback(self._shared.died)
        self._tasks = [
            asyncio.create_task(self._keep(), name="mqtt-state"),
            asyncio.create_task(self._preview(), name="mqtt-preview"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._shared.died)

    def record(self, line: str) -> None:
        """There is a new line in the journal."""
        if self._box is not None:
            self._box.wake(line)
        if _END in line[:_HEAD]:
            self.end = EndReason(json.loads(line)["reason"])

    def show(self, snapshot: Snapshot) -> None:
        """Publish it soon where anything of it changed that somebody may wait for."""
        first = self._shown is None
        self._see(snapshot)
        if first:
            self._shared.introduced()
        if self.waiting != self._waiting:
            self._waiting = self.waiting
            self._shared.report(self.stream)

    async def close(self, last: Snapshot | None) -> None:
        """Deliver what there is for a while, then say that the stream is over."""
        if last is not None:
            self._see(last)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drain()
        self._over = True
        try:
            async with asyncio.timeout(_LAST_S):
                async with self._speaking:
                    for message in self.retained():
                        await self._shared.link.tell(message)
        except TimeoutError:
            self._shared.link.give_up()
        self._shared.report(self.stream)

    def retained(self) -> list[Outgoing]:
        """What the broker keeps of the stream, as it is now, its availability last; then only changes go out."""
        words, state = self._words(), self._state()
        self._told = {message.topic: message.payload for message in words}
        self._told_key = self._key
        return [*words[:-1], *state, words[-1]]

    async def again(self) -> None:
        """Publish all that the broker keeps of it once more; what changes meanwhile comes after it, not before."""
        async with self._speaking:
            self._told.clear()
            self._told_key = None
            await self._speak()

    def changed(self) -> None:
        """Something of it may have changed that no snapshot shows."""
        self._news.set()

    def _see(self, snapshot: Snapshot) -> None:
        self._shown = snapshot
        key = _key(snapshot)
        if key != self._key:
            self._key = key
            self._news.set()

    def _words(self) -> list[Outgoing]:
        state = None if self._shown is None else self._shown.state
        there = state in _ONLINE and not self._over
        return [
            word(self._of.enabled_state, OFF if state is SessionState.PAUSED else ON),
            word(self._of.preview_state, ON if self.preview else OFF),
            word(self._of.availability, ONLINE if there else OFFLINE),
        ]

    def _state(self) -> list[Outgoing]:
        if self._shown is None:
            return []
        return [retained(self._of.state, estimate_payload(self._shown, self.stream.name, self.stream.now()))]

    async def _keep(self) -> None:
        """Publish what changed, and the state at every heartbeat too."""
        heartbeat = False
        while True:
            async with self._speaking:
                await self._speak(heartbeat=heartbeat)
            heartbeat = not await self._news_within(self._shared.settings.heartbeat_s)

    async def _speak(self, *, heartbeat: bool = False) -> None:
        for message in self._words():
            if self._told.get(message.topic) != message.payload and await self._shared.link.tell(message):
                self._told[message.topic] = message.payload
        key = self._key
        if heartbeat or key != self._told_key:
            for message in self._state():
                if await self._shared.link.tell(message):
                    self._told_key = key

    async def _news_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        there = self._news.is_set()
        self._news.clear()
        return there

    async def _preview(self) -> None:
        """Publish the newest masked picture from time to time, while that is wanted."""
        period_s, shown, warned = self._shared.settings.preview_every_s, None, False
        while True:
            await asyncio.sleep(period_s)
            frame = self.stream.picture() if self.preview and self._shared.link.up else None
            if frame is None or frame is shown:
                continue
            shown = frame
            told = picture(self._of.preview, frame.jpeg, expiry_s=max(1, round(2 * period_s)))
            room = min(MOST_BYTES, self._shared.link.room_for(told))
            try:
                if len(told.payload) > room:
                    told = replace(told, payload=await asyncio.to_thread(fitted, told.payload, room))
            except ValueError as error:
                if not warned:
                    logger.warning("%s: a picture is not published: %s", self.stream.name, error)
                warned = True
                continue
            await self._shared.link.tell(told)

    async def _deliver(self, box: Box) -> None:
        try:
            await box.run()
        except (JournalError, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        self.fault = f"verdicts are not published any more: {why}"
        self._shared.report(self.stream)

    async def _drain(self) -> None:
        if self._box is None or self._delivering is None:
            return
        vain = self._delivering.done() or self._shared.link.stopped
        await self._box.drain(0.0 if vain else self._shared.settings.drain_s)
        self._delivering.cancel()
        await asyncio.gather(self._delivering, return_exceptions=True)
        self._box.close()


def _key(snapshot: Snapshot) -> object:
    """What of a snapshot is news."""
    last = snapshot.windows[-1].window.id if snapshot.windows else None
    tracks = tuple((track.label, track.stale) for track in (snapshot.overall, snapshot.current))
    return (snapshot.state, snapshot.judged, last, tracks, degraded(snapshot))
