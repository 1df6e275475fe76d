"""The sections of a report on how the session did, what it was made with, and what the program had to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from buffers.records import Track
from monitor.describers.base import ModelInfo
from monitor.records import Mode, TrackRecord
from monitor.report.health import health_chart, worst_lag_s
from monitor.report.parts import Section, Table, columns
from monitor.report.wording import NONE, clock, latest, length, number, share, shown
from monitor.session_view import SessionView

_MODES: Final = {
    Mode.MAX: "a recording, as fast as the machine could",
    Mode.PACED: "a recording, played as if it were live",
    Mode.LIVE: "live",
}

_UNITS: Final = {Track.VIDEO: "pictures", Track.AUDIO: "blocks of sound"}

_MOST_STALLS: Final = 200


def health_section(view: SessionView) -> Section:
    """How the session itself did."""
    if not view.health:
        return Section("health", "Health", ("The journal has no account of the session's health yet.",))
    chart, last = health_chart(view), view.health[-1]
    worst = worst_lag_s(view.health)
    rows = tuple(
        (
            _UNITS[one.track],
            f"{one.received:,}",
            f"{one.released:,}",
            f"{one.dropped:,}",
            share(one.dropped / one.received) if one.received else NONE,
            str(one.gaps),
        )
        for one in last.tracks
    )
    memory = [one.rss_bytes for one in view.health if one.rss_bytes is not None]
    facts = [
        ("Worst lag", NONE if worst is None else length(worst)),
        ("Pictures hidden whole", f"{last.whole_frames:,} (the mask policy could not be satisfied)"),
        ("Face detector failed", f"{last.detector_failures:,} times"),
        ("Voice could not be altered", f"{last.voice_failures:,} times (silence was released)"),
        ("Looks for body language", f"{last.nfbl_looks:,}, {last.nfbl_skipped:,} skipped for want of time"),
        ("Landmark engine lost", f"{last.nfbl_losses:,} times"),
        ("Horizon in memory", f"{last.horizon_bytes / 1e6:.1f} MB"),
        ("Most memory", f"{max(memory) / 1e6:.0f} MB" if memory else NONE),
        ("CPU", NONE if last.cpu_share is None else f"{number(last.cpu_share)} cores on average"),
    ]
    tables = [
        Table("Media", columns("what", "#received", "#released", "#dropped", "#share dropped", "#gaps"), rows),
    ]
    if view.stalls:
        stalls = tuple(
            (clock(one.media_s), shown(one.stage, 80), length(one.held_s), shown(one.stack, 200) or NONE)
            for one in view.stalls[-_MOST_STALLS:]
        )
        note = latest(_MOST_STALLS, len(view.stalls), "stalls")
        tables.append(Table("What hung", columns("#time", "stage", "#held", "=where"), stalls, note))
    lead = "At max speed there is no lag: time waits for the program." if view.head.mode is Mode.MAX else ""
    return Section(
        "health",
        "Health",
        (lead,) if lead else (),
        facts=tuple(facts),
        charts=() if chart is None else (chart,),
        tables=tuple(tables),
    )


def making_section(view: SessionView, *, words: bool) -> Section:
    """What the session was made with; without `words` no name, note, notice or digest."""
    return Section(
        "making",
        "How it was made",
        facts=tuple(_made_with(view, words=words)),
        tables=tuple(_notices(view)) if words else (),
    )


def _made_with(view: SessionView, *, words: bool) -> Iterator[tuple[str, str]]:
    head = view.head
    if words:
        yield "Session", view.session
        yield "Source", shown(head.source, 300)
        yield "Consent", shown(head.consent, 2000) if head.consent else "nothing was noted"
        yield "SHA-256 of the source", head.digest or NONE
    yield "Played", _MODES[head.mode]
    yield "Started (UTC)", NONE if head.started_at is None else shown(head.started_at, 40)
    yield "Length of the source", NONE if head.duration_s is None else length(head.duration_s)
    for track in head.tracks:
        yield f"Track {track.track}", _track(track)
    if head.av_offset_s is not None:
        yield "Picture after sound", f"{head.av_offset_s:+.3f} s"
    yield "Describer", _model(head.describer)
    yield "Judge", _model(head.judge)
    yield "Body language", shown(head.nfbl, 200)
    made = head.deidentification
    yield "De-identification", f"faces found by {made.detector}, mask {made.mask}, voice {made.voice}"
    if words:
        yield "Profile", shown(head.profile, 200)
        yield "SHA-256 of the settings", head.settings_digest
    yield "emotion-monitor", head.version


def _track(track: TrackRecord) -> str:
    size = f", {track.width_px} x {track.height_px}" if track.width_px and track.height_px else ""
    rate = "" if track.rate_hz is None else f", {track.rate_hz:g} Hz"
    channels = f", {track.channels} channels" if track.channels else ""
    return f"{shown(track.codec, 40)}{size}{rate}{channels}, from {track.start_s:.3f} s"


def _model(info: ModelInfo) -> str:
    kind = ["heuristic" if info.heuristic else "model", "calibrated" if info.calibrated else "uncalibrated"]
    model = f", {shown(info.model, 200)}" if info.model else ""
    mark = f", fingerprint {info.fingerprint[:12]}" if info.fingerprint else ""
    notice = f": {shown(info.notice, 300)}" if info.notice else ""
    return f"{shown(info.name, 80)} ({', '.join(kind)}{model}{mark}){notice}"


def _notices(view: SessionView) -> Iterator[Table]:
    notices = dict.fromkeys((*view.head.notices, *(view.end.notices if view.end is not None else ())))
    if notices:
        yield Table("Notices", columns("=what the program had to say"), tuple((shown(one, 500),) for one in notices))
