"""Puts an audit's figures into words: one row each, with its definition, for every way of showing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.audit.faces.leaks import GROWN_PX, LeakFigures
from streams.audit.faces.references import ReferenceFigures
from streams.audit.plan import (
    MOST_SOUND_LOST_S,
    AuditReport,
    FileFacts,
    PictureFigures,
    Verdict,
    sound_lost_s,
)
from streams.audit.timing import MOST_FRAME_MS, MOST_SOUND_MS, TimingFigures
from streams.audit.voices.compare import VoiceFigures

NECESSARY = "Detectors that find nothing prove little: they fail together. It is necessary, not sufficient."
"""Said wherever detectors' counts are shown. Measured: HOG and dlib's CNN saw nothing in 29 exposed frames."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `good` says whether a rule is kept; None where there is no rule."""

    name: str
    value: str
    meaning: str
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that belong together, with a remark on all of them."""

    title: str
    rows: tuple[Row, ...]
    remark: str = ""


def headline(report: AuditReport) -> str:
    """The verdict in one line of plain words."""
    if report.verdict is Verdict.FAILED:
        return f"FAILED: {'; '.join(report.failures)}"
    pictures = report.pictures
    if pictures is None:
        return f"PASSED: nothing was found in sound and container; {_unseen(report)}"
    checked = "no annotations were given"
    if pictures.leaks is not None:
        checked = f"0 of {pictures.leaks[0].frames} annotated frames leak"
    if report.verdict is Verdict.IN_DOUBT:
        return f"IN DOUBT: {checked}; look at {counted(report.doubtful_frames, 'frame')}"
    if pictures.leaks is None and all(each.unavailable for each in pictures.references):
        return f"PASSED: {checked} and no reference detector is there: only times, sound and container were checked"
    return f"PASSED: {checked}" if pictures.leaks is not None else f"PASSED: nothing was found; {checked}"


def counted(number: int, noun: str) -> str:
    """1 frame, 2 frames."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sections(report: AuditReport) -> tuple[Section, ...]:
    """All figures, in the order of their weight."""
    pictures = report.pictures
    if pictures is None:
        seen: tuple[Section, ...] = (Section("Faces", (_no_pictures(report),)),)
    else:
        at = pictures.looked
        looked = f"Looked at {counted(at.frames, 'frame')}: one in {at.every}, from 0 on"
        sudden = f", and {at.sudden} at which much was unmasked" if at.sudden else ""
        seen = (
            Section("Faces", tuple(_faces(pictures))),
            Section("Reference detectors", tuple(_references(pictures)), f"{looked}{sudden}. {NECESSARY}"),
            Section("Times", tuple(_times(report, pictures.timing))),
        )
    return (
        *seen,
        Section("Container", tuple(_container(report))),
        Section("Sound", tuple(_sound(report))),
    )


def _unseen(report: AuditReport) -> str:
    """Why no pictures were compared."""
    if report.source.has_pictures:
        return "the pictures were dropped, so no face is left to see"
    if report.output.has_pictures:
        return "the original has no pictures to compare the output's with"
    return "neither file has pictures"


def _no_pictures(report: AuditReport) -> Row:
    bad = report.output.has_pictures
    return Row(
        "pictures", _unseen(report), "Faces are looked for where both files have pictures.", False if bad else None
    )


def _faces(pictures: PictureFigures) -> Iterator[Row]:
    if pictures.leaks is None:
        yield Row("leak frames", "not measured: no annotated boxes; give --boxes", _LEAK)
    else:
        for figures in pictures.leaks:
            yield from _leaks(figures)
    yield Row("picture hidden", _percent(pictures.hidden_share), _HIDDEN)
    if pictures.hidden_share_annotated is not None:
        yield Row("picture hidden, annotated frames", _percent(pictures.hidden_share_annotated), "Over these only.")
    likeness = pictures.likeness
    if likeness.unavailable is not None:
        yield Row("same person", f"not measured: {likeness.unavailable}", _SAME)
    elif likeness.same_share is None or likeness.solid_same_share is None:
        yield Row("same person", "not measured: dlib's detectors saw no face in the source", _SAME)
    else:
        faces = counted(likeness.faces, "face")
        value = f"{_percent(likeness.same_share)} of {faces}, nearest {_number(likeness.least_distance)}"
        solid = f"{_percent(likeness.solid_same_share)}, {_number(likeness.solid_least_distance)}"
        yield Row("same person", f"{value} (solid mask: {solid})", _SAME)


