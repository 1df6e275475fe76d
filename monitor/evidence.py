"""What stage 2 is told of the body language, as text, and a digest that names evidence by its content.

The text follows EALD-MLLM (NFBL are given to the model in words), with what the paper leaves out: who reports, how
sure, how often it is usual for this person, and what could not be watched.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Final

from buffers.evidence import Evidence, StoredFrame
from buffers.records import NfblEvent
from monitor.cues import CueReading, GroupReading, read_cues

MOST_EVENTS: Final = 40
"""Events told one by one: at EALD's 8.4 a minute, five minutes. Of more, the best scored are told."""

WHOLLY_SEEN: Final = 0.95
"""A region seen for less of the window is named: there, that nothing is reported says little."""


def nfbl_text(evidence: Evidence) -> str:
    """The window's NFBL for a model to read: rates by region, then events, region first and class second.

    Every line is a report, never a fact; the class's category is left out, since models take it for an emotion.
    Times are seconds from the window's start.
    """
    reading = read_cues(evidence)
    if reading.groups is None:
        return "Body language: no detector was watching; that nothing is reported means nothing."
    watched = f"watched {reading.watched:.0%} of the window"
    unseen = [
        f"- {group.value}: seen {share:.0%} of the window"
        for group, share in reading.watched_groups
        if share < WHOLLY_SEEN
    ]
    if not reading.groups:
        nothing = f"Body language (detector reports, unverified; {watched}): nothing was reported."
        return "\n".join([nothing, *unseen])
    told = sorted(evidence.events, key=lambda event: (-event.score, event.start_s, event.id))[:MOST_EVENTS]
    told.sort(key=lambda event: (event.start_s, event.id))
    left_out = len(evidence.events) - len(told)
    return "\n".join(
        [
            f"Body language (detector reports, unverified; {watched}; region is surer than kind):",
            *unseen,
            *(f"- {_rate(group, reading)}" for group in reading.groups),
            *(f"- {_event(event, evidence.window.start_s)}" for event in told),
            *([f"- {left_out} more, of lower score"] if left_out else []),
        ]
    )


def evidence_digest(evidence: Evidence) -> str:
    """SHA-256 (hex) of everything in the evidence but the window's number: equal content, equal digest.

    Numbers go in as their shortest exact decimals, samples as little-endian float32, so machines agree.
    """
    window = evidence.window
    records = [
        _record([window.start_s, window.end_s, window.cadence, evidence.movement, evidence.av_offset_s]),
        *(_frame(frame) for frame in evidence.frames),
        *(_record([clip.t_s, clip.coverage], clip.samples.astype("<f4").tobytes()) for clip in evidence.clips),
        *(
            _record([asdict(item) for item in items])
            for items in (evidence.events, evidence.counts, evidence.prosody, evidence.gaps)
        ),
        _record([asdict(evidence.coverage), asdict(evidence.baseline)]),
    ]
    digest = hashlib.sha256()
    for record in records:
        digest.update(record)
    return digest.hexdigest()


def _frame(frame: StoredFrame) -> bytes:
    boxes = [asdict(box) for box in frame.masked]
    fields = [frame.t_s, frame.index, frame.width_px, frame.height_px, frame.state, boxes, frame.thumbnail.shape]
    return _record(fields, frame.jpeg, frame.thumbnail.tobytes())


def _record(fields: list[object], *blobs: bytes) -> bytes:
    """Fields and blobs as bytes; lengths go before contents, so that no two different records read the same."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")
    return b"".join(len(part).to_bytes(8, "big") + part for part in (text, *blobs))


def _rate(group: GroupReading, reading: CueReading) -> str:
    usual = "unknown" if group.usual_events is None else f"{group.usual_events:.1f}"
    span = f"{reading.reference.observed_s:.0f} s of reference"
    return f"{group.group.value}: {group.events} in {group.watched_s:.0f} s, usually {usual} (from {span})"


def _event(event: NfblEvent, window_start_s: float) -> str:
    start_s, end_s = event.start_s - window_start_s, event.end_s - window_start_s
    or_else = [class_id for class_id, _ in event.alternatives[:2]]
    rivals = f", or {' or '.join(or_else)}" if or_else else ""
    side = "" if event.side in {"", "none"} else f", {event.side}"
    kind = " ".join(event.name.split())
    what = f"{event.group.value}: {kind} ({event.class_id}{rivals}{side}; score {event.score:.2f})"
    return f"{start_s:.1f}-{end_s:.1f} s {what}"
