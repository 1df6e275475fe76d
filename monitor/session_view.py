"""A journal as values: what reports, exports and a page's history are made of, in one pass.

Lines become what a reader thinks in: pieces of a long gap are one gap, an event is what was told of it last, a window
is its verdict with the description it was judged from. Nothing is thinned and nothing is left out but `raw` replies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from buffers.evidence import Window
from buffers.records import NFBL_GROUPS, FeedState, Gap, Group, Phase, Track
from configs.errors import JournalError
from configs.yamlfile import printable
from monitor.blindness import LEAST_S
from monitor.gaps import JOIN_S
from monitor.reading import Entry, Reader
from monitor.record import Record
from monitor.records import (
    AnyRecord,
    BlindRecord,
    DescriptionRecord,
    EndRecord,
    EstimateRecord,
    FeedRecord,
    GapRecord,
    HealthRecord,
    LinkRecord,
    MarkRecord,
    NfblRecord,
    SessionRecord,
    StallRecord,
    VerdictRecord,
)

NOT_WATCHED: Final = "body language off"
"""Why nothing was seen of body language in a session without a feed."""


@dataclass(frozen=True, slots=True)
class BlindSpan:
    """A span in which one group of body language could not be watched, and why."""

    group: Group
    start_s: float
    end_s: float
    reason: str


Span = TypeVar("Span", Gap, BlindSpan)
Kind = TypeVar("Kind", bound=Record)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One piece of body language: `last` is what was told of it last, `known_s` when it was first told.

    Until it is `closed` its end is only how far it was told.
    """

    last: NfblRecord
    known_s: float
    seq: int
    """Line of `last`."""

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.last.phase is Phase.CLOSE


@dataclass(frozen=True, slots=True)
class JudgedSpan:
    """A window that was described, judged or both; a description without a verdict was under way at the end."""

    window: Window
    description: DescriptionRecord | None
    verdict: VerdictRecord | None
    seq: int
    """Line of the verdict, or of the description where there is none."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A whole session, or as much of one as its journal tells by now; everything in the order of the journal.

    Attributes:
        session: its id.
        seq: number of the last line that was read.
        head: what is watched, and with what.
        end_s: the latest media time of any line.
        end: how it ended, None while it goes on and where it was cut off.
        windows: what was judged.
        estimates: the running estimate after each verdict.
        events: body language, by the beginning; illustrative gestures are among them.
        gaps: spans without picture or sound, by track and beginning.
        blind: spans in which a group could not be watched, by group and beginning; a feed that is not live sees none.
        feed: changes of the body-language feed.
        links: changes of a live source's links.
        stalls: what hung.
        marks: what a person marked.
        health: counters and load as they were told.
    """

    session: str
    seq: int
    head: SessionRecord
    end_s: float
    end: EndRecord | None
    windows: tuple[JudgedSpan, ...]
    estimates: tuple[EstimateRecord, ...]
    events: tuple[ToldEvent, ...]
    gaps: tuple[Gap, ...]
    blind: tuple[BlindSpan, ...]
    feed: tuple[FeedRecord, ...]
    links: tuple[LinkRecord, ...]
    stalls: tuple[StallRecord, ...]
    marks: tuple[MarkRecord, ...]
    health: tuple[HealthRecord, ...]

    @property
    def verdicts(self) -> tuple[VerdictRecord, ...]:
        """All verdicts, also those that abstain."""
        return tuple(one.verdict for one in self.windows if one.verdict is not None)


