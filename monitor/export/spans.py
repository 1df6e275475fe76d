"""A session as spans of a media file, for annotations and for cues: whose spans do not overlap where none may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from buffers.evidence import Cadence
from monitor.records import VerdictRecord
from monitor.session_view import JudgedSpan, SessionView
from monitor.snapshot import EstimateLabel


@dataclass(frozen=True, slots=True)
class Span:
    """[start_ms, end_ms) of a media file."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Placing:
    """Where media time lies in a media file: the session's zero is at `offset_s` of it."""

    offset_s: float = 0.0

    def span(self, start_s: float, end_s: float, *, least_ms: int = 1) -> Span | None:
        """The span in the file, at least so long; None where it is over before the file begins."""
        start_ms, end_ms = (round((time_s + self.offset_s) * 1000.0) for time_s in (start_s, end_s))
        end_ms = max(end_ms, start_ms + least_ms)
        return None if end_ms <= 0 else Span(max(0, start_ms), end_ms)


def judged(view: SessionView, cadence: Cadence) -> Iterator[tuple[float, float, JudgedSpan, VerdictRecord]]:
    """The windows of one cadence with a verdict, each over the seconds that none before it was judged by (s)."""
    from_s = 0.0
    for one in view.windows:
        if one.verdict is None or one.window.cadence is not cadence:
            continue
        start_s = max(one.window.start_s, min(from_s, one.window.end_s))
        from_s = max(from_s, one.window.end_s)
        if start_s < one.window.end_s:
            yield start_s, one.window.end_s, one, one.verdict


def labels(view: SessionView, *, current: bool) -> Iterator[tuple[float, float, EstimateLabel]]:
    """What a track of the estimate said, from one change to the next (s)."""
    told = [(one.media_s, (one.current if current else one.overall).label) for one in view.estimates]
    changes = [told[at] for at in range(len(told)) if at == 0 or told[at][1] is not told[at - 1][1]]
    for (start_s, label), (end_s, _) in pairwise([*changes, (view.end_s, EstimateLabel.UNCERTAIN)]):
        if start_s < end_s:
            yield start_s, end_s, label


def lanes(spans: Iterable[Span]) -> Sequence[int]:
    """For each of these spans, in order of their starts, the first lane (from 0) in which none before it goes on."""
    ends: list[int] = []
    placed: list[int] = []
    for span in spans:
        lane = next((lane for lane, end_ms in enumerate(ends) if end_ms <= span.start_ms), len(ends))
        ends[lane:] = [span.end_ms, *ends[lane + 1 :]]
        placed.append(lane)
    return placed
