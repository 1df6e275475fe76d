"""Puts clips together from labels and runs, and all figures of them into one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from buffers.records import NFBL_GROUPS, Group
from configs.errors import ConfigError
from configs.taxonomy import taxonomy
from configs.yamlfile import printable
from monitor.evaluate import figures
from monitor.evaluate.figures import IOUS, MAIN_IOU, Alarms, Delay, Options, Rate, Score
from monitor.evaluate.journals import Run
from monitor.evaluate.labels import LabelFile
from monitor.evaluate.segments import Clip, Level, Outcome, accepted, by_onset, by_overlap
from monitor.records import Mode

BENCHMARK_EVENTS: Final = 100
"""Fewer labelled events are a smoke test: at 100 the 95 % interval of a share is still 20 points wide."""

OVER_S: Final = 0.5
"""How far a label may reach beyond its clip: raters' tools round the end of a recording."""


@dataclass(frozen=True, slots=True)
class LevelScore:
    """The score at one level; `iou` or `onset_tolerance_s` says by which measure."""

    level: Level
    iou: float | None
    onset_tolerance_s: float | None
    score: Score


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """What is known of one group: `score` and `rate` over the labelled clips, `blind_share` over all."""

    group: Group
    score: Score
    average_precision: float | None
    rate: Rate
    blind_share: float | None


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: labels, how many were found, reports, how many were right (by `MAIN_IOU`)."""

    class_id: str
    name: str
    labels: int
    found_exact: int
    found_alternatives: int
    reports: int
    right_exact: int
    right_alternatives: int


@dataclass(frozen=True, slots=True)
class ClipFigures:
    """One clip at group level (by `MAIN_IOU`); of a negative one every report of body language is `false`."""

    clip: str
    negative: bool
    length_s: float
    labels: int
    left_out: int
    found: int
    missed: int
    false: int
    excused: int
    illustrative: int
    blind_share: float | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything measured; `docs/evaluation.md` says what each figure means."""

    labels: str
    raters: tuple[str, ...]
    events: int
    left_out: tuple[tuple[str, int], ...]
    clips: int
    labelled_s: float
    negatives: int
    negative_s: float
    feeds: tuple[str, ...]
    modes: tuple[Mode, ...]
    options: Options
    segments: tuple[LevelScore, ...]
    onsets: tuple[LevelScore, ...]
    groups: tuple[GroupFigures, ...]
    mean_average_precision: float | None
    rate: Rate
    alarms: tuple[tuple[str, Alarms], ...]
    delay: Delay
    classes: tuple[ClassFigures, ...]
    per_clip: tuple[ClipFigures, ...]
    notices: tuple[str, ...]


def clips_of(labels: LabelFile, runs: Mapping[str, Run], negatives: Sequence[str] = ()) -> tuple[Clip, ...]:
    """The labelled clips that were run, in the order of the file, then the negative ones.

    Raises:
        ConfigError: no labelled clip was run, a run is of another clip, or a label lies beyond the end of its clip.
    """
    for name, run in runs.items():
        if run.source != name:
            raise ConfigError(
                f"the journal for {printable(name)} is of {printable(run.source)}: name it after its own clip"
            )
    clips = [
        Clip(
            name=name,
            length_s=runs[name].length_s,
            mode=runs[name].mode,
            negative=False,
            labels=tuple(label for label in labels.labels if label.clip == name),
            predictions=runs[name].predictions,
            blind=runs[name].blind,
        )
        for name in labels.clips
        if name in runs
    ]
    if not clips:
        raise ConfigError(
            f"{labels.name}: labels {_listed(labels.clips)}, but what was run is {_listed(runs)}; "
            "the column clip holds the recording's file name"
        )
    for clip in clips:
        late = next((label for label in clip.labels if label.end_s > clip.length_s + OVER_S), None)
        if late is not None:
            raise ConfigError(
                f"{labels.name}:{late.line}: ends at {late.end_s:g} s, but {printable(clip.name)} lasts "
                f"{clip.length_s:.2f} s; check the clip and the unit (seconds)"
            )
    empty = [
        Clip(
            name=name,
            length_s=runs[name].length_s,
            mode=runs[name].mode,
            negative=True,
            predictions=runs[name].predictions,
            blind=runs[name].blind,
        )
        for name in negatives
    ]
    return (*clips, *empty)


