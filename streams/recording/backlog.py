"""What waits to be recorded: sound and gaps all of it, of the pictures the newest that fit into a fixed memory."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from buffers.records import CleanAudio, CleanFrame, Gap
from streams.channel import Channel, ChannelClosed, Policy

Recorded = CleanFrame | CleanAudio | Gap
"""What a recording takes note of."""

WAITING_BYTES: Final = 64 << 20
"""Memory of the frames that wait: 1.5 s of 720p at 30 a second, 0.7 s of 1080p."""

WAITING_ITEMS: Final = 4096
"""Items that wait, frames that were given up among them: more than a minute and a half, of a few kB each."""


class _Slot:
    """A frame in its place in the order; None once it was given up."""

    __slots__ = ("frame",)

    def __init__(self, frame: CleanFrame) -> None:
        self.frame: CleanFrame | None = frame


class Backlog:
    """An edge between a session and its recording: `put` returns at once, `get` waits.

    Where the frames need more memory than they may, the oldest is given up; the newest one never is. Sound is given up
    only where nothing was taken for minutes.
    """

    def __init__(self, *, most_bytes: int = WAITING_BYTES, most_items: int = WAITING_ITEMS) -> None:
        """Begin empty."""
        self._most_bytes = most_bytes
        self._channel: Channel[_Slot | CleanAudio | Gap] = Channel(
            "recording", max_items=most_items, policy=Policy.DROP_OLDEST
        )
        self._lock = threading.Lock()
        self._waiting: deque[_Slot] = deque()
        self._bytes = 0
        self._over = False
        self.dropped = 0
        """Frames that were given up."""

    def put(self, item: Recorded) -> None:
        """Add an item, in order of time; `ChannelClosed` once nothing is taken any more."""
        if not isinstance(item, CleanFrame):
            self._channel.put(0.0, item)
            return
        slot = _Slot(item)
        with self._lock:
            if self._over:
                raise ChannelClosed("recording")
            self._waiting.append(slot)
            self._bytes += item.picture.nbytes
            while self._bytes > self._most_bytes and len(self._waiting) > 1:
                self._give_up(self._waiting.popleft())
        self._channel.put(0.0, slot)

    def get(self) -> Recorded:
        """The oldest item that was not given up; `ChannelClosed` at the end."""
        while True:
            item = self._channel.get()
            if not isinstance(item, _Slot):
                return item
            with self._lock:
                frame, item.frame = item.frame, None
                if frame is None:
                    continue
                self._bytes -= frame.picture.nbytes
                while self._waiting and self._waiting.popleft() is not item:
                    pass
            return frame

    def close(self) -> None:
        """Nothing more comes; what waits can still be taken."""
        self._over = True
        self._channel.close()

    def abort(self) -> None:
        """Nothing more is taken; what waits is forgotten."""
        with self._lock:
            self._over = True
            self._waiting.clear()
        self._channel.abort()

    def _give_up(self, slot: _Slot) -> None:
        assert slot.frame is not None
        self._bytes -= slot.frame.picture.nbytes
        slot.frame = None
        self.dropped += 1
