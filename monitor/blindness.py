"""Turns a feed's account of what it saw into spans of blindness for the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from buffers.records import NFBL_GROUPS, Group, NfblWatch
from monitor.records import BlindRecord

LEAST_S: Final = 0.5
"""Shorter spans are not worth a line: less than the shortest event that counts, and one more."""

LONGEST_S: Final = 60.0
"""A longer span is told in pieces, so that a journal that is cut off says most of it."""


@dataclass(slots=True)
class _Span:
    start_s: float
    end_s: float
    reason: str


class Blindness:
    """Joins what follows upon another for the same reason, group by group."""

    def __init__(self) -> None:
        """Nothing is blind."""
        self._spans: dict[Group, _Span] = {}

    def take(self, watch: NfblWatch) -> list[BlindRecord]:
        """The spans that are over, or long enough to be told, with this account; accounts come in order of time."""
        reasons = dict(watch.blind)
        told: list[BlindRecord] = []
        for group in NFBL_GROUPS:
            reason, span = reasons.get(group), self._spans.get(group)
            if span is not None and (span.reason != reason or watch.start_s > span.end_s + LEAST_S):
                told += self._told(group)
                span = None
            if reason is None:
                continue
            if span is None:
                self._spans[group] = _Span(watch.start_s, watch.end_s, reason)
            else:
                span.end_s = watch.end_s
                if span.end_s - span.start_s >= LONGEST_S:
                    told += self._told(group)
        return told

    def finish(self) -> list[BlindRecord]:
        """The spans that last to the end."""
        return [record for group in NFBL_GROUPS for record in self._told(group)]

    def _told(self, group: Group) -> Iterator[BlindRecord]:
        span = self._spans.pop(group, None)
        if span is not None and span.end_s - span.start_s >= LEAST_S:
            yield BlindRecord(
                media_s=span.end_s, group=group, start_s=span.start_s, end_s=span.end_s, reason=span.reason
            )