def evaluate(labels: LabelFile, clips: Sequence[Clip], feeds: Iterable[str], options: Options) -> Evaluation:
    """All figures of the clips; `labels` are told apart from them because it knows its raters and what it left out."""
    labelled = [clip for clip in clips if not clip.negative]
    negative = [clip for clip in clips if clip.negative]
    main = {
        level: figures.outcomes(labelled, level, by_overlap(MAIN_IOU), options)
        for level in (Level.EXACT, Level.ALTERNATIVES, Level.GROUP)
    }
    groups = _groups(options)
    group_figures = tuple(_group(group, labelled, clips, main[Level.GROUP], options) for group in groups)
    absent = [name for name in labels.clips if name not in {clip.name for clip in labelled}]
    notices = [*labels.notices]
    if absent:
        notices.append(f"labelled, but not evaluated: {_listed(absent)}")
    return Evaluation(
        labels=labels.name,
        raters=labels.raters,
        events=sum(len(outcome.labels) for outcome in main[Level.ALTERNATIVES]),
        left_out=_left_out(labelled, options),
        clips=len(labelled),
        labelled_s=sum(clip.length_s for clip in labelled),
        negatives=len(negative),
        negative_s=sum(clip.length_s for clip in negative),
        feeds=tuple(sorted(set(feeds))),
        modes=tuple(sorted({clip.mode for clip in clips})),
        options=options,
        segments=tuple(
            LevelScore(level, iou, None, _scored(labelled, level, iou, options)) for level in Level for iou in IOUS
        ),
        onsets=tuple(_onset(labelled, level, options) for level in Level),
        groups=group_figures,
        mean_average_precision=figures.mean(found.average_precision for found in group_figures),
        rate=figures.rate(labelled, NFBL_GROUPS, options),
        alarms=_alarms(negative, options),
        delay=figures.delay(labelled, options),
        classes=_classes(labelled, main[Level.EXACT], main[Level.ALTERNATIVES]),
        per_clip=(
            *(_clip(clip, outcome, options) for clip, outcome in zip(labelled, main[Level.GROUP], strict=True)),
            *(_negative(clip) for clip in negative),
        ),
        notices=tuple(notices),
    )


def headline(found: Evaluation) -> str:
    """How much the figures rest on, and what they may be called."""
    raters = _counted(len(found.raters), "rater") if found.raters else "raters not named"
    worth = "" if found.events >= BENCHMARK_EVENTS else ": a smoke test, not a benchmark"
    negatives = (
        f"{_counted(found.negatives, 'negative')} ({found.negative_s:.0f} s)" if found.negatives else "no negatives"
    )
    clips = f"{_counted(found.clips, 'clip')} ({found.labelled_s:.0f} s)"
    return f"{_counted(found.events, 'event')} on {clips}, {negatives}, {raters}{worth}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _scored(clips: Sequence[Clip], level: Level, iou: float, options: Options) -> Score:
    return figures.score(figures.outcomes(clips, level, by_overlap(iou), options), options)


def _onset(clips: Sequence[Clip], level: Level, options: Options) -> LevelScore:
    closeness = by_onset(options.onset_tolerance_s)
    found = figures.score(figures.outcomes(clips, level, closeness, options), options)
    return LevelScore(level, None, options.onset_tolerance_s, found)


def _groups(options: Options) -> tuple[Group, ...]:
    """The groups of body language, and illustrative gestures where they are asked for."""
    asked = any(
        Group(found.group) is Group.ILLUSTRATIVE and found.id not in options.left_out for found in taxonomy().classes
    )
    return (*NFBL_GROUPS, Group.ILLUSTRATIVE) if asked else NFBL_GROUPS


