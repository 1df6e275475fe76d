"""All figures of an evaluation put together, and the words they are shown with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from configs.yamlfile import printable
from monitor.describers.base import ModelInfo
from monitor.evaluate.dataset.measures import Cell, Majority, cell, majority
from monitor.evaluate.dataset.run import Answers, Plan
from monitor.evaluate.dataset.trials import Modality
from monitor.evaluate.figures import Options

FEW: Final = 100
"""Fewer videos are a smoke test: at 100 the 95 % interval of an accuracy is still 20 points wide."""


@dataclass(frozen=True, slots=True)
class Found:
    """Everything measured; `docs/evaluation.md` says what each figure means."""

    dataset: str
    protocol: str
    videos: int
    positives: int
    seeds: int
    describer: ModelInfo
    judge: ModelInfo
    settings: str
    majority: Majority
    cells: tuple[Cell, ...]
    notices: tuple[str, ...]

    def of(self, modality: Modality) -> tuple[Cell, ...]:
        """The cells of one modality, by length."""
        return tuple(sorted((one for one in self.cells if one.modality is modality), key=lambda one: one.length))

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities asked for, in the order in which they add something."""
        return tuple(one for one in Modality if self.of(one))


def figures_of(plan: Plan, answers: Answers) -> Found:
    """All figures of the answers; equal answers give equal figures, in whatever order they came."""
    videos = plan.dataset.videos
    cells = tuple(
        cell(
            videos,
            modality,
            [part for part in plan.parts if part.length == length],
            answers.results,
            Options(seed=plan.settings.seed or 0),
        )
        for modality in sorted(plan.modalities, key=list(Modality).index)
        for length in sorted(plan.lengths)
    )
    found = Found(
        dataset=plan.dataset.name,
        protocol=plan.dataset.protocol,
        videos=len(videos),
        positives=sum(video.positive for video in videos),
        seeds=plan.seeds,
        describer=answers.describer,
        judge=answers.judge,
        settings=answers.settings,
        majority=majority(videos),
        cells=cells,
        notices=(),
    )
    return replace(found, notices=tuple(_notices(plan, found)))


def headline(found: Found) -> str:
    """What the figures rest on, and what they may be called."""
    worth = "" if found.videos >= FEW else ": a smoke test, not a benchmark"
    return (
        f"{printable(found.dataset)}, protocol {printable(found.protocol)}: {found.videos} videos, "
        f"{found.positives} positive{worth}"
    )


def models_of(found: Found) -> Iterator[str]:
    """Who answered, one line each, with what must be said wherever its numbers are."""
    for stage, info in (("describer", found.describer), ("judge", found.judge)):
        model = f" ({printable(info.model)})" if info.model else ""
        kind = ", a heuristic" if info.heuristic else ""
        trusted = "" if stage == "describer" else ", calibrated" if info.calibrated else ", uncalibrated"
        notice = f". {info.notice}" if info.notice else ""
        yield f"{stage} {printable(info.name)}{model}{kind}{trusted}{notice}"


def _notices(plan: Plan, found: Found) -> Iterator[str]:
    yield from plan.dataset.notices
    yield (
        f"the voice was altered with seed {plan.settings.seed or 0}, so that answers can be recorded: a seeded voice "
        "can be undone, and no sound of this run was kept"
    )
    failed = sum(one.failed for one in found.cells)
    if failed:
        yield f"{failed} questions were never answered and count as abstentions: the same command asks them again"
    for one in found.of(Modality.VAN):
        if one.nfbl_coverage == 0.0:
            yield f"no body language was watched at {one.length} %: there van shows no more than va"
