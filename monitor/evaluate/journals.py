"""Reads what was reported of a clip out of the journal of its session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from buffers.records import NFBL_GROUPS, FeedState
from configs.errors import ConfigError, JournalError
from configs.yamlfile import printable
from monitor.evaluate.segments import Blind, Prediction
from monitor.reading import read_journal
from monitor.records import (
    AnyRecord,
    BlindRecord,
    EndReason,
    EndRecord,
    FeedRecord,
    Mode,
    NfblRecord,
    SessionRecord,
)

_FEED: Final = "body language"
"""Notices that say why a feed is off name it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one session says of body language: `source` is the clip, `feed` what watched."""

    source: str
    feed: str
    mode: Mode
    length_s: float
    predictions: tuple[Prediction, ...]
    blind: tuple[Blind, ...]


def read_run(path: Path) -> Run:
    """Read the journal of a session that came to its end.

    Raises:
        JournalError: the journal cannot be read, or stops before the end of the clip.
        ConfigError: nothing watched for body language in that session.
    """
    name = printable(path.name, 120)
    records = [entry.record for entry in read_journal(path)]
    head = next((record for record in records if isinstance(record, SessionRecord)), None)
    end = records[-1] if records else None
    if head is None:
        raise JournalError(f"journal {name} has no session in its first line: run the clip again")
    if not isinstance(end, EndRecord) or end.reason is not EndReason.ENDED:
        reason = "no end" if not isinstance(end, EndRecord) else end.reason
        raise JournalError(f"journal {name} does not reach the end of its clip ({reason}): run the clip again")
    if head.nfbl == "off":
        notices = dict.fromkeys((*head.notices, *end.notices))
        why = "".join(f"; {notice}" for notice in notices if _FEED in notice)
        raise ConfigError(f"journal {name}: its body-language feed was off, so there is nothing to compare{why}")
    length_s = end.media_s if head.duration_s is None else head.duration_s
    return Run(
        source=head.source,
        feed=head.nfbl,
        mode=head.mode,
        length_s=length_s,
        predictions=_predictions(records),
        blind=(*_spans(records), *_outages(records, length_s)),
    )


def _predictions(records: Sequence[AnyRecord]) -> tuple[Prediction, ...]:
    """Each event as it was last told, with the time at which it was first told."""
    first: dict[str, float] = {}
    last: dict[str, NfblRecord] = {}
    for record in records:
        if isinstance(record, NfblRecord):
            first.setdefault(record.id, record.media_s)
            last[record.id] = record
    told = (
        Prediction(
            id=event_id,
            class_id=record.class_id,
            group=record.group,
            start_s=record.start_s,
            end_s=record.end_s,
            score=record.score,
            opened_s=first[event_id],
        )
        for event_id, record in last.items()
    )
    return tuple(sorted(told, key=lambda prediction: (prediction.start_s, prediction.end_s, prediction.id)))


def _spans(records: Sequence[AnyRecord]) -> list[Blind]:
    return [
        Blind(record.group, record.start_s, record.end_s, record.reason)
        for record in records
        if isinstance(record, BlindRecord)
    ]


def _outages(records: Sequence[AnyRecord], length_s: float) -> list[Blind]:
    """A feed that is not live sees no group."""
    changes = [record for record in records if isinstance(record, FeedRecord)]
    ends = [*(change.media_s for change in changes), length_s][1:]
    return [
        Blind(group, change.media_s, end_s, change.reason or f"feed {change.state}")
        for change, end_s in zip(changes, ends, strict=True)
        if change.state is not FeedState.LIVE and end_s > change.media_s
        for group in NFBL_GROUPS
    ]
