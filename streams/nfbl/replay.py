"""A body-language feed replayed from an annotation file: what a rater or another program noted, told in media time."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from buffers.records import Group, NfblEvent, NfblWatch, Phase, Prosody
from configs.taxonomy import NfblClass
from configs.yamlfile import printable
from streams.deidentify.policy import SeenFace
from streams.media import RawFrame, RawGap
from streams.nfbl.annotations.declaration import Declaration
from streams.nfbl.annotations.read import Mapped, mapped, read_annotations
from streams.nfbl.annotations.rows import Row
from streams.nfbl.feed import FeedCounts, Report

LISTED: Final = 10
"""Unknown labels that a notice lists before it says how many more there are."""


class ReplayedFeed:
    """Events of one annotation file, each opened at its start and closed at its end.

    Whoever annotated is taken to have watched the whole time and every group, so the watch spans have no holes. Rows
    whose label is no class are left out and listed in `notices`. `source` names the feed in records, `digest`
    identifies its events. Ids are r1, r2, ... in order of time.
    """

    def __init__(
        self,
        path: Path,
        *,
        declaration: Declaration | None = None,
        duration_s: float | None = None,
        media_name: str | None = None,
    ) -> None:
        """Read the whole file.

        Args:
            path: The annotation file.
            declaration: What the file does not say itself.
            duration_s: Length of the media; rows that start after it are left out and noted, later ends cut.
            media_name: Name of the media, which chooses between several videos in the file.

        Raises:
            ConfigError: the file cannot be read or is not what it must be; the message names the place in it.
        """
        annotations = read_annotations(path, declaration or Declaration(), media_name=media_name)
        found = mapped(annotations)
        self.source = f"replay:{printable(path.name)}"
        end_s = math.inf if duration_s is None else duration_s
        rows = sorted((pair for pair in found.rows if pair[0].start_s < end_s), key=_order)
        outside = len(found.rows) - len(rows)
        self.notices: tuple[str, ...] = (*annotations.notices, *_notices(path, found, outside, duration_s))
        events = [
            event
            for number, (row, nfbl_class) in enumerate(rows, 1)
            for event in self._events(f"r{number}", row, nfbl_class, end_s)
        ]
        events.sort(key=_time)
        self.digest = hashlib.sha256(repr(events).encode()).hexdigest()
        self._end_s = duration_s if duration_s is not None else max((event.end_s for event in events), default=0.0)
        self._left = events[::-1]
        self._seen_s = self._heard_s = -math.inf
        self._told_s = 0.0

    @property
    def counts(self) -> FeedCounts:
        """See `Feed.counts`."""
        return FeedCounts()

    def see(
        self,
        frame: RawFrame,
        faces: Sequence[SeenFace] | None,  # noqa: ARG002 - others look at them
        *,
        pressed: bool = False,  # noqa: ARG002 - a file needs no time
    ) -> None:
        """Note how far the session has come; nothing is looked at."""
        self._seen_s = frame.t_s

    def miss(self, gap: RawGap) -> None:
        """Whoever annotated may have seen it all the same."""

    def hear(self, prosody: Prosody) -> None:
        """Note how far the session has come."""
        self._heard_s = prosody.end_s

    def reports(self, watermark_s: float) -> list[Report]:
        """Events due up to the watermark and the span that was watched since the last call, in order of time.

        At the end (an infinite watermark) nothing is told from beyond what was seen or heard: a session that is broken
        off has not met the rest of its file. Where nothing was shown at all, the end is that of the media or, if that
        is not known, of the last event. What is then open is closed.
        """
        if watermark_s < math.inf:
            until_s = watermark_s
            events = list(self._due(watermark_s))
        else:
            met_s = max(self._seen_s, self._heard_s)
            until_s = self._end_s if math.isinf(met_s) else max(met_s, self._told_s)
            events = list(self._last_events(until_s))
        reports = [Report(_time(event), event) for event in events]
        if until_s > self._told_s:
            reports.append(Report(until_s, NfblWatch(self._told_s, until_s, blind=())))
            self._told_s = until_s
        return sorted(reports, key=lambda report: report.t_s)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _due(self, t_s: float) -> tuple[NfblEvent, ...]:
        """Events due at or before `t_s` that were not given yet, in order of time."""
        due: list[NfblEvent] = []
        while self._left and _time(self._left[-1]) <= t_s:
            due.append(self._left.pop())
        return tuple(due)

    def _last_events(self, until_s: float) -> Iterator[NfblEvent]:
        """The rest up to the end; what is open then is closed there."""
        yield from self._due(until_s)
        begun = [event for event in self._left if event.phase is Phase.CLOSE and event.start_s <= until_s]
        self._left.clear()
        yield from (replace(event, end_s=until_s) for event in reversed(begun))

    def _events(self, event_id: str, row: Row, nfbl_class: NfblClass, end_s: float) -> Iterator[NfblEvent]:
        for phase, known_s in ((Phase.OPEN, row.start_s), (Phase.CLOSE, min(row.end_s, end_s))):
            yield NfblEvent(
                id=event_id,
                phase=phase,
                group=Group(nfbl_class.group),
                class_id=nfbl_class.id,
                name=nfbl_class.name,
                side=row.side,
                start_s=row.start_s,
                end_s=known_s,
                score=1.0 if row.score is None else row.score,
                alternatives=(),
                source=self.source,
            )


def _order(pair: tuple[Row, NfblClass]) -> tuple[float, float]:
    return pair[0].start_s, pair[0].end_s


def _time(event: NfblEvent) -> float:
    return event.start_s if event.phase is Phase.OPEN else event.end_s


def _notices(path: Path, found: Mapped, outside: int, duration_s: float | None) -> Iterator[str]:
    name = printable(path.name)
    if found.unmapped:
        shown = ", ".join(f"{printable(label, 40)!r} ({count})" for label, count in found.unmapped[:LISTED])
        more = f" and {len(found.unmapped) - LISTED} more" if len(found.unmapped) > LISTED else ""
        total = sum(count for _, count in found.unmapped)
        yield f"{name}: {total} rows left out, their classes are not in the taxonomy: {shown}{more}"
        if any(label.isdecimal() for label, _ in found.unmapped):
            yield f"{name}: numbers name classes only where base=0 or base=1 is declared (nfbl.annotations)"
    if outside:
        yield f"{name}: {outside} rows left out, they start after the end of the media at {duration_s:g} s"
