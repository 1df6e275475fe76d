"""A whole made-up session of ten minutes as a journal: every kind of record, in the order of media time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from buffers.evidence import Cadence, Coverage, Window
from buffers.links import LinkState
from buffers.records import FeedState, Group, Phase, Track
from configs.settings import EstimateSettings
from monitor import records
from monitor.describers.base import Description, ModelInfo
from monitor.estimate import Estimator
from monitor.journal import Journal
from monitor.judges.base import Label, Verdict
from monitor.record import Record

SESSION = "l-0123456789abcdef"

SECRETS = ("carol-interview.mp4", "rtsp://carol:hunter2@10.0.0.7/cam", "/home/carol", "she said yes", "carol agreed")
"""Parts of the journal that may stand in no payload that leaves the machine."""

WORDS = "Two hands move; „she said yes“."

_MODEL = ModelInfo("cues", heuristic=True, calibrated=False, notice="embedded heuristic")
_EVENTS = (
    ("e1", Group.HEAD, "N7", "Touching nose", "left", 61.0, 64.5),
    ("e2", Group.HANDS, "N14", "Rubbing hands", "both", 118.0, 130.0),
    ("e3", Group.ARMS, "N17", "Folding arms", "both", 240.0, 290.0),
    ("e4", Group.HEAD, "N5", "Touching ear", "right", 301.0, 302.0),
)


def made_records(*, mode: records.Mode = records.Mode.LIVE, ended: bool = True) -> list[Record]:
    """The records; every fifth window abstains, and the stream is lost for 20 s at 200 s."""
    timed = [*_windows(), *_events(), *_rest()]
    timed.sort(key=lambda record: record.media_s)
    return [_session(mode), *timed, *([_end()] if ended else [])]


def made_journal(path: Path, made: Sequence[Record] | None = None, *, session: str = SESSION) -> Path:
    """Write them as a journal."""
    with Journal(path, session, fsync=False) as journal:
        for record in made_records() if made is None else made:
            journal.append(record)
    return path


def _session(mode: records.Mode) -> Record:
    live = mode is records.Mode.LIVE
    return records.SessionRecord(
        media_s=0.0,
        source="rtsp://carol:hunter2@10.0.0.7/cam" if live else "carol-interview.mp4",
        digest=None if live else "ab" * 32,
        tracks=(
            records.TrackRecord(
                track=Track.VIDEO, codec="h264", start_s=0.0, rate_hz=25.0, width_px=640, height_px=480
            ),
            records.TrackRecord(track=Track.AUDIO, codec="aac", start_s=0.0, rate_hz=48000.0, channels=1),
        ),
        av_offset_s=0.0,
        duration_s=None if live else 600.0,
        mode=mode,
        profile="default",
        settings_digest="cd" * 32,
        nfbl="live",
        describer=_MODEL,
        judge=_MODEL,
        deidentification=records.DeidentificationRecord(detector="centerface", mask="solid", voice="level-matched"),
        version="0.1.0",
        notices=("cannot read /home/carol/labels.csv",),
        consent="carol agreed",
        started_at=None if mode is records.Mode.MAX else "2026-11-22T09:00:00.000Z",
    )


def _windows() -> Iterator[Record]:
    estimator = Estimator(EstimateSettings(), judge=_MODEL, stale_after_s=45.0)
    for number, end_s in enumerate(range(30, 601, 15), start=1):
        cadence = Cadence.GLOBAL if number % 4 == 0 else Cadence.LOCAL
        window = Window(number, 0.0 if cadence is Cadence.GLOBAL else max(0.0, end_s - 32.0), float(end_s), cadence)
        coverage = Coverage(0.4 if number % 5 == 0 else 0.95, 1.0, 0.8)
        if number % 5 == 0:
            verdict = Verdict.abstain(_MODEL, "cues", "too little was seen")
        else:
            p = 0.7 if (number // 8) % 2 == 0 else 0.35
            label = Label.POSITIVE if p >= 0.5 else Label.NEGATIVE
            verdict = Verdict(
                label, p, 10 * max(p, 1 - p), "cues", "cues", calibrated=False, rationale="“she said yes”"
            )
            yield records.DescriptionRecord.of(window, Description(WORDS, "cues"))
        yield records.VerdictRecord.of(window, verdict, coverage)
        estimator.add(window, verdict, coverage)
        yield records.EstimateRecord.of(estimator.at(float(end_s)))


def _events() -> Iterator[Record]:
    for name, group, class_id, words, side, start_s, end_s in _EVENTS:
        steps = [(Phase.OPEN, start_s + 0.6, start_s + 0.6), (Phase.CLOSE, end_s + 0.4, end_s)]
        if end_s - start_s > 20.0:
            steps.insert(1, (Phase.UPDATE, start_s + 20.0, start_s + 20.0))
        for phase, known_s, until_s in steps:
            yield records.NfblRecord(
                media_s=known_s,
                id=name,
                phase=phase,
                group=group,
                class_id=class_id,
                name=words,
                side=side,
                start_s=start_s,
                end_s=until_s,
                score=0.7,
                alternatives=(("N5", 0.2),),
                source="rules",
                speaking=True,
            )


def _rest() -> Iterator[Record]:
    camera = "rtsp://10.0.0.7/cam"
    yield records.LinkRecord(media_s=0.5, link=camera, state=LinkState.LIVE, reason="")
    yield records.LinkRecord(media_s=200.0, link=camera, state=LinkState.LOST, reason="connection refused")
    for track in (Track.VIDEO, Track.AUDIO):
        yield records.GapRecord(media_s=220.0, track=track, start_s=200.0, end_s=220.0, reason="source lost")
    yield records.LinkRecord(media_s=220.0, link=camera, state=LinkState.LIVE, reason="")
    yield records.FeedRecord(media_s=0.0, state=FeedState.LIVE, reason="")
    yield records.BlindRecord(media_s=400.0, group=Group.ARMS, start_s=330.0, end_s=400.0, reason="elbows out of view")
    yield records.BlindRecord(media_s=220.0, group=Group.HEAD, start_s=200.0, end_s=220.0, reason="source lost")
    yield records.StallRecord(media_s=350.0, stage="face masking", held_s=6.2, stack="push (faces.py:80)")
    yield records.MarkRecord(media_s=150.0, note="laughter")
    for at_s in range(30, 601, 30):
        yield records.HealthRecord(
            media_s=float(at_s),
            tracks=tuple(
                records.TrackHealthRecord(
                    track=track, received=at_s * rate, released=at_s * rate - 2, dropped=2, gaps=0
                )
                for track, rate in ((Track.VIDEO, 25), (Track.AUDIO, 10))
            ),
            whole_frames=1,
            detector_failures=0,
            voice_failures=0,
            horizon_bytes=40_000_000,
            lag_s=0.6,
            rss_bytes=400_000_000,
            cpu_share=0.9,
        )


def _end() -> Record:
    totals = records.TotalsRecord(judged=39, abstained=7, skipped=0, nfbl=4, gaps=2)
    return records.EndRecord(
        media_s=600.0, reason=records.EndReason.ENDED, totals=totals, notices=("wrote /home/carol/clean.mkv",)
    )
