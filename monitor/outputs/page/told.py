"""A journal's records as the page is told them: `record` events of the wire. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from buffers.records import Group
from monitor.describers.base import ModelInfo
from monitor.outbox import Parcel
from monitor.outputs.page.state import source_kind
from monitor.outputs.public import (
    Payload,
    end_payload,
    estimate_record_payload,
    event_head,
    nfbl_payload,
    number,
    verdict_payload,
)
from monitor.outputs.redact import model_name, redacted
from monitor.records import (
    DescriptionRecord,
    EndRecord,
    EstimateRecord,
    GapRecord,
    LinkRecord,
    MarkRecord,
    NfblRecord,
    SessionRecord,
    StallRecord,
    VerdictRecord,
)

MOST_CHARACTERS: Final = 8000
"""Of a model's words; a page needs no more, and a model that does not stop must not fill it."""


def head_payload(record: SessionRecord) -> Payload:
    """What is watched, and with what."""
    return {
        "mode": record.mode.value,
        "started_at": record.started_at,
        "duration_s": record.duration_s,
        "describer": _info(record.describer),
        "judge": _info(record.judge),
    }


def told(parcel: Parcel, names: Collection[str]) -> Payload | None:
    """What is told of one record, None for kinds the page has no use for, or that it is told in another way.

    `names` are taken out of its texts.
    """
    payload: Payload | None = None
    match parcel.entry.record:
        case EstimateRecord() as record:
            payload = estimate_record_payload(parcel, record)
        case NfblRecord() as record:
            payload = nfbl_payload(parcel, record)
        case GapRecord() as record:
            span = {"start_s": _seconds(record.start_s), "end_s": _seconds(record.end_s)}
            payload = {
                **event_head(parcel),
                "track": record.track.value,
                **span,
                "reason": redacted(record.reason, names),
            }
        case LinkRecord() as record:
            payload = {
                **event_head(parcel),
                "source": source_kind(record.link),
                "tracks": [track.track.value for track in record.tracks],
                "state": record.state.value,
                "reason": redacted(record.reason, (*names, record.link)),
            }
        case StallRecord() as record:
            stage = redacted(record.stage, names)
            payload = {**event_head(parcel), "stage": stage, "held_s": _seconds(record.held_s)}
        case MarkRecord() as record:
            payload = {**event_head(parcel), "note": redacted(record.note, names)}
        case EndRecord() as record:
            payload = end_payload(parcel, record)
        case _:
            pass
    return payload


def verdict_told(parcel: Parcel, record: VerdictRecord, described: DescriptionRecord | None) -> Payload:
    """A verdict with the description it was judged from."""
    return {
        **verdict_payload(parcel, record, rationale=False),
        "rationale": _words(record.rationale),
        "description": None if described is None else _words(described.text),
        "insufficient": None if described is None else described.insufficient,
    }


def blind_told(
    parcel: Parcel, groups: Collection[Group], names: Collection[str], *, start_s: float, end_s: float, reason: str
) -> Payload:
    """A span in which groups of body language could not be seen."""
    return {
        **event_head(parcel),
        "kind": "blind",
        "groups": [group.value for group in groups],
        "start_s": _seconds(start_s),
        "end_s": _seconds(end_s),
        "reason": redacted(reason, names),
    }


def _info(info: ModelInfo) -> Payload:
    return {
        "name": info.name,
        "model": model_name(info.model),
        "heuristic": info.heuristic,
        "calibrated": info.calibrated,
    }


def _words(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _seconds(value: float) -> float | None:
    return number(value, 3)