_HIDDEN = (
    "Mean share of the picture that cannot be seen: 1-2 % of the picture too much or too little with good codecs, up to"
    " 10 % too much with bad ones, too little where masks have the colour of what surrounds them."
)
_LEAK = (
    "Annotated frames in which less than 90 % of a face's box is hidden: its detail cannot be followed in the output."
)
_SAME = (
    "Faces that dlib's recogniser takes for the same person in source and output (distance under 0.6), at the places"
    " where dlib's detectors see the two largest faces of the source; in brackets what it says of a solid mask there."
)


def _leaks(figures: LeakFigures) -> Iterator[Row]:
    grown = f", boxes grown by {GROWN_PX} px" if figures.grown_px else ""
    run = f"longest run {counted(figures.longest_run_frames, 'frame')}, {figures.longest_run_s:.2f} s"
    good = None if figures.grown_px else figures.leak_frames == 0
    value = f"{figures.leak_frames} of {figures.frames} ({run})"
    yield Row(f"leak frames{grown}", value, _LEAK, good)
    if figures.absent_frames and not figures.grown_px:
        yield Row("absent frames", str(figures.absent_frames), "Annotated frames the output does not show.", False)
    if figures.worst_share is not None:
        worst = f"{_percent(figures.worst_share)} in frame {figures.worst_frame}"
        yield Row(f"least hidden{grown}", worst, "Least share of an annotated box that is hidden.")


def _references(pictures: PictureFigures) -> Iterator[Row]:
    for figures in pictures.references:
        if figures.unavailable is not None:
            yield Row(figures.name, f"not looked: {figures.unavailable}", _REFERENCE)
        else:
            yield Row(figures.name, _counts(figures), _REFERENCE, figures.exposed_faces == 0)


_REFERENCE = (
    "Faces it sees in the source; how many of them are under 90 % hidden (uncovered) and under half hidden (exposed);"
    " faces it sees in the output outside masks, in brackets weak ones too; masks that look like a face to it where a"
    " solid one does not."
)


def _counts(figures: ReferenceFigures) -> str:
    source = f"source {figures.source_faces}, uncovered {figures.uncovered_faces}, exposed {figures.exposed_faces}"
    weak = "" if figures.weak_output_faces is None else f" ({figures.weak_output_faces})"
    return f"{source}; output {figures.output_faces}{weak}, masks {figures.remains}"


def _times(report: AuditReport, timing: TimingFigures) -> Iterator[Row]:
    same = timing.missing_frames == 0 and timing.extra_frames == 0
    frames = f"{timing.source_frames} in, {timing.output_frames} out"
    yield Row(
        "frames",
        f"{frames}; {timing.missing_frames} missing, {timing.extra_frames} too many",
        "Frames of the source that the output never shows, and frames of the output beyond those.",
        same,
    )
    yield Row(
        "frame times",
        f"largest error {timing.largest_error_ms:.2f} ms, mean {timing.mean_error_ms:.2f} ms",
        f"Output's time minus source's, of each frame; at most {MOST_FRAME_MS:g} ms.",
        timing.times_kept,
    )
    yield Row("last frame", f"{timing.duration_error_ms:+.2f} ms", "How much later the output's last frame is shown.")
    moved = "not measured: one file has no sound or no pictures"
    if timing.sound_moved_ms is not None:
        moved = f"{timing.sound_moved_ms:+.2f} ms"
    meaning = f"How much later pictures begin against the sound; at most {MOST_SOUND_MS:g} ms."
    yield Row("sound offset", moved, meaning, None if timing.sound_moved_ms is None else timing.sound_kept)
    if timing.shift_s:
        yield Row("compared after", f"{timing.shift_s:+.3f} s", "What was added to the output's times to compare it.")
    source, output = report.source, report.output
    yield Row(
        "size", f"{_size(source)} in, {_size(output)} out", "Upright pictures; another size is scaled to compare."
    )
    rates = f"{_number(source.rate_hz, ' Hz')} in, {_number(output.rate_hz, ' Hz')} out"
    yield Row("rate", rates, "Mean rates, as the containers tell them.")