@dataclass(slots=True)
class _Read:
    """What was read so far; `others` are the kinds that stay as they are."""

    windows: list[JudgedSpan] = field(default_factory=list)
    described: dict[int, tuple[DescriptionRecord, int]] = field(default_factory=dict)
    events: dict[str, ToldEvent] = field(default_factory=dict)
    gaps: dict[Track, list[Gap]] = field(default_factory=lambda: {track: [] for track in Track})
    blind: dict[Group, list[BlindSpan]] = field(default_factory=lambda: {group: [] for group in Group})
    others: list[AnyRecord] = field(default_factory=list)

    def take(self, entry: Entry) -> None:
        """Take one line."""
        match entry.record:
            case NfblRecord() as record:
                before = self.events.get(record.id)
                known_s = record.media_s if before is None else before.known_s
                self.events[record.id] = ToldEvent(record, known_s, entry.seq)
            case BlindRecord() as record:
                span = BlindSpan(record.group, record.start_s, record.end_s, record.reason)
                _join(self.blind[record.group], span, LEAST_S)
            case GapRecord() as record:
                _join(self.gaps[record.track], Gap(record.track, record.start_s, record.end_s, record.reason), JOIN_S)
            case DescriptionRecord() as record:
                self.described[record.window.id] = (record, entry.seq)
            case VerdictRecord() as record:
                description, _ = self.described.pop(record.window.id, (None, 0))
                self.windows.append(JudgedSpan(record.window, description, replace(record, raw=None), entry.seq))
            case record:
                self.others.append(record)

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The records of a kind that stays as it is."""
        return tuple(record for record in self.others if isinstance(record, kind))


def read_view(path: Path) -> SessionView:
    """The session that a journal tells, to its present end.

    Raises:
        JournalError: there is no such file, or it is no journal, empty, damaged or of another schema.
    """
    name = printable(str(path), 200)
    if path.exists() and not path.is_file():
        raise JournalError(f"{name} is no ordinary file: give the path of a journal")
    with Reader(path) as reader:
        try:
            return view(entry for entry in reader.whole_lines() if entry is not None)
        except JournalError:
            if reader.seq:
                raise
            what = "is no journal of emotion-monitor" if path.stat().st_size else "is empty"
            raise JournalError(f"{name} {what}: give the path of a journal") from None


def view(entries: Iterable[Entry]) -> SessionView:
    """The session that the lines of one journal tell, from its first line on.

    Raises:
        JournalError: the first line does not say what is watched, or there is none.
    """
    read = _Read()
    session, seq, end_s = "", 0, 0.0
    for entry in entries:
        if not seq and not isinstance(entry.record, SessionRecord):
            break
        read.take(entry)
        session, seq = entry.session, entry.seq
        end_s = max(end_s, entry.record.media_s)
    if not seq:
        raise JournalError("the journal does not begin with its session: nothing can be made of it")
    (head, *_), ends, feed = read.of(SessionRecord), read.of(EndRecord), read.of(FeedRecord)
    under_way = [JudgedSpan(told.window, told, None, at) for told, at in read.described.values()]
    for span in _outages(head, feed, end_s):
        read.blind[span.group].append(span)
    return SessionView(
        session=session,
        seq=seq,
        head=head,
        end_s=end_s,
        end=ends[-1] if ends else None,
        windows=(*read.windows, *under_way),
        estimates=read.of(EstimateRecord),
        events=tuple(sorted(read.events.values(), key=lambda event: (event.last.start_s, event.last.end_s))),
        gaps=tuple(gap for track in Track for gap in sorted(read.gaps[track], key=lambda gap: gap.start_s)),
        blind=tuple(one for group in Group for one in sorted(read.blind[group], key=lambda one: one.start_s)),
        feed=feed,
        links=read.of(LinkRecord),
        stalls=read.of(StallRecord),
        marks=read.of(MarkRecord),
        health=read.of(HealthRecord),
    )


def _join(spans: list[Span], piece: Span, apart_s: float) -> None:
    """Add a piece, to the span before it where that goes on for the same reason."""
    before = spans[-1] if spans else None
    if before is not None and before.reason == piece.reason and abs(piece.start_s - before.end_s) <= apart_s:
        spans[-1] = replace(before, end_s=piece.end_s)
    else:
        spans.append(piece)


def _outages(head: SessionRecord, changes: Sequence[FeedRecord], end_s: float) -> list[BlindSpan]:
    """A feed that is not live sees no group; without a feed nothing is seen at all."""
    if head.nfbl == "off" and not changes:
        return [BlindSpan(group, 0.0, end_s, NOT_WATCHED) for group in NFBL_GROUPS if end_s > 0.0]
    ends = [*(change.media_s for change in changes), end_s][1:]
    return [
        BlindSpan(group, change.media_s, until_s, change.reason or f"feed {change.state}")
        for change, until_s in zip(changes, ends, strict=True)
        if change.state is not FeedState.LIVE and until_s > change.media_s
        for group in NFBL_GROUPS
    ]
