"""What could be watched when, as contiguous spans: without them "no event" would read as calm. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from buffers.records import NFBL_GROUPS, Group, NfblWatch
from streams.nfbl.segments.episodes import ROUNDING_S

SPAN_S: Final = 1.0
"""A span is told at the latest after so long, so that evidence is never much behind."""

Blind = tuple[tuple[Group, str], ...]


def blind_groups(reasons: Mapping[Group, str]) -> Blind:
    """Groups with the reason why they cannot be seen, in the order of `NFBL_GROUPS`; others are no body language."""
    return tuple((group, reasons[group]) for group in NFBL_GROUPS if group in reasons)


def blind_all(reason: str) -> Blind:
    """No group can be seen, for one reason."""
    return tuple((group, reason) for group in NFBL_GROUPS)


@dataclass(frozen=True, slots=True)
class _State:
    blind: Blind
    person: int | None


class WatchLog:
    """Cuts media time into spans of equal blindness, each handed out once and each beginning where the last ended.

    A change counts once it has held for `calm_s` more than not, and then from its first moment: a hand that is lost
    for two ticks is no span of its own, and one that is found for a tick now and then is not seen. Another person
    counts at once.
    """

    def __init__(self, *, calm_s: float) -> None:
        """Begin before any time."""
        self._calm_s = calm_s
        self._start_s: float | None = None
        self._told = self._now = _State((), None)
        self._changed_s: float | None = None
        self._away_s = 0.0
        self._noted_s = 0.0
        self._people = 0

    def note(self, t_s: float, blind: Blind, *, person: int | None, people: int) -> list[NfblWatch]:
        """From `t_s` on this is so; returns the spans that are over."""
        known = self._told.person
        if self._start_s is None or (known is not None and person is not None and person != known):
            return self.turn(t_s, blind, person=person, people=people)
        self._weigh(t_s)
        told = self._cut_at_change()
        self._now = _State(blind, person)
        if self._changed_s is None and self._now != self._told:
            self._changed_s = t_s
        if self._changed_s is not None and t_s - self._start_s >= SPAN_S + self._calm_s:
            # It comes and goes: what was told before stands.
            self._changed_s, self._away_s = None, 0.0
        until_s = t_s if self._changed_s is None else self._changed_s
        if until_s - self._start_s >= SPAN_S - ROUNDING_S:
            told += self._cut(until_s)
        # The most there were during the span: a face that is lost for a moment is still there.
        self._people = people if told else max(self._people, people)
        return told

    def turn(self, t_s: float, blind: Blind, *, person: int | None, people: int) -> list[NfblWatch]:
        """From `t_s` on this is so, beyond doubt; returns the spans that are over."""
        told = self.end(t_s)
        self._start_s = self._noted_s = t_s
        self._told = self._now = _State(blind, person)
        self._people = people
        return told

    def end(self, t_s: float) -> list[NfblWatch]:
        """Everything up to `t_s` that was not handed out yet; what comes later begins anew."""
        self._weigh(t_s)
        told = self._cut_at_change() + self._cut(t_s)
        self._start_s = self._changed_s = None
        self._away_s = 0.0
        return told

    def _weigh(self, t_s: float) -> None:
        """Count the time since the last note for the change or against it."""
        length_s, self._noted_s = t_s - self._noted_s, t_s
        if self._changed_s is None:
            return
        self._away_s += -length_s if self._now == self._told else length_s
        if self._away_s <= ROUNDING_S:
            self._changed_s, self._away_s = None, 0.0

    def _cut_at_change(self) -> list[NfblWatch]:
        if self._changed_s is None or self._away_s < self._calm_s - ROUNDING_S:
            return []
        told = self._cut(self._changed_s)
        self._told, self._changed_s, self._away_s = self._now, None, 0.0
        return told

    def _cut(self, t_s: float) -> list[NfblWatch]:
        start_s = self._start_s
        if start_s is None or t_s <= start_s:
            return []
        self._start_s = t_s
        return [NfblWatch(start_s, t_s, self._told.blind, self._told.person, self._people)]
