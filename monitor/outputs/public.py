"""What may leave the machine: the one place that picks fields of snapshots and records for brokers, pages and hooks.

Every payload is put together field by field, so nothing new in a snapshot or a record gets out by itself. No file
name, address, device name, notice or consent note is in any; a model's words only where they are asked for, since
they may say what somebody said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from buffers.evidence import Coverage, Window
from buffers.records import FeedState, MaskState, Track
from monitor.outbox import Parcel
from monitor.records import (
    DescriptionRecord,
    EndRecord,
    EstimateRecord,
    GapRecord,
    LinkRecord,
    Mode,
    NfblRecord,
    SessionRecord,
    StallRecord,
    VerdictRecord,
)
from monitor.snapshot import JudgedWindow, SessionState, Snapshot, TrackEstimate

Payload = Mapping[str, Any]
"""A JSON object. `schema` 1: fields may be added, none is renamed, removed or changed."""

SCHEMA: Final = 1

_DIGITS: Final = 6

_WORSE: Final = {
    SessionState.CONNECTING: "source connecting",
    SessionState.STALLED: "source stalled",
    SessionState.LOST: "source lost",
    SessionState.PAUSED: "paused for privacy",
    SessionState.FAILED: "failed",
}

_UNWATCHED: Final = {FeedState.OFF, FeedState.STARTING, FeedState.RESTARTING}


def estimate_payload(snapshot: Snapshot, stream: str, ts: str) -> Payload:
    """The running estimate: `overall` at the top level, `current` inside; `ts` is the wall time it is told at.

    `confidence` is the judge's 0-10 of the latest window that was answered, null before one.
    """
    answered = next((one for one in reversed(snapshot.windows) if one.verdict.p_positive is not None), None)
    last = snapshot.windows[-1] if snapshot.windows else None
    return {
        **_head(snapshot.session, stream, snapshot.seq),
        "mode": snapshot.mode,
        "ts": ts,
        "media_s": number(snapshot.media_s),
        **track_payload(snapshot.overall),
        "confidence": None if answered is None else number(answered.verdict.confidence),
        "current": track_payload(snapshot.current),
        "last_window": None if last is None else _judged(last),
        "judged": snapshot.judged,
        "abstained": snapshot.abstained,
        "nfbl_rate_per_min": number(snapshot.nfbl_per_min),
        "calibrated": snapshot.calibrated,
        "heuristic": snapshot.heuristic,
        "degraded": list(degraded(snapshot)),
    }


def track_payload(estimate: TrackEstimate) -> Payload:
    """One track of the estimate."""
    return {
        "label": estimate.label.value,
        "p_positive": number(estimate.p_positive),
        "interval": [number(bound) for bound in estimate.interval],
        "windows": estimate.windows,
        "age_s": number(estimate.age_s),
        "stale": estimate.stale,
    }


def nfbl_payload(parcel: Parcel, record: NfblRecord) -> Payload:
    """One report about one piece of body language; `event_type` is its class's name as a slug."""
    return {
        **event_head(parcel),
        "event_type": event_type(record.name),
        "id": record.id,
        "phase": record.phase.value,
        "group": record.group.value,
        "class_id": record.class_id,
        "name": record.name,
        "side": record.side,
        "start_s": number(record.start_s),
        "end_s": number(record.end_s),
        "score": number(record.score),
        "calibrated": record.calibrated,
        "speaking": record.speaking,
    }


def verdict_payload(parcel: Parcel, record: VerdictRecord, *, rationale: bool) -> Payload:
    """One judged window; `event_type` is its label."""
    return {
        **event_head(parcel),
        "event_type": record.label.value,
        "window": window_payload(record.window),
        "label": record.label.value,
        "p_positive": number(record.p_positive),
        "confidence": number(record.confidence),
        "judge": record.judge,
        "describer": record.describer,
        "calibrated": record.calibrated,
        "coverage": coverage_payload(record.coverage),
        "rationale": record.rationale if rationale else None,
    }


def description_payload(parcel: Parcel, record: DescriptionRecord) -> Payload:
    """A describer's words for one window: only for those who asked for words."""
    return {
        **event_head(parcel),
        "window": window_payload(record.window),
        "describer": record.describer,
        "text": record.text,
        "insufficient": record.insufficient,
    }


