"""A snapshot as the page is told it: picked field by field, what is done for privacy in words. Pure.

    {schema, session, stream, seq, state, says, answers, media_s, duration_s, mode, calibrated, heuristic,
     cautions: [what must be said wherever the numbers are],
     overall, current: {label, p_positive, interval, windows, age_s, stale}, confidence, judged, abstained, skipped,
     next_window_s, running, speaking, last_window,
     privacy: {capturing, faces, voice, kept, state clear|masked|held|whole-frame|null, masked_area, whole_frames},
     preview: "picture" | "none" | "off",
     nfbl: {state, per_min, person, people, unseen: [{group, reason}]},
     media: [{track, fps, received, released, dropped, gaps, queued, ended}], lag_s, loop_lag_s, rss_bytes,
     horizon: {seconds, bytes}, recording,
     links: [{source, tracks, state, reason, reconnects, jumps, silent_s, retry_s, drift_s, drift_ppm}],
     describer, judge: {name, model},
     models: [{role, name, asked, failed, last_s, prompt_tokens, completion_tokens, cost}],
     outputs: [{name, state, reason, waiting}], degraded: [...], notices: [the latest eight]}

`says` is the state in words; `answers` is false where the session has said nothing for seconds: it hangs, `state` is
`stalled` then, and everything else is as it was. `privacy.faces`, `voice` and `kept` are sentences; `capturing` is
false where nothing is captured. What is not known is null.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from buffers.links import LinkStatus
from buffers.records import MaskState, Track
from monitor.outputs.dashboard.panels import cautions
from monitor.outputs.page.wire import SCHEMA
from monitor.outputs.public import Payload, estimate_payload, number
from monitor.outputs.redact import model_name, redacted
from monitor.snapshot import MediaHealth, OutputStatus, PrivacyHealth, SessionState, Snapshot
from monitor.usage import ModelUse

_NOTICES: Final = 8
"""Latest notices that are told."""

_LINKS: Final = 32
"""Links and outputs that are told."""

_SAYS: Final = {
    SessionState.CONNECTING: "Waiting for the source",
    SessionState.LIVE: "Watching",
    SessionState.STALLED: "The source is silent",
    SessionState.LOST: "The source is lost; it is tried again",
    SessionState.PAUSED: "Paused for privacy: nothing is captured",
    SessionState.ENDED: "Ended",
    SessionState.FAILED: "Failed",
}

_SILENT: Final = "The session does not answer"

OVER: Final = {SessionState.ENDED, SessionState.FAILED}

_IDLE: Final = {SessionState.PAUSED, SessionState.CONNECTING, SessionState.LOST, *OVER}
"""States in which nothing is captured."""

_FACES: Final = {
    None: "Faces will be masked ({mask}); no picture yet.",
    MaskState.CLEAR: "No face is in view; one would be masked ({mask}).",
    MaskState.MASKED: "Faces are masked ({mask}).",
    MaskState.HELD: "Masks are held where faces were last seen ({mask}).",
    MaskState.WHOLE_FRAME: "The whole picture is masked: a safe mask was not certain.",
}

_VOICES: Final = {
    "level-matched": "Voices are altered, which is not anonymous.",
    "reference": "Voices are altered, which is not anonymous.",
    "features-only": "No sound is kept: only pitch, level and pauses are measured.",
    "drop": "Sound is not listened to.",
    "none": "There is no sound.",
}

_SOURCES: Final = frozenset({"av", "camera", "mic", "rtsp", "rtsps", "http", "https", "rtmp", "tcp", "udp", "webrtc"})


def state_payload(snapshot: Snapshot, stream: str, *, shown: bool, picture: bool, answers: bool = True) -> Payload:
    """The session now, or as it was last where it does not answer any more.

    `shown` says whether pictures are served at all, `picture` whether there is one to show.
    """
    names = names_of(snapshot)
    estimate = estimate_payload(snapshot, stream, "")
    same = ("mode", "media_s", "confidence", "current", "last_window", "judged", "abstained", "calibrated", "heuristic")
    track = ("label", "p_positive", "interval", "windows", "age_s", "stale")
    watch = snapshot.nfbl_watch
    return {
        "schema": SCHEMA,
        "session": snapshot.session,
        "stream": stream,
        "seq": snapshot.seq,
        "state": (snapshot.state if answers else SessionState.STALLED).value,
        "says": _SAYS[snapshot.state] if answers else _SILENT,
        "answers": answers,
        **{name: estimate[name] for name in same},
        "overall": {name: estimate[name] for name in track},
        "duration_s": _number(snapshot.duration_s),
        "cautions": list(cautions(snapshot)),
        "skipped": snapshot.skipped,
        "next_window_s": None if snapshot.state in OVER else _number(snapshot.next_window_s),
        "running": None if snapshot.running is None else snapshot.running.value,
        "speaking": snapshot.speaking,
        "privacy": _privacy(snapshot),
        "preview": "off" if not shown else "picture" if picture else "none",
        "nfbl": {
            "state": redacted(snapshot.nfbl_state, names, most=200),
            "per_min": _number(snapshot.nfbl_per_min),
            "person": None if watch is None else watch.person,
            "people": None if watch is None else watch.people,
            "unseen": []
            if watch is None or snapshot.state in OVER
            else [{"group": group.value, "reason": redacted(reason, names)} for group, reason in watch.blind],
        },
        "media": [_media(health) for health in snapshot.media],
        "lag_s": _number(snapshot.lag_s),
        "loop_lag_s": _number(snapshot.loop_lag_s),
        "rss_bytes": snapshot.rss_bytes,
        "horizon": {"seconds": _number(snapshot.horizon_s), "bytes": snapshot.horizon_bytes},
        "recording": snapshot.recording is not None,
        "links": [_link(link, names) for link in snapshot.links[:_LINKS]],
        "describer": {"name": snapshot.describer, "model": model_name(snapshot.describer_model)},
        "judge": {"name": snapshot.judge, "model": model_name(snapshot.judge_model)},
        "models": [_model(use) for use in snapshot.models],
        "outputs": [_output(status, names) for status in snapshot.outputs[:_LINKS]],
        "degraded": estimate["degraded"],
        "notices": [redacted(text, names) for text in snapshot.notices[-_NOTICES:]],
    }


def names_of(snapshot: Snapshot) -> tuple[str, ...]:
    """What this session calls its files, devices and addresses."""
    links = (name for link in snapshot.links for name in (link.name, link.invitation))
    places = (snapshot.source, snapshot.journal or "", snapshot.recording or "")
    return (*places, *links, *(status.link for status in snapshot.outputs))


def source_kind(link: str) -> str:
    """The kind of a link: its name may be a device or an address."""
    kind = link.partition(":")[0]
    return kind if kind in _SOURCES else "source"


def _privacy(snapshot: Snapshot) -> Payload:
    privacy = snapshot.privacy
    capturing = snapshot.state not in _IDLE
    kept = "A masked recording is written" if snapshot.recording is not None else "No picture and no sound is written"
    return {
        "capturing": capturing,
        "faces": _faces(privacy, snapshot) if capturing else "No picture is captured now.",
        "voice": _VOICES.get(privacy.voice, f"Sound: {privacy.voice}.") if capturing else "No sound is captured now.",
        "kept": f"{kept}; nothing raw is kept.",
        "state": None if privacy.state is None else privacy.state.value,
        "masked_area": _number(privacy.masked_area),
        "whole_frames": privacy.whole_frames,
    }


def _faces(privacy: PrivacyHealth, snapshot: Snapshot) -> str:
    if not any(health.track is Track.VIDEO for health in snapshot.media):
        return "There is no picture."
    return _FACES[privacy.state].format(mask=privacy.mask)


def _media(health: MediaHealth) -> Payload:
    return {
        "track": health.track.value,
        "fps": _number(health.rate_hz),
        "received": health.received,
        "released": health.released,
        "dropped": health.dropped,
        "gaps": health.gaps,
        "queued": health.queued,
        "ended": health.ended,
    }


def _link(link: LinkStatus, names: Collection[str]) -> Payload:
    return {
        "source": source_kind(link.name),
        "tracks": [track.value for track in link.tracks],
        "state": link.state.value,
        "reason": redacted(link.reason, names),
        "reconnects": link.reconnects,
        "jumps": link.jumps,
        "silent_s": _number(link.silent_s),
        "retry_s": _number(link.retry_s),
        "drift_s": number(link.drift_s, 4),
        "drift_ppm": _number(link.drift_ppm),
    }


def _model(use: ModelUse) -> Payload:
    return {
        "role": use.role,
        "name": model_name(use.name),
        "asked": use.asked,
        "failed": use.failed,
        "last_s": _number(use.last_s),
        "prompt_tokens": use.prompt_tokens,
        "completion_tokens": use.completion_tokens,
        "cost": number(use.cost),
    }


def _output(status: OutputStatus, names: Collection[str]) -> dict[str, Any]:
    return {
        "name": status.name,
        "state": status.state.value,
        "reason": redacted(status.reason, names),
        "waiting": status.waiting,
    }


def _number(value: float | None) -> float | None:
    return number(value, 2)
