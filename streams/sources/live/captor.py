"""What a live source must be able to do, so that everything else (states, retries, times) is done for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from streams.media import TrackInfo


class CaptureFailed(Exception):
    """An attempt failed or a capture broke off. The message is one short phrase, without secrets, for the screen."""


class CaptureEnded(Exception):
    """The source itself is over (a finite one): there is nothing to come back to."""


class Post(Protocol):
    """Where a captor delivers. Every call returns at once; the time of the call is the time of arrival.

    Where a device tells when it captured, `captured_s` is that, as media time (see `now_s`), and `pts_s` is left out;
    else `pts_s` is the stream's own timestamp, None where it has none.
    """

    @property
    def wanted(self) -> bool:
        """False once this attempt is over: deliver nothing more, release everything and return."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until the attempt is over, at most that long (wall time, s); whether it is."""

    def now_s(self) -> float:
        """Media time now (s)."""

    def waiting(self, reason: str) -> None:
        """Nothing is wrong, but nobody is there yet (a publisher): no time limit applies before `opened`."""

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:
        """It is open and these tracks will come; anything the user should know is told.

        What comes first may have been captured up to `kept_s` ago: after a pause so much is left out.
        """

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        """A picture arrived."""

    def sound(
        self, samples: NDArray[np.float32], *, pts_s: float | None = None, captured_s: float | None = None
    ) -> None:
        """float32[n] mono at `AUDIO_RATE_HZ` arrived, resampled statefully; times are those of its first sample."""

    def overflow(self, reason: str) -> None:
        """The device says that sound was lost before this call; a gap is recorded where the times show none."""


class Captor(Protocol):
    """Knows how to capture from one device, address or endpoint."""

    @property
    def name(self) -> str:
        """What it is called on screens and in journals, without secrets."""

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """The tracks that may come, as far as they are known before anything is opened (codec "unknown")."""

    @property
    def one_clock(self) -> bool:
        """Whether the `pts_s` of all its tracks count on one clock, so that what separates them is kept."""

    def capture(self, post: Post) -> None:
        """One attempt: open, call `post.opened`, deliver until `post.wanted` is false.

        Runs in a thread of its own, which is left behind where it hangs: never close anything from another thread.

        Raises:
            CaptureFailed: it could not be opened, or broke off; it is tried again.
            CaptureEnded: it has come to its own end.
        """

    def close(self) -> None:
        """The session is over: release what outlives single attempts (a server). Safe to call twice."""


@runtime_checkable
class Inviting(Protocol):
    """A captor to which somebody must come."""

    @property
    def invitation(self) -> str:
        """The link to hand to them, for the operator's screen only: it may hold a secret. Empty where all is told."""


@runtime_checkable
class ReadsFile(Protocol):
    """A captor that reads a file."""

    @property
    def file(self) -> Path:
        """The file: nothing may be written over it."""