def estimate_record_payload(parcel: Parcel, record: EstimateRecord) -> Payload:
    """The estimate as the journal has it, after one verdict."""
    return {
        **event_head(parcel),
        "overall": track_payload(record.overall),
        "current": track_payload(record.current),
    }


def session_payload(parcel: Parcel, record: SessionRecord) -> Payload:
    """A session begins. Of its source, its profile and its models only the kind: names may be those of persons."""
    return {
        **event_head(parcel),
        "version": record.version,
        "started_at": None if began_of(record) is None else record.started_at,
        "duration_s": number(record.duration_s),
        "tracks": [track.track.value for track in record.tracks],
        "describer": record.describer.name,
        "judge": record.judge.name,
        "calibrated": record.judge.calibrated,
        "heuristic": record.describer.heuristic or record.judge.heuristic,
        "deidentification": {
            "detector": record.deidentification.detector,
            "mask": record.deidentification.mask,
            "voice": record.deidentification.voice,
        },
        "nfbl": record.nfbl != "off",
    }


def link_payload(parcel: Parcel, record: LinkRecord) -> Payload:
    """A link of a live source is in another state. Which one and why may hold an address, so that is not told."""
    return {
        **event_head(parcel),
        "state": record.state.value,
        "tracks": [track.track.value for track in record.tracks],
    }


def gap_payload(parcel: Parcel, record: GapRecord) -> Payload:
    """A span for which a track has nothing."""
    return {
        **event_head(parcel),
        "track": record.track.value,
        "start_s": number(record.start_s),
        "end_s": number(record.end_s),
    }


def stall_payload(parcel: Parcel, record: StallRecord) -> Payload:
    """A stage of the program hung."""
    return {**event_head(parcel), "stage": record.stage, "held_s": number(record.held_s)}


def end_payload(parcel: Parcel, record: EndRecord) -> Payload:
    """A session ended in order."""
    totals = record.totals
    return {
        **event_head(parcel),
        "reason": record.reason.value,
        "totals": {
            "judged": totals.judged,
            "abstained": totals.abstained,
            "skipped": totals.skipped,
            "nfbl": totals.nfbl,
            "gaps": totals.gaps,
        },
    }


def stats_payload(snapshots: Mapping[str, Snapshot], ts: str) -> Payload:
    """How the program does, by the names of its streams; counts are since each session began."""
    return {
        "schema": SCHEMA,
        "ts": ts,
        "rss_bytes": max((shown.rss_bytes or 0 for shown in snapshots.values()), default=0) or None,
        "streams": {name: _stats(shown) for name, shown in snapshots.items()},
    }


def info_payload(
    snapshots: Mapping[str, Snapshot | None], *, version: str, node: str, instance: str, ts: str, stopped: str | None
) -> Payload:
    """What an installation is: `instance` is another each time the program starts, `stopped` is why it ended."""
    return {
        "schema": SCHEMA,
        "version": version,
        "node": node,
        "instance": instance,
        "ts": ts,
        "streams": [
            {"name": name, **(_introduced(shown) if shown is not None else {})} for name, shown in snapshots.items()
        ],
        "stopped_reason": stopped,
    }


def window_payload(window: Window) -> Payload:
    """A window."""
    return {
        "id": window.id,
        "start_s": number(window.start_s),
        "end_s": number(window.end_s),
        "cadence": window.cadence.value,
    }


def coverage_payload(coverage: Coverage) -> Payload:
    """How much of a window could be seen and heard (shares)."""
    return {"video": number(coverage.video), "audio": number(coverage.audio), "nfbl": number(coverage.nfbl)}