def _group(
    group: Group, labelled: Sequence[Clip], clips: Sequence[Clip], main: Sequence[Outcome], options: Options
) -> GroupFigures:
    return GroupFigures(
        group=group,
        score=figures.score(main, options, group),
        average_precision=figures.average_precision(labelled, group, options),
        rate=figures.rate(labelled, (group,), options),
        blind_share=figures.blind_share(clips, group),
    )


def _alarms(negative: Sequence[Clip], options: Options) -> tuple[tuple[str, Alarms], ...]:
    """By group, their sum as `nfbl`, and illustrative gestures apart."""
    if not negative:
        return ()
    return (
        *((str(group), figures.alarms(negative, (group,), options)) for group in NFBL_GROUPS),
        ("nfbl", figures.alarms(negative, NFBL_GROUPS, options)),
        (str(Group.ILLUSTRATIVE), figures.alarms(negative, (Group.ILLUSTRATIVE,), options)),
    )


def _left_out(clips: Sequence[Clip], options: Options) -> tuple[tuple[str, int], ...]:
    """Labels that count at no level, by class."""
    counts = Counter(
        label.class_id
        for clip in clips
        for label in clip.labels
        if not accepted(label, Level.ALTERNATIVES, options.left_out)
    )
    return tuple(sorted(counts.items()))


def _classes(
    clips: Sequence[Clip], exact: Sequence[Outcome], alternatives: Sequence[Outcome]
) -> tuple[ClassFigures, ...]:
    labels, found_exact, found_alternatives = Counter[str](), Counter[str](), Counter[str]()
    reports, right_exact, right_alternatives = Counter[str](), Counter[str](), Counter[str]()
    for clip, outcome in zip(clips, alternatives, strict=True):
        labels.update(clip.labels[segment.members[0]].class_id for segment in outcome.labels)
        reports.update(clip.predictions[segment.members[0]].class_id for segment in outcome.predictions)
    for matched, found, right in (
        (exact, found_exact, right_exact),
        (alternatives, found_alternatives, right_alternatives),
    ):
        for clip, outcome in zip(clips, matched, strict=True):
            for i, j in outcome.pairs:
                found[clip.labels[outcome.labels[i].members[0]].class_id] += 1
                right[clip.predictions[outcome.predictions[j].members[0]].class_id] += 1
    return tuple(
        ClassFigures(
            class_id=one.id,
            name=one.name,
            labels=labels[one.id],
            found_exact=found_exact[one.id],
            found_alternatives=found_alternatives[one.id],
            reports=reports[one.id],
            right_exact=right_exact[one.id],
            right_alternatives=right_alternatives[one.id],
        )
        for one in taxonomy().classes
        if labels[one.id] or reports[one.id]
    )


def _clip(clip: Clip, outcome: Outcome, options: Options) -> ClipFigures:
    scored = sum(bool(accepted(label, Level.ALTERNATIVES, options.left_out)) for label in clip.labels)
    return ClipFigures(
        clip=clip.name,
        negative=False,
        length_s=clip.length_s,
        labels=scored,
        left_out=len(clip.labels) - scored,
        found=outcome.found,
        missed=outcome.missed,
        false=outcome.false,
        excused=len(outcome.excused),
        illustrative=_illustrative(clip),
        blind_share=_blind(clip),
    )


def _negative(clip: Clip) -> ClipFigures:
    illustrative = _illustrative(clip)
    return ClipFigures(
        clip=clip.name,
        negative=True,
        length_s=clip.length_s,
        labels=0,
        left_out=0,
        found=0,
        missed=0,
        false=len(clip.predictions) - illustrative,
        excused=0,
        illustrative=illustrative,
        blind_share=_blind(clip),
    )


def _illustrative(clip: Clip) -> int:
    return sum(seen.group is Group.ILLUSTRATIVE for seen in clip.predictions)


def _blind(clip: Clip) -> float | None:
    """Mean over the groups of body language."""
    return figures.mean(figures.blind_share((clip,), group) for group in NFBL_GROUPS)


def _listed(names: Iterable[str]) -> str:
    listed = [printable(name) for name in names]
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "") or "nothing"
