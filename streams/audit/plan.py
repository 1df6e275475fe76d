"""What an audit is asked for, and what it answers: values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from buffers.records import Box
from configs.settings import VoiceSettings
from streams.audit.container import ContainerFigures
from streams.audit.faces.leaks import LeakFigures
from streams.audit.faces.likeness import LikenessFigures
from streams.audit.faces.references import ReferenceFigures
from streams.audit.timing import TimingFigures
from streams.audit.voices.compare import VoiceFigures
from streams.audit.voices.speakers import SpeakerReport


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """Two files to compare. `boxes` are annotations of faces, `speakers` a folder of speakers to recognise again.

    References look at every `every`-th frame (None: as many as take about twenty seconds for ten seconds of video).
    `voice` and `seed` tell how the speakers' voices are altered for the test.
    """

    original: Path
    deidentified: Path
    boxes: Path | None = None
    speakers: Path | None = None
    every: int | None = None
    voice: VoiceSettings = field(default_factory=VoiceSettings)
    seed: int = 0


MOST_SOUND_LOST_S: Final = 0.25
"""Difference of the sounds' lengths that passes (s): twice what MP3 at 16 kHz pads at both ends together."""

_SWAPPED: Final = 3
"""How many times more faces in the output than in the source mean that the files were named the wrong way round:
masks make no faces, and the few false boxes of a file that has none must not count as that."""


class Verdict(StrEnum):
    """The audit's answer. In doubt: nothing is known to have failed, but a person must look at some frames."""

    PASSED = "passed"
    IN_DOUBT = "in doubt"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A frame of the output that a person should look at.

    `index` is the source's frame number, `boxes` where to look (pixels of the source) and `share_hidden` the least
    of them (0-1). `jpeg` is a small copy of the OUTPUT's frame with these places covered, None where too many were.
    """

    index: int
    t_s: float
    reasons: tuple[str, ...]
    boxes: tuple[Box, ...]
    share_hidden: float
    jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one of the two files is: its name without folders, and of its pictures the upright size and nominal rate."""

    name: str
    has_pictures: bool
    has_sound: bool
    width_px: int | None
    height_px: int | None
    rate_hz: float | None


@dataclass(frozen=True, slots=True)
class Looked:
    """Frames the references looked at: every `every`-th, and `sudden` ones at which much of the mask went away."""

    frames: int
    every: int
    sudden: int


@dataclass(frozen=True, slots=True)
class PictureFigures:
    """What the pictures of both files gave.

    `leaks` are None without annotations; the first is of the boxes as drawn, the second of grown ones. `hidden_share`
    is the mean share of the picture that is hidden, `hidden_share_annotated` that of annotated frames. `notices` tell
    of damage in either file. `doubtful_frames` counts all frames in doubt; `doubts` are the worst of them.
    """

    leaks: tuple[LeakFigures, LeakFigures] | None
    hidden_share: float
    hidden_share_annotated: float | None
    looked: Looked
    references: tuple[ReferenceFigures, ...]
    likeness: LikenessFigures
    timing: TimingFigures
    notices: tuple[str, ...]
    doubtful_frames: int
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All figures. `pictures` is None unless both files have some, `voice` unless both have sound.

    `speakers` is None where nobody asked, and says why where it could not be tried.
    """

    source: FileFacts
    output: FileFacts
    annotations: str | None
    pictures: PictureFigures | None
    container: ContainerFigures
    voice: VoiceFigures | None
    speakers: SpeakerReport | str | None

    @property
    def original_sound(self) -> bool:
        """Whether the output holds the source's own voice, copied or encoded anew."""
        return self.container.copied_sound or (self.voice is not None and self.voice.original_voice)

    @property
    def failures(self) -> tuple[str, ...]:
        """Each rule that is broken, in words."""
        return tuple(_failures(self))

    @property
    def doubtful_frames(self) -> int:
        """Frames in doubt, 0 without pictures."""
        return 0 if self.pictures is None else self.pictures.doubtful_frames

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The worst of them."""
        return () if self.pictures is None else self.pictures.doubts

    @property
    def verdict(self) -> Verdict:
        """The answer; see `failures` for its rules."""
        if self.failures:
            return Verdict.FAILED
        return Verdict.IN_DOUBT if self.doubtful_frames else Verdict.PASSED

    @property
    def passed(self) -> bool:
        """Whether no rule is broken. Frames in doubt do not break one: a reference's box may be false or shifted."""
        return not self.failures


def sound_lost_s(voice: VoiceFigures) -> float:
    """How much shorter the output's sound is (s); below zero where it is longer."""
    return voice.source_duration_s - voice.output_duration_s


def _failures(report: AuditReport) -> Iterator[str]:
    if report.pictures is not None:
        yield from _visible(report.pictures)
        yield from _mistimed(report.pictures.timing)
    elif report.output.has_pictures:
        yield "the output has pictures and the original none to compare them with; name the original first"
    if report.voice is not None and abs(sound_lost_s(report.voice)) > MOST_SOUND_LOST_S:
        longer = "shorter" if sound_lost_s(report.voice) > 0 else "longer"
        yield f"the sound is {abs(sound_lost_s(report.voice)):.2f} s {longer}"
    yield from _left(report)


def _visible(pictures: PictureFigures) -> Iterator[str]:
    if pictures.leaks is not None:
        plain = pictures.leaks[0]
        if plain.leak_frames:
            run = plain.longest_run_frames
            yield f"{plain.leak_frames} of {plain.frames} annotated frames leak, longest run {run}"
        if plain.absent_frames:
            yield f"of the annotated frames {plain.absent_frames} not in the output"
    exposed = sum(figures.exposed_faces for figures in pictures.references)
    if exposed:
        yield f"references see faces in the source that are less than half hidden, {exposed} times"
    before = sum(figures.source_faces for figures in pictures.references)
    after = sum(figures.output_faces + figures.remains for figures in pictures.references)
    if after > _SWAPPED * max(before, 1):
        yield f"references see {after} faces in the output and {before} in the original; name the original first"


def _mistimed(timing: TimingFigures) -> Iterator[str]:
    if timing.missing_frames or timing.extra_frames:
        yield f"frames are wrong: {timing.missing_frames} missing, {timing.extra_frames} too many"
    if not timing.times_kept:
        yield f"frames are up to {timing.largest_error_ms:.1f} ms off"
    if not timing.sound_kept:
        yield f"sound moved by {timing.sound_moved_ms or 0.0:.1f} ms against the pictures"


def _left(report: AuditReport) -> Iterator[str]:
    if report.original_sound:
        yield "the original sound is in the output"
    if report.container.tags or report.container.chapters:
        yield "tags or chapters are left"
    if report.container.extra_streams:
        yield f"streams that need not be there: {', '.join(report.container.extra_streams)}"
