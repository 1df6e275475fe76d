"""Rewrites one recording without the people in it: decode | find | mask | encode side by side, all or nothing.

The same ingest as a session's, so that a recording is treated exactly as a live stream is, only with more patience.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from buffers.records import CleanAudio, CleanFrame, CleanItem, Track
from configs.errors import ConfigError
from configs.load import settings_digest
from configs.settings import IngestSettings, NfblSettings, Settings
from streams.channel import ChannelClosed
from streams.clock import VirtualClock, monotonic_s
from streams.deidentify.faces import FaceCounts
from streams.ingest import Batch, Ingest
from streams.pipeline import Pipeline, open_pipeline
from streams.recording.batch import Job
from streams.recording.boxes import BoxTrail
from streams.recording.formats import FileFormat
from streams.recording.writer import CleanWriter, VideoShape
from streams.sources.probe import shown_name

DETECTORS: Final = 2
"""Detectors side by side: with one the detector's 17 ms a frame is the job's pace while a second core idles."""

WAITING_FRAMES: Final = 4
"""Frames that wait before and behind de-identification: enough to keep both cores busy, 25 MB each in 4K."""

SOUND_BLOCK_S: Final = 1.0
"""Length of the blocks of sound (s): nobody waits for them, and altering them costs 0.4 times what it does in blocks of
0.1 s. The sound is the same, bit for bit."""

DEFAULT_RATE_HZ: Final = 25.0
"""Nominal rate where the source declares none; it only steers the encoder's rate control."""

POLL_S: Final = 0.25
"""Longest time between two reports (s): whoever asked the job to end is heard then."""

Report = Callable[[float, float | None], None]
"""Told how far a job has come (media seconds) and how far it goes (None: nobody knows). It may raise to end the job."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job. `spent_s` is wall time."""

    job: Job
    media_s: float
    spent_s: float
    faces: FaceCounts
    voice_failures: int
    notices: tuple[str, ...]


def rewrite(job: Job, settings: Settings, report: Report) -> Outcome:
    """Do one job. Nothing is left under the target's name unless the whole recording went through.

    Raises:
        MonitorError: the recording cannot be read, de-identified or written.
    """
    started_s = monotonic_s()
    pipeline = open_pipeline(
        str(job.source),
        settings.model_copy(update={"nfbl": NfblSettings(source="off")}),  # a recording is rewritten, not watched
        detectors=DETECTORS,
        wanted=_held_by(job.target_format),
        block_s=SOUND_BLOCK_S,
    )
    ingest = Ingest(
        pipeline,
        clock=VirtualClock(),
        settings=IngestSettings(video_items=WAITING_FRAMES),
        batches=WAITING_FRAMES,
    )
    reached_s = 0.0
    with contextlib.ExitStack() as undo:
        undo.callback(ingest.abort)
        outputs = _Outputs(job, pipeline, settings)
        undo.callback(outputs.abandon)
        ingest.start()
        for batch in _batches(ingest):
            for t_s, item in batch.items:
                outputs.take(item)
                reached_s = max(reached_s, t_s)
            report(reached_s, pipeline.info.duration_s)
        outputs.finish()
    return Outcome(
        job=job,
        media_s=reached_s,
        spent_s=monotonic_s() - started_s,
        faces=pipeline.face_counts,
        voice_failures=pipeline.voice_failures,
        notices=pipeline.notices,
    )


def summary(outcome: Outcome) -> list[str]:
    """What became of a job, for the user: a line, and one more for each thing to know."""
    job, faces = outcome.job, outcome.faces
    pace = outcome.media_s / max(1e-6, outcome.spent_s)
    what = (
        [f"{faces.frames} frames", f"{faces.faces} {'face' if faces.faces == 1 else 'faces'} followed"]
        if faces.frames
        else []
    )
    if faces.whole_frames:
        what.append(f"{faces.whole_frames} masked whole")
    what.append(f"{outcome.media_s:.1f} s in {outcome.spent_s:.1f} s ({pace:.1f}x real time)")
    lines = [f"{shown_name(job.source)} -> {shown_name(job.target)}: {', '.join(what)}"]
    warnings = list(outcome.notices)
    if faces.detector_failures:
        warnings.append(f"the face detector gave no answer for {faces.detector_failures} frames")
    if outcome.voice_failures:
        warnings.append(f"sound was replaced by silence {outcome.voice_failures} times because it could not be altered")
    return lines + [f"  {warning}" for warning in warnings]


def _batches(ingest: Ingest) -> Iterator[Batch]:
    """Batches as they come, an empty one where none came for a while."""
    with contextlib.suppress(ChannelClosed):
        while True:
            try:
                yield ingest.next_batch(POLL_S)
            except TimeoutError:
                yield Batch((), 0.0)


class _Outputs:
    """The file that is written and, where wanted, its audit trail: both appear, or neither."""

    def __init__(self, job: Job, pipeline: Pipeline, settings: Settings) -> None:
        """Begin both under temporary names."""
        shape = _shape(pipeline)
        audio = Track.AUDIO in pipeline.tracks
        if shape is None and not audio:
            name = shown_name(job.target)
            raise ConfigError(f"{name}: cannot hold anything of {pipeline.info.name}; name another kind of file")
        self._boxes = job.boxes
        self._trail: BoxTrail | None = None
        self._writer = CleanWriter(job.target, job.target_format, video=shape, audio=audio)
        if job.boxes is not None:
            try:
                self._trail = BoxTrail(job.boxes, settings_digest=settings_digest(settings))
            except BaseException:
                self._writer.abandon()
                raise

    def take(self, item: CleanItem) -> None:
        """Write one item; prosody and gaps are let go."""
        if isinstance(item, CleanFrame):
            self._writer.frame(item)
            if self._trail is not None:
                self._trail.frame(item)
        elif isinstance(item, CleanAudio):
            self._writer.audio(item)

    def finish(self) -> None:
        """Give both files their names, the recording last: with its name on it, everything is there."""
        if self._trail is not None:
            self._trail.finish()
        try:
            self._writer.finish()
        except BaseException:
            if self._boxes is not None:
                self._boxes.unlink(missing_ok=True)
            raise

    def abandon(self) -> None:
        """Leave nothing behind; nothing happens to what is finished."""
        self._writer.abandon()
        if self._trail is not None:
            self._trail.abandon()


def _held_by(file_format: FileFormat) -> frozenset[Track]:
    """The tracks a file of that kind has room for; no other is looked at."""
    codecs = {Track.VIDEO: file_format.video_codec, Track.AUDIO: file_format.audio_codec}
    return frozenset(track for track, codec in codecs.items() if codec is not None)


def _shape(pipeline: Pipeline) -> VideoShape | None:
    info = pipeline.info.track(Track.VIDEO)
    if info is None or Track.VIDEO not in pipeline.tracks:
        return None
    assert info.width_px is not None
    assert info.height_px is not None
    return VideoShape(info.width_px, info.height_px, info.rate_hz or DEFAULT_RATE_HZ, info.colour)
