"""The threads in which a captor captures: one at a time, left behind where it hangs."""

from __future__ import annotations

import logging
import threading
import traceback
from typing import Final

from configs.errors import MonitorError
from streams.sources.live.captor import Captor, CaptureEnded, CaptureFailed
from streams.sources.live.post import Mailbox, Outcome

logger = logging.getLogger("emotion_monitor.link")

_GRACE_S: Final = 1.0
"""How long a thread may take to release everything before another is started beside it."""

MOST_HUNG: Final = 5
"""Threads left behind that may hang at once: each holds a socket or a device, and memory."""

_LONGEST: Final = 200
"""Characters of a reason that are shown."""


class Attempts:
    """Starts attempts in daemon threads. Never joins one for ever, never closes what one has open."""

    def __init__(self, captor: Captor) -> None:
        """Start nothing yet."""
        self._captor = captor
        self._thread: threading.Thread | None = None
        self._left_s: float | None = None
        self._hung: list[threading.Thread] = []
        self._count = 0

    def start(self, mailbox: Mailbox) -> None:
        """Capture into `mailbox`; only after `ready` said so."""
        self._count += 1
        self._left_s = None
        self._thread = threading.Thread(
            target=capture, args=(self._captor, mailbox), name=f"attempt-{self._count}", daemon=True
        )
        self._thread.start()

    def leave(self, now_s: float) -> None:
        """Nothing is wanted of the last attempt any more: its thread has a moment to end."""
        if self._left_s is None:
            self._left_s = now_s

    def ready(self, now_s: float) -> bool:
        """Whether another may be started: the last one has ended or had its moment, and not too many hang."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            if self._left_s is None or now_s - self._left_s < _GRACE_S:
                return False
            self._hung.append(thread)
        self._thread = None
        return self.hung < MOST_HUNG

    @property
    def hung(self) -> int:
        """Threads that were left behind and have not come back."""
        self._hung = [thread for thread in self._hung if thread.is_alive()]
        return len(self._hung)

    def join(self) -> None:
        """Give the last attempt its moment to end."""
        if self._thread is not None:
            self._thread.join(_GRACE_S)


def capture(captor: Captor, mailbox: Mailbox) -> None:
    """One attempt: however it ends, the mailbox says so."""
    outcome = Outcome("broke off")
    try:
        captor.capture(mailbox)
        outcome = Outcome("ended without a word")
    except CaptureFailed as error:
        outcome = Outcome(_line(str(error) or "failed"))
    except CaptureEnded as error:
        outcome = Outcome(_line(str(error) or "has come to its end"), ended=True)
    except MonitorError as error:
        outcome = Outcome(_line(str(error)), error=error)
    except Exception as error:  # noqa: BLE001 - a broken captor is a lost source, and is opened again
        # The message may hold an address with its password; files and functions do not.
        trace = " > ".join(f"{call.name} ({call.filename}:{call.lineno})" for call in _calls(error))
        logger.debug("%s: %s at %s", captor.name, type(error).__name__, trace)
        outcome = Outcome(f"broke off ({type(error).__name__})")
    finally:
        mailbox.finish(outcome)


def _calls(error: Exception) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
