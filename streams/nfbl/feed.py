"""What a body-language feed is: something that is shown raw frames and told of speech, and reports what it noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from buffers.records import NfblEvent, NfblState, NfblWatch, Prosody
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame, RawGap

FeedItem = NfblEvent | NfblWatch | NfblState


@dataclass(frozen=True, slots=True)
class Report:
    """One item and the media time at which it was known (s), never before the time it is about."""

    t_s: float
    item: FeedItem


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """What became of the looks so far: taken, skipped for want of time, and how often the engine was lost."""

    looks: int = 0
    skipped: int = 0
    losses: int = 0


class Feed(Protocol):
    """A feed of one session. `see` and `hear` come from two threads; `reports` from either, never twice at once."""

    @property
    def source(self) -> str:
        """Names the feed in records."""

    @property
    def digest(self) -> str:
        """Equal where equal media make equal events."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know before it begins."""

    @property
    def counts(self) -> FeedCounts:
        """Looks at frames so far; zeros where none are looked at."""

    def see(self, frame: RawFrame, faces: Sequence[SeenFace] | None, *, pressed: bool = False) -> None:
        """Look at a raw frame with the faces the masker found in it (None: the masker had no answer).

        A live feed never makes the caller wait; at max speed it may. `pressed`: frames wait to be masked, so a feed
        that needs the same cores should stand back.
        """

    def miss(self, gap: RawGap) -> None:
        """Note that there is no picture for a while."""

    def hear(self, prosody: Prosody) -> None:
        """Note how something was said."""

    def reports(self, watermark_s: float) -> list[Report]:
        """What may be told now, in order of time; each report once.

        At max speed all that is known up to the watermark and nothing beyond, waiting for it where it must; live all
        that is known, since body language should not wait for the masks' look-back. An infinite watermark is the end:
        what is still open is closed.
        """

    def close(self) -> None:
        """Let go of models and frames; safe to call twice."""