def event_type(name: str) -> str:
    """The name of an NFBL class as a slug: `Touching nose` becomes `touching_nose`."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return "_".join(words)


def degraded(snapshot: Snapshot) -> tuple[str, ...]:
    """What is not as it should be, in a few words each; empty where all is well."""
    privacy = snapshot.privacy
    found = (
        (snapshot.state in _WORSE, _WORSE.get(snapshot.state, "")),
        (snapshot.overall.stale, "estimate stale"),
        (privacy.state is MaskState.WHOLE_FRAME, "whole picture masked"),
        (any(health.track is Track.VIDEO and health.ended for health in snapshot.media), "no picture any more"),
        (any(health.track is Track.AUDIO and health.ended for health in snapshot.media), "no sound any more"),
        (snapshot.nfbl_state.partition(":")[0] in _UNWATCHED, "body language not watched"),
    )
    running = snapshot.state is not SessionState.ENDED
    return tuple(words for true, words in found if true and running)


def ts_of(session: SessionRecord, media_s: float) -> str | None:
    """Wall time (UTC, ISO 8601) of a media time of a live session; None for recordings, whose time was another."""
    began = began_of(session)
    if session.mode is not Mode.LIVE or began is None:
        return None
    try:
        then = began + timedelta(seconds=media_s)
    except (ValueError, OverflowError):
        return None
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def began_of(session: SessionRecord) -> datetime | None:
    """Wall time at which the session began; None where nobody knows, also where a journal has something else there."""
    try:
        return None if session.started_at is None else datetime.fromisoformat(session.started_at)
    except ValueError:
        return None


def _head(session: str, stream: str, seq: int) -> dict[str, Any]:
    return {"schema": SCHEMA, "session": session, "stream": stream, "seq": seq}


def event_head(parcel: Parcel) -> dict[str, Any]:
    """What every record says before its own: of which session and stream it is, and when that was."""
    entry = parcel.entry
    return {
        **_head(entry.session, parcel.stream, entry.seq),
        "kind": entry.record.kind,
        "mode": parcel.session.mode.value,
        "ts": ts_of(parcel.session, entry.record.media_s),
        "media_s": number(entry.record.media_s),
        "late": parcel.late,
    }


def _introduced(snapshot: Snapshot) -> Payload:
    """Of a model only its kind: what it was loaded from may be a path."""
    return {
        "session": snapshot.session,
        "mode": snapshot.mode,
        "describer": snapshot.describer,
        "judge": snapshot.judge,
        "calibrated": snapshot.calibrated,
        "heuristic": snapshot.heuristic,
    }


def _stats(snapshot: Snapshot) -> Payload:
    video = next((health for health in snapshot.media if health.track is Track.VIDEO), None)
    return {
        "session": snapshot.session,
        "seq": snapshot.seq,
        "state": snapshot.state.value,
        "media_s": number(snapshot.media_s),
        "lag_s": number(snapshot.lag_s),
        "loop_lag_s": number(snapshot.loop_lag_s),
        "fps": None if video is None else number(video.rate_hz),
        "tracks": {
            health.track.value: {
                "received": health.received,
                "released": health.released,
                "dropped": health.dropped,
                "gaps": health.gaps,
                "queued": health.queued,
                "rate_hz": number(health.rate_hz),
            }
            for health in snapshot.media
        },
        "whole_frames": snapshot.privacy.whole_frames,
        "reconnects": sum(link.reconnects for link in snapshot.links),
        "judged": snapshot.judged,
        "abstained": snapshot.abstained,
        "skipped": snapshot.skipped,
        "horizon_bytes": snapshot.horizon_bytes,
        "models": {
            use.role: {
                "asked": use.asked,
                "failed": use.failed,
                "seconds": number(use.seconds),
                "last_s": number(use.last_s),
                "prompt_tokens": use.prompt_tokens,
                "completion_tokens": use.completion_tokens,
                "cost": number(use.cost),
            }
            for use in snapshot.models
        },
        "outputs": {
            status.name: {"state": status.state.value, "waiting": status.waiting} for status in snapshot.outputs
        },
    }


def _judged(judged: JudgedWindow) -> Payload:
    verdict = judged.verdict
    return {
        **window_payload(judged.window),
        "label": verdict.label.value,
        "p_positive": number(verdict.p_positive),
        "confidence": number(verdict.confidence),
    }


def number(value: float | None, digits: int = _DIGITS) -> float | None:
    """The number as it is published; JSON has none that is infinite or not a number."""
    return None if value is None or not math.isfinite(value) else round(value, digits) + 0.0
