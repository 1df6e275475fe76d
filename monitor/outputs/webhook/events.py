"""What is sent of a record: its kind as the type of the event, the time it happened, and its public payload."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

from monitor import records
from monitor.outbox import Parcel, Undeliverable
from monitor.outputs import public

_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "verdict": ("verdict",),
    "estimate": ("estimate",),
    "nfbl": ("nfbl",),
    "state": ("session", "link", "gap", "stall", "end"),
}
"""Kinds of the journal behind those of the settings."""


def journal_kinds(kinds: Collection[str], *, rationale: bool) -> frozenset[str]:
    """What of the journal is sent; the models' words go with the verdicts where they are asked for."""
    words = {"description"} if rationale and "verdict" in kinds else set()
    return frozenset(words.union(*(_KINDS[kind] for kind in kinds)))


def message_id(parcel: Parcel) -> str:
    """The same however often a record is sent: receivers know duplicates by it."""
    return f"{parcel.entry.session}-{parcel.entry.seq}"


def event_body(parcel: Parcel) -> bytes:
    """The body of the request (JSON).

    Raises:
        Undeliverable: Nothing of such a record may leave the machine.
    """
    data = _payload(parcel)
    event = {"type": data["kind"], "timestamp": data["ts"], "data": dict(data)}
    return json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _payload(parcel: Parcel) -> public.Payload:  # noqa: PLR0911 - one for each kind of record
    match parcel.entry.record:
        case records.VerdictRecord() as record:
            return public.verdict_payload(parcel, record, rationale=parcel.words)
        case records.DescriptionRecord() as record if parcel.words:
            return public.description_payload(parcel, record)
        case records.EstimateRecord() as record:
            return public.estimate_record_payload(parcel, record)
        case records.NfblRecord() as record:
            return public.nfbl_payload(parcel, record)
        case records.SessionRecord() as record:
            return public.session_payload(parcel, record)
        case records.LinkRecord() as record:
            return public.link_payload(parcel, record)
        case records.GapRecord() as record:
            return public.gap_payload(parcel, record)
        case records.StallRecord() as record:
            return public.stall_payload(parcel, record)
        case records.EndRecord() as record:
            return public.end_payload(parcel, record)
        case other:
            raise Undeliverable(f"nothing of a {other.kind} is sent")
