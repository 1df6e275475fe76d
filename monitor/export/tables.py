"""The tables: what every kind of line is as a row. docs/export.md lists them; a test holds it to these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from buffers.evidence import Window
from buffers.records import NFBL_GROUPS, Group, Track
from monitor import records
from monitor.export.columns import Cell, Column, Table, Type
from monitor.outputs.public import began_of
from monitor.session_view import ToldEvent
from monitor.snapshot import TrackEstimate

_Told = TypeVar("_Told")

COMMON: Final = (
    ("session", Type.NAME, "", "id of the session"),
    ("seq", Type.COUNT, "", "number of the line in the journal, the last one of an event"),
    ("media_s", Type.NUMBER, "s", "the latest media time the line speaks of"),
    ("ts", Type.TIME, "", "the same as wall time in UTC; empty unless the session was live"),
)
"""The first columns of every table: name, type, unit, meaning."""


def _began(record: records.SessionRecord) -> Cell:
    return None if began_of(record) is None else record.started_at


def _own(name: str, type_: Type, meaning: str, unit: str = "") -> Column[Any]:
    """A column that is a field of the record by the same name."""
    return Column(name, type_, unit, meaning, lambda record: getattr(record, name))


def _column(name: str, type_: Type, meaning: str, read: Callable[[_Told], Cell], unit: str = "") -> Column[_Told]:
    return Column(name, type_, unit, meaning, read)


def _span(what: str) -> tuple[Column[Any], ...]:
    return (
        _own("start_s", Type.NUMBER, f"begin of {what}", "s"),
        _own("end_s", Type.NUMBER, f"end of {what}", "s"),
    )


def _window(record: Any) -> Window:  # noqa: ANN401 - a description or a verdict
    window: Window = record.window
    return window


_WINDOW: Final[tuple[Column[Any], ...]] = (
    _column("window_id", Type.COUNT, "number of the window", lambda record: _window(record).id),
    _column("start_s", Type.NUMBER, "begin of the window", lambda record: _window(record).start_s, "s"),
    _column("end_s", Type.NUMBER, "end of the window", lambda record: _window(record).end_s, "s"),
    _column("cadence", Type.NAME, "local (recent) or global (whole session)", lambda record: _window(record).cadence),
)


def _session() -> Iterator[Column[records.SessionRecord]]:
    yield _own("source", Type.TEXT, "name of the source")
    yield _own("digest", Type.TEXT, "SHA-256 of a finite source's content")
    yield _own("mode", Type.NAME, "max, paced or live")
    yield Column("started_at", Type.TIME, "", "wall time of the begin", _began)
    yield _own("duration_s", Type.NUMBER, "length of a finite source", "s")
    yield _own("av_offset_s", Type.NUMBER, "begin of the picture minus begin of the sound", "s")
    for track in Track:
        yield _of_track(track, "codec", Type.TEXT, "codec")
        yield _of_track(track, "start_s", Type.NUMBER, "begin in the session", "s")
        yield _of_track(track, "rate_hz", Type.NUMBER, "frames or samples a second", "Hz")
    yield _of_track(Track.VIDEO, "width_px", Type.COUNT, "width", "px")
    yield _of_track(Track.VIDEO, "height_px", Type.COUNT, "height", "px")
    yield _of_track(Track.AUDIO, "channels", Type.COUNT, "channels")
    yield _own("profile", Type.TEXT, "the profile of settings")
    yield _own("settings_digest", Type.TEXT, "SHA-256 of the effective settings")
    for role in ("describer", "judge"):
        yield _of_model(role, "name", Type.NAME, f"the {role}")
        yield _of_model(role, "model", Type.TEXT, f"the model behind the {role}")
        yield _of_model(role, "heuristic", Type.FLAG, "whether it is a rule of thumb, no model")
        yield _of_model(role, "calibrated", Type.FLAG, "whether its probabilities were held against labels")
    for part in ("detector", "mask", "voice"):
        yield _deidentified(part)
    yield _own("nfbl", Type.TEXT, "the body-language feed, off where there is none")
    yield _own("consent", Type.TEXT, "the operator's note of consent")
    yield _own("version", Type.NAME, "version of emotion-monitor")
    yield _column("notices", Type.TEXT, "notices, separated by ;", lambda record: "; ".join(record.notices))


def _of_track(track: Track, name: str, type_: Type, what: str, unit: str = "") -> Column[records.SessionRecord]:
    def read(record: records.SessionRecord) -> Cell:
        found = next((one for one in record.tracks if one.track is track), None)
        cell: Cell = getattr(found, name, None)
        return cell

    return Column(f"{track}_{name}", type_, unit, f"{track}: {what}", read)


def _of_model(role: str, name: str, type_: Type, meaning: str) -> Column[records.SessionRecord]:
    column = role if name == "name" else f"{role}_{name}"
    return Column(column, type_, "", meaning, lambda record: getattr(getattr(record, role), name))


def _deidentified(part: str) -> Column[records.SessionRecord]:
    meaning = {"detector": "face detector", "mask": "style of the mask", "voice": "what is done to the voice"}[part]
    return Column(part, Type.NAME, "", meaning, lambda record: getattr(record.deidentification, part))


def _verdict() -> Iterator[Column[records.VerdictRecord]]:
    yield from _WINDOW
    yield _own("label", Type.NAME, "positive, negative or abstain")
    yield _own("p_positive", Type.NUMBER, "probability of positive, empty when abstaining")
    yield _own("p_stated", Type.NUMBER, "the same as the judge stated it, where a calibration changed it")
    yield _own("confidence", Type.NUMBER, "the paper's score 0-10 for the label")
    yield _own("calibrated", Type.FLAG, "whether p_positive was held against labels")
    yield _own("judge", Type.NAME, "what judged")
    yield _own("describer", Type.NAME, "what described")
    for what, said in (("video", "seen"), ("audio", "heard"), ("nfbl", "watched for body language")):
        yield _coverage(what, said)
    for group in NFBL_GROUPS:
        yield _watched(group)
    yield _own("rationale", Type.TEXT, "why, also why it abstained; a model's words")


def _coverage(what: str, said: str) -> Column[records.VerdictRecord]:
    meaning = f"share of the window that was {said} (0-1)"
    return Column(f"coverage_{what}", Type.NUMBER, "", meaning, lambda record: getattr(record.coverage, what))


def _watched(group: Group) -> Column[records.VerdictRecord]:
    meaning = f"share of the window for which {group} could be watched"
    return Column(
        f"coverage_{group}", Type.NUMBER, "", meaning, lambda record: dict(record.coverage.nfbl_groups).get(group)
    )


def _estimate() -> Iterator[Column[records.EstimateRecord]]:
    for name, meaning in (("overall", "whole session"), ("current", "at present")):
        yield _tracked(name, "label", Type.NAME, f"{meaning}: positive, negative or uncertain")
        yield _tracked(name, "p_positive", Type.NUMBER, f"{meaning}: probability of positive")
        for place, bound in enumerate(("low", "high")):
            yield _bound(name, bound, place, f"{meaning}: {bound} end of the interval")
        yield _tracked(name, "windows", Type.COUNT, f"{meaning}: verdicts in it")
        yield _tracked(name, "age_s", Type.NUMBER, f"{meaning}: since the last of them", "s")
        yield _tracked(name, "stale", Type.FLAG, f"{meaning}: whether that is too long")


def _track(record: records.EstimateRecord, name: str) -> TrackEstimate:
    return record.overall if name == "overall" else record.current


def _tracked(name: str, part: str, type_: Type, meaning: str, unit: str = "") -> Column[records.EstimateRecord]:
    return Column(f"{name}_{part}", type_, unit, meaning, lambda record: getattr(_track(record, name), part))


def _bound(name: str, bound: str, place: int, meaning: str) -> Column[records.EstimateRecord]:
    return Column(f"{name}_{bound}", Type.NUMBER, "", meaning, lambda record: _track(record, name).interval[place])


def _nfbl() -> Iterator[Column[ToldEvent]]:
    yield _told("start_s", Type.NUMBER, "begin of the movement", unit="s")
    yield _told("end_s", Type.NUMBER, "end, or how far it was told where it is not closed", unit="s")
    yield _told("class", Type.NAME, "N-id of the class that was ranked first", "class_id")
    yield _told("side", Type.NAME, "left, right, both or none")
    yield _told("score", Type.NUMBER, "0-1, no probability unless calibrated")
    yield _told("name", Type.NAME, "name of the class")
    yield _told("group", Type.NAME, "head, arms, hands, posture or illustrative (which is no body language)")
    yield _told("id", Type.NAME, "id of the event in the session")
    yield Column("known_s", Type.NUMBER, "s", "when it was first told", lambda event: event.known_s)
    yield Column("closed", Type.FLAG, "", "whether its end was told", lambda event: event.closed)
    yield _told("calibrated", Type.FLAG, "whether the score is a probability")
    yield _told("quality", Type.NUMBER, "how well the landmarks were seen (0-1)")
    yield _told("speaking", Type.FLAG, "whether somebody spoke meanwhile")
    yield _told("source", Type.TEXT, "what reported it")
    yield Column("alternatives", Type.NAME, "", "runners-up as class:share, separated by blanks", _alternatives)


def _told(name: str, type_: Type, meaning: str, field: str | None = None, unit: str = "") -> Column[ToldEvent]:
    return Column(name, type_, unit, meaning, lambda event: getattr(event.last, field or name))


def _alternatives(event: ToldEvent) -> Cell:
    return " ".join(f"{class_id}:{share:g}" for class_id, share in event.last.alternatives)


def _health() -> Iterator[Column[records.HealthRecord]]:
    for track, what in ((Track.VIDEO, "frames"), (Track.AUDIO, "blocks")):
        for counted in ("received", "released", "dropped"):
            yield _counter(track, counted, f"{what} {counted} since the begin")
        yield _counter(track, "gaps", f"{track}: gaps since the begin")
    yield _own("whole_frames", Type.COUNT, "frames masked whole since the begin")
    yield _own("detector_failures", Type.COUNT, "frames without a trusted answer of the detector")
    yield _own("voice_failures", Type.COUNT, "times sound became silence because it could not be altered")
    for name, meaning in (("looks", "looks at body language"), ("skipped", "looks left out"), ("losses", "losses")):
        yield _own(f"nfbl_{name}", Type.COUNT, f"{meaning} since the begin")
    for name, meaning in (("horizon_bytes", "kept in memory"), ("embedding_bytes", "of these, a describer's own")):
        yield _own(name, Type.COUNT, meaning, "bytes")
    for name, meaning in (("lag_s", "now"), ("lag_p50_s", "median"), ("lag_p95_s", "95 %"), ("lag_max_s", "worst")):
        yield _own(name, Type.NUMBER, f"how far the session trails its clock: {meaning}", "s")
    yield _own("loop_lag_s", Type.NUMBER, "how late the event loop was at its worst", "s")
    yield _own("drift_s", Type.NUMBER, "the sound's clock against media time", "s")
    yield _own("drift_ppm", Type.NUMBER, "how much faster that clock runs", "1e-6")
    yield _own("rss_bytes", Type.COUNT, "memory of the process", "bytes")
    yield _own("cpu_share", Type.NUMBER, "cores in use")


def _counter(track: Track, name: str, meaning: str) -> Column[records.HealthRecord]:
    def read(record: records.HealthRecord) -> Cell:
        found = next((one for one in record.tracks if one.track is track), None)
        cell: Cell = getattr(found, name, None)
        return cell

    return Column(f"{track}_{name}", Type.COUNT, "", meaning, read)


def _end() -> Iterator[Column[records.EndRecord]]:
    yield _own("reason", Type.NAME, "ended, interrupted, lost or failed")
    for name in ("judged", "abstained", "skipped", "nfbl", "gaps"):
        yield _total(name)
    yield _column("notices", Type.TEXT, "notices, separated by ;", lambda record: "; ".join(record.notices))


def _total(name: str) -> Column[records.EndRecord]:
    meaning = {
        "judged": "windows judged, with those that abstained",
        "abstained": "windows that abstained",
        "skipped": "windows that never ran",
        "nfbl": "pieces of body language",
        "gaps": "gaps",
    }[name]
    return Column(name, Type.COUNT, "", meaning, lambda record: getattr(record.totals, name))


_REASON: Final = _own("reason", Type.TEXT, "why, empty where all is well")

_ALL: Final[tuple[Table[Any], ...]] = (
    Table("session", "the session: what was watched, with what", tuple(_session())),
    Table("verdict", "one judged window", tuple(_verdict())),
    Table(
        "description",
        "what the describer said of one window",
        (
            *_WINDOW,
            _own("describer", Type.NAME, "what described"),
            _own("insufficient", Type.FLAG, "whether it says that too little is shown"),
            _own("text", Type.TEXT, "a model's words: data, never trusted"),
            _own("note", Type.TEXT, "what to know of it, such as that another describer stood in"),
        ),
    ),
    Table("estimate", "the running estimate after one verdict", tuple(_estimate())),
    Table("nfbl", "one piece of body language, as it was told last", tuple(_nfbl())),
    Table(
        "gap",
        "a span without picture or sound; a long one is told a minute at a time",
        (_own("track", Type.NAME, "video or audio"), *_span("the gap"), _REASON),
    ),
    Table(
        "nfbl_blind",
        "a span in which a group of body language could not be watched",
        (_own("group", Type.NAME, "head, arms, hands or posture"), *_span("the span"), _REASON),
    ),
    Table(
        "nfbl_feed",
        "a change of the body-language feed",
        (_own("state", Type.NAME, "starting, live, restarting or off"), _REASON),
    ),
    Table(
        "link",
        "a change of a live source's link",
        (
            _own("link", Type.TEXT, "name of the device, address or endpoint"),
            _own("state", Type.NAME, "connecting, live, stalled, lost, paused or ended"),
            _REASON,
        ),
    ),
    Table(
        "stall",
        "a stage of the program that hung",
        (
            _own("stage", Type.NAME, "which"),
            _own("held_s", Type.NUMBER, "for how long (wall time)", "s"),
            _own("stack", Type.TEXT, "where it was: functions and lines"),
        ),
    ),
    Table("health", "how the session did since its begin", tuple(_health())),
    Table("mark", "a moment that a person marked", (_own("note", Type.TEXT, "what the person noted"),)),
    Table("end", "how the session ended", tuple(_end())),
)

TABLES: Final[Mapping[str, Table[Any]]] = MappingProxyType({table.kind: table for table in _ALL})
"""Every kind of line by its name."""
