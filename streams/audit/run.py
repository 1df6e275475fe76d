"""Carries an audit out: checks what it was asked for and has pictures, sound and container compared."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from buffers.records import Track
from configs.errors import ConfigError, ModelUnavailable
from streams.audit.container import container_figures, video_packets
from streams.audit.faces.annotations import Annotations, load_annotations
from streams.audit.plan import AuditPlan, AuditReport, FileFacts
from streams.audit.voices import compare, speakers
from streams.audit.voices.speakers import SpeakerReport
from streams.audit.walk import compare_pictures
from streams.sources.file import FileSource
from streams.sources.probe import check_file, shown_name

Progress = Callable[[str, float, float | None], None]
"""Told of the part at work in a word or two, and how many seconds of how many are done (None: nobody knows)."""


def audit(plan: AuditPlan, progress: Progress | None = None) -> AuditReport:
    """Compare two recordings: of video, of sound, or of which only one has pictures.

    Raises:
        MonitorError: a file cannot be read, is named twice, is annotated wrongly, or a folder of speakers is none.
    """
    if plan.every is not None and plan.every < 1:
        raise ConfigError(f"--every {plan.every}: frames are counted from 1; name a number above 0")
    annotations = load_annotations(plan.boxes) if plan.boxes is not None else None
    for path in (plan.original, plan.deidentified):
        check_file(path)
    if plan.original.samefile(plan.deidentified):
        name = shown_name(plan.original)
        raise ConfigError(f"{name}: is named twice; name the original first and its de-identified copy after it")
    report = progress or _silent
    # First, so that what is wrong with the folder is told at once.
    attacked = None if plan.speakers is None else _attacked(plan, plan.speakers, report)
    report("opening", 0.0, None)
    container = container_figures(plan.original, plan.deidentified)
    facts = (_facts(plan.original), _facts(plan.deidentified))
    if annotations is not None:
        _check_boxes(annotations, facts[0], plan.original)
    pictures = None
    if all(file.has_pictures for file in facts):
        pictures = compare_pictures(plan, facts, annotations, lambda done_s, all_s: report("pictures", done_s, all_s))
    report("sound", 0.0, None)
    sound = compare.compare(plan.original, plan.deidentified) if all(file.has_sound for file in facts) else None
    return AuditReport(
        source=facts[0],
        output=facts[1],
        annotations=None if annotations is None else annotations.name,
        pictures=pictures,
        container=container,
        voice=sound,
        speakers=attacked,
    )


def _silent(_part: str, _done_s: float, _all_s: float | None) -> None:
    pass


def _attacked(plan: AuditPlan, folder: Path, report: Progress) -> SpeakerReport | str:
    """How speakers were recognised again, or why nobody tried."""
    try:
        return speakers.reidentify(
            folder, plan.voice, seed=plan.seed, reach=lambda done_s, all_s: report("speakers", done_s, all_s)
        )
    except ModelUnavailable as error:
        return str(error)


def _facts(path: Path) -> FileFacts:
    with closing(FileSource(path)) as opened:
        info = opened.info
    video = info.track(Track.VIDEO)
    return FileFacts(
        name=info.name,
        has_pictures=video is not None,
        has_sound=info.track(Track.AUDIO) is not None,
        width_px=None if video is None else video.width_px,
        height_px=None if video is None else video.height_px,
        rate_hz=None if video is None else video.rate_hz,
    )


def _check_boxes(annotations: Annotations, source: FileFacts, path: Path) -> None:
    """`ConfigError` where the boxes must be of another recording."""
    name = annotations.name
    if not source.has_pictures:
        raise ConfigError(f"{name}: {source.name} has no pictures that faces could be in; leave --boxes out")
    frames = video_packets(path)
    last = max(annotations.boxes)
    if last >= frames:
        raise ConfigError(
            f"{name}: frame {last} is beyond the {frames} frames of {source.name}; name the boxes of this recording"
        )
    width_px, height_px = source.width_px or 0, source.height_px or 0
    for index, boxes in annotations.boxes.items():
        for box in boxes:
            if not (0 <= box.x0 + box.x1 <= 2 * width_px and 0 <= box.y0 + box.y1 <= 2 * height_px):
                raise ConfigError(
                    f"{name}: the middle of a box of frame {index} is outside of {source.name}'s "
                    f"{width_px}x{height_px} px; name the boxes of this recording, in upright pixels"
                )
