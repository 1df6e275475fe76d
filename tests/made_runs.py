"""Made labels, reports and journals for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from buffers.records import Group, Phase
from monitor.describers.base import ModelInfo
from monitor.evaluate.labels import Label, LabelFile, group_of
from monitor.evaluate.segments import Blind, Clip, Prediction
from monitor.journal import Journal
from monitor.record import Record
from monitor.records import (
    BlindRecord,
    DeidentificationRecord,
    EndReason,
    EndRecord,
    Mode,
    NfblRecord,
    SessionRecord,
    TotalsRecord,
)


def label(class_id: str, start_s: float, end_s: float, *alternatives: str, clip: str = "a.mp4") -> Label:
    return Label(clip=clip, class_id=class_id, start_s=start_s, end_s=end_s, alternatives=alternatives)


def report(class_id: str, start_s: float, end_s: float, *, score: float = 0.5, late_s: float = 0.5) -> Prediction:
    """A report, first told `late_s` after its onset."""
    name = f"{class_id}-{start_s:g}"
    return Prediction(name, class_id, group_of(class_id), start_s, end_s, score, start_s + late_s)


def clip(
    *reports: Prediction,
    labels: Sequence[Label] = (),
    name: str = "a.mp4",
    length_s: float = 60.0,
    negative: bool = False,
    blind: Sequence[Blind] = (),
) -> Clip:
    own = tuple(replace(one, clip=name) for one in labels)
    return Clip(name, length_s, Mode.MAX, negative, own, reports, tuple(blind))


def label_file(clips: Sequence[Clip], *raters: str) -> LabelFile:
    """The file the clips' labels came from."""
    labels = tuple(one for each in clips for one in each.labels)
    return LabelFile("labels.csv", labels, tuple(each.name for each in clips if not each.negative), raters, ())


def session(source: str, *, duration_s: float | None = 60.0, feed: str = "rules", mode: Mode = Mode.MAX) -> Record:
    model = ModelInfo(name="cues", heuristic=True, calibrated=False, notice="")
    return SessionRecord(
        media_s=0.0,
        source=source,
        digest=None,
        tracks=(),
        av_offset_s=None,
        duration_s=duration_s,
        mode=mode,
        profile="default",
        settings_digest="0",
        nfbl=feed,
        describer=model,
        judge=model,
        deidentification=DeidentificationRecord(detector="centerface", mask="solid", voice="drop"),
        version="0",
    )


def told(event: Prediction) -> list[Record]:
    """What a journal says of an event: opened, then closed."""
    return [
        NfblRecord(
            media_s=known_s,
            id=event.id,
            phase=phase,
            group=event.group,
            class_id=event.class_id,
            name=event.class_id,
            side="left",
            start_s=event.start_s,
            end_s=end_s,
            score=event.score,
            alternatives=(),
            source="rules",
            speaking=None,
        )
        for phase, known_s, end_s in (
            (Phase.OPEN, event.opened_s, event.opened_s),
            (Phase.CLOSE, max(event.opened_s, event.end_s), event.end_s),
        )
    ]


def blind(group: Group, start_s: float, end_s: float) -> Record:
    return BlindRecord(media_s=end_s, group=group, start_s=start_s, end_s=end_s, reason="out of the picture")


def end(reason: EndReason = EndReason.ENDED, media_s: float = 60.0, notices: tuple[str, ...] = ()) -> Record:
    totals = TotalsRecord(judged=0, abstained=0, skipped=0, nfbl=0, gaps=0)
    return EndRecord(media_s=media_s, reason=reason, totals=totals, notices=notices)


def journal(path: Path, *records: Record) -> Path:
    """Write a journal of these records."""
    with Journal(path, "s-1", fsync=False) as written:
        for record in records:
            written.append(record)
    return path


def whole_journal(path: Path, source: str, *events: Prediction, feed: str = "rules") -> Path:
    """The journal of a session that ended in order."""
    return journal(path, session(source, feed=feed), *(line for event in events for line in told(event)), end())