def _size(file: FileFacts) -> str:
    return f"{file.width_px}x{file.height_px}"


def _container(report: AuditReport) -> Iterator[Row]:
    found = report.container
    yield Row("format", f"{found.format}, {found.size_bytes / 1e6:.2f} MB", "As libav reads it.")
    extra = ", ".join(found.extra_streams) or "none"
    yield Row("extra streams", extra, "Beyond one of pictures and one of sound.", not found.extra_streams)
    kept = f" ({len(found.kept_tags)} with the original's value)" if found.kept_tags else ""
    tags = ", ".join(found.tags) + kept if found.tags else "none"
    yield Row("tags", tags, "Metadata beyond what muxers write of the format. Values are not shown.", not found.tags)
    yield Row("chapters", str(found.chapters), "Their titles and times tell of the original.", found.chapters == 0)


def _sound(report: AuditReport) -> Iterator[Row]:
    copied = "yes, copied" if report.container.copied_sound else "yes" if report.original_sound else "no"
    meaning = "Sound packets that are the original's, or a second of speech whose waveform is."
    yield Row("original voice", copied, meaning, not report.original_sound)
    voice = report.voice
    if voice is None:
        yield Row("voice", f"not measured: {_unheard(report)}", "What altering the voice kept and changed.")
        return
    yield _length(voice)
    for name, value, meaning in _voice(voice):
        yield Row(name, value, meaning)


def _unheard(report: AuditReport) -> str:
    if report.source.has_sound:
        return "the sound was dropped"
    return "the original has no sound" if report.output.has_sound else "neither file has sound"


def _length(voice: VoiceFigures) -> Row:
    good = abs(sound_lost_s(voice)) <= MOST_SOUND_LOST_S
    value = f"{voice.source_duration_s:.3f} s in, {voice.output_duration_s:.3f} s out"
    return Row("length", value, f"From the first sample to the last; at most {MOST_SOUND_LOST_S:g} s apart.", good)


def _voice(voice: VoiceFigures) -> Iterator[tuple[str, str, str]]:
    yield "speech", f"{voice.speech_s:.1f} s of {voice.source_duration_s:.1f} s", "Within 15.9 dB of the active level."
    similar = _number(voice.waveform_similarity)
    if voice.original_share is not None:
        similar += f", {_percent(voice.original_share)} of the seconds as good as original"
    yield "waveform", similar, "Largest normalised cross-correlation of a second of speech; 1 is the original."
    yield "level", _number(voice.level_change_db, " dB"), "Active level, output minus source."
    whole, spoken = _number(voice.energy_correlation), _number(voice.energy_correlation_speech)
    yield "level contour", f"{whole}, in speech {spoken}", "Correlation of levels (dB) of 20 ms frames."
    pitch = f"{_number(voice.pitch_correlation)}, {_share(voice.pitch_kept_share)} within 5 %"
    yield "pitch contour", pitch, "Correlation of pitch in semitones where both are voiced."
    yield "voicing", _share(voice.voicing_agreement), "Share of the speech frames voiced in both or in neither."
    yield "delay", _number(voice.offset_ms, " ms"), "How much later the output's envelope is."
    yield "silence kept", _share(voice.silence_kept_share), "Digitally silent frames that still are."
    clipped = f"{voice.source_clipped_samples} in, {voice.output_clipped_samples} out"
    yield "clipped samples", clipped, "Samples at full scale, at 16 kHz."
    yield "how altered", _number(voice.envelope_distance_db, " dB"), "Distance of the spectral envelopes of speech."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(share: float | None) -> str:
    return "not measured" if share is None else _percent(share)


def _number(value: float | None, unit: str = "") -> str:
    return "not measured" if value is None else f"{value:.2f}{unit}"
