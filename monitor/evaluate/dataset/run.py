"""Runs a dataset: recordings are played in processes beside this one, models are asked here, one part after another."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from buffers.evidence import Evidence, EvidencePlan
from configs.errors import ConfigError, ModelUnavailable, MonitorError
from configs.model_settings import CassetteSettings
from configs.settings import Settings
from configs.yamlfile import printable
from monitor.describers.base import Describer, ModelInfo
from monitor.evaluate.dataset.folder import Dataset, Video
from monitor.evaluate.dataset.store import Made, Result, Store
from monitor.evaluate.dataset.trials import Modality, Part, Spans, Trial, parts_of, shown_as, trials_of
from monitor.harvest import Harvest, begin_child, harvest_in_child
from monitor.identity import session_digest
from monitor.interrupts import interrupts_to
from monitor.judges.base import Judge, Verdict
from monitor.models import make_models

TRIALS: Final = "trials.jsonl"
ANSWERS: Final = "answers.jsonl"

Models = Callable[[Settings], tuple[Describer, Judge]]

Report = Callable[[str, int, int], None]
"""Is told the video at work, and how many trials of all are answered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask of which videos, and where the answers go.

    `jobs` recordings are played side by side, and `asks` questions about one of them are put side by side.
    """

    dataset: Dataset
    settings: Settings
    modalities: tuple[Modality, ...]
    lengths: tuple[int, ...]
    seeds: int
    out: Path
    jobs: int = 1
    asks: int = 1

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of each video."""
        return parts_of(self.lengths, self.seeds)


@dataclass(frozen=True, slots=True)
class Answers:
    """Who answered, all that was answered, and what the reader should see on the screen only.

    `failures` are one line for each video or trial without an answer; the same command asks them again.
    """

    describer: ModelInfo
    judge: ModelInfo
    settings: str
    results: Mapping[Trial, Result]
    notices: tuple[str, ...]
    failures: tuple[str, ...]


def prepared(settings: Settings, out: Path) -> Settings:
    """The settings of an evaluation: seeded, and with a cassette beside the results where none is named.

    Without a seed the altered voice is another one each time, and no recorded answer would be found again.
    """
    seeded = settings.model_copy(update={"seed": settings.seed or 0})
    if seeded.cassette.path is not None:
        return seeded
    return seeded.model_copy(update={"cassette": CassetteSettings(path=str(out / ANSWERS), mode="fill")})


def check(plan: Plan) -> None:
    """Refuse what cannot be asked (ConfigError)."""
    without = [video for video in plan.dataset.videos if video.nfbl is None]
    if (
        Modality.VAN in plan.modalities
        and plan.settings.nfbl.source == "off"
        and len(without) == len(plan.dataset.videos)
    ):
        raise ConfigError(
            "modality van needs body language, but nfbl.source is off and the dataset has no nfbl/ for these videos: "
            "set nfbl.source to live, or ask with --modalities v,va"
        )


def run(plan: Plan, report: Report, *, models: Models = make_models) -> Answers:
    """Ask what has no answer yet in `plan.out` and return all answers.

    Raises:
        KeyboardInterrupt: somebody asked for an end; the answers so far are kept.
        MonitorError: the models cannot work as configured, what `plan.out` holds was made otherwise, or nothing at all
            could be answered.
    """
    check(plan)
    try:
        plan.out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        shown = printable(str(plan.out), 200)
        raise ConfigError(f"--out {shown} cannot be made ({error.strerror}): name a folder of your own") from error
    try:
        return asyncio.run(_run(plan, report, models))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _run(plan: Plan, report: Report, models: Models) -> Answers:
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        task.cancel()

    settings = prepared(plan.settings, plan.out)
    async with AsyncExitStack() as closing:
        closing.enter_context(interrupts_to(end))
        describer, judge = models(settings)
        closing.push_async_callback(describer.close)
        closing.push_async_callback(judge.close)
        notices = [*await describer.start(), *await judge.start()]
        digest = session_digest(settings, settings.nfbl.source)
        made = Made(version=version("emotion-monitor"), settings=digest, describer=describer.info, judge=judge.info)
        store = closing.enter_context(Store(plan.out / TRIALS, made))
        asker = _Asker(describer, judge, settings)
        evaluation = _Evaluation(plan, settings, store, asker, report)
        harvested = await evaluation.run()
        if not evaluation.answered and evaluation.failures:
            raise ModelUnavailable(f"nothing could be answered; the first reason: {evaluation.failures[0]}")
        return Answers(
            describer=describer.info,
            judge=judge.info,
            settings=digest,
            results={trial: store.results[trial] for trial in evaluation.trials if trial in store.results},
            notices=(*dict.fromkeys(notices), *harvested),
            failures=tuple(evaluation.failures),
        )


class _Asker:
    """Puts one question to both models, within a deadline."""

    def __init__(self, describer: Describer, judge: Judge, settings: Settings) -> None:
        self._describer = describer
        self._judge = judge
        self._deadline_s = settings.windows.deadline_s
        self._least = settings.windows.min_coverage

    async def ask(self, evidence: Evidence) -> Verdict:
        """The verdict on what is shown; an abstention where that is too little.

        Raises:
            ModelUnavailable: a model did not answer; what stood in for it is not what is evaluated.
        """
        coverage = evidence.coverage
        if max(coverage.video, coverage.audio) < self._least:
            why = f"too little to judge: video {coverage.video:.0%}, audio {coverage.audio:.0%}"
            return Verdict.abstain(self._judge.info, self._describer.info.name, why)
        try:
            async with asyncio.timeout(self._deadline_s):
                description = await self._describer.describe(evidence)
                if description.describer != self._describer.info.name:
                    raise ModelUnavailable(description.note or f"{description.describer} stood in for the model")
                return await self._judge.judge(description, evidence)
        except TimeoutError as error:
            raise ModelUnavailable(f"no verdict within the deadline of {self._deadline_s:g} s") from error


class _Evaluation:
    """The videos of a plan, one after another in the dataset's order, whatever was answered before."""

    def __init__(self, plan: Plan, settings: Settings, store: Store, asker: _Asker, report: Report) -> None:
        self._plan = plan
        self._settings = settings
        self._store = store
        self._asker = asker
        self._report = report
        self.trials = [
            trial for video in plan.dataset.videos for trial in trials_of(video.id, plan.modalities, plan.parts)
        ]
        self.failures: list[str] = []
        self._done = 0
        self._ahead: deque[tuple[Video, list[Trial], asyncio.Future[Harvest]]] = deque()

    @property
    def answered(self) -> int:
        """Trials of the plan that have an answer."""
        return sum(trial in self._store.results for trial in self.trials)

    async def run(self) -> tuple[str, ...]:
        """Ask all that is missing; what the recordings gave notice of."""
        missing: list[tuple[Video, list[Trial]]] = []
        for video in self._plan.dataset.videos:
            trials = list(trials_of(video.id, self._plan.modalities, self._plan.parts))
            known = [self._store.results[trial] for trial in trials if trial in self._store.results]
            self._done += len(known)
            if known:
                self._check_unchanged(video, known)
            if len(known) < len(trials):
                missing.append((video, [trial for trial in trials if trial not in self._store.results]))
        notices: Counter[str] = Counter()
        async with _processes(min(self._plan.jobs, max(1, len(missing)))) as executor:
            try:
                async for video, trials, harvested in self._harvests(executor, missing):
                    if isinstance(harvested, MonitorError):
                        self.failures.append(f"{printable(video.id)}: {harvested}")
                        self._done += len(trials)
                    else:
                        notices.update(set(harvested.notices))
                        await self._ask(video, trials, harvested)
            finally:
                for _, _, future in self._ahead:
                    future.cancel()
        return tuple(f"{count} videos: {notice}" if count > 1 else notice for notice, count in notices.items())

    def _check_unchanged(self, video: Video, known: Iterable[Result]) -> None:
        digest = _source_digest(video)
        if any(result.source != digest for result in known):
            raise ConfigError(
                f"{printable(video.id)}: its recording or annotations changed since {self._plan.out.name}/{TRIALS} was "
                "begun: put back what was there, or name another --out"
            )

    async def _harvests(
        self, executor: ProcessPoolExecutor, missing: Sequence[tuple[Video, list[Trial]]]
    ) -> AsyncIterator[tuple[Video, list[Trial], Harvest | MonitorError]]:
        """What the processes bring, in order; a few recordings are played ahead of the one that is asked about."""
        loop = asyncio.get_running_loop()
        queue = deque(missing)
        while queue or self._ahead:
            while queue and len(self._ahead) <= self._plan.jobs:
                video, trials = queue.popleft()
                work = partial(harvest_in_child, *self._work(video, trials))
                self._ahead.append((video, trials, loop.run_in_executor(executor, work)))
            video, trials, future = self._ahead.popleft()
            self._report(video.id, self._done, len(self.trials))
            yield video, trials, await _brought(video, future)

    def _work(self, video: Video, trials: Iterable[Trial]) -> tuple[str, Settings, Spans, EvidencePlan]:
        settings = self._settings
        if video.nfbl is not None:
            feed = settings.nfbl.model_copy(update={"source": str(video.nfbl)})
            settings = settings.model_copy(update={"nfbl": feed})
        windows = settings.windows
        spans = Spans(video.name, _parts(trials))
        return str(video.path), settings, spans, EvidencePlan(windows.frames, windows.clips)

    async def _ask(self, video: Video, trials: Sequence[Trial], harvested: Harvest) -> None:
        digest = _source_digest(video)
        evidence = dict(zip(_parts(trials), harvested.evidence, strict=True))
        asked: deque[tuple[Trial, Evidence, asyncio.Task[Verdict]]] = deque()
        try:
            for trial in trials:
                shown = shown_as(evidence[trial.part], trial.modality)
                asked.append((trial, shown, asyncio.create_task(self._asker.ask(shown))))
                if len(asked) == self._plan.asks:
                    await self._keep(video, digest, *asked.popleft())
            while asked:
                await self._keep(video, digest, *asked.popleft())
        finally:
            for _, _, task in asked:
                task.cancel()

    async def _keep(
        self, video: Video, digest: str, trial: Trial, shown: Evidence, answer: asyncio.Task[Verdict]
    ) -> None:
        """Keep an answer; in the order of the questions, so that a run that was interrupted ends in the same file."""
        try:
            self._store.add(_result(trial, digest, shown, await answer))
        except ModelUnavailable as error:
            self.failures.append(f"{printable(video.id)}, {trial.modality}, {trial.part.length} %: {error}")
        self._done += 1
        self._report(video.id, self._done, len(self.trials))


async def _brought(video: Video, future: asyncio.Future[Harvest]) -> Harvest | MonitorError:
    """What was harvested, or why this recording cannot be; what would keep every other from it too is raised."""
    try:
        return await future
    except BrokenProcessPool as error:
        raise MonitorError(
            f"{printable(video.id)}: the process that played it was killed, perhaps for want of memory; "
            "run the same command with --jobs 1 to go on"
        ) from error
    except (ConfigError, ModelUnavailable):
        raise
    except MonitorError as error:
        return error


def _parts(trials: Iterable[Trial]) -> tuple[Part, ...]:
    return tuple(dict.fromkeys(trial.part for trial in trials))


def _result(trial: Trial, source: str, shown: Evidence, verdict: Verdict) -> Result:
    return Result(
        id=trial.video,
        modality=trial.modality,
        length=trial.part.length,
        seed=trial.part.seed,
        source=source,
        start_s=shown.window.start_s,
        end_s=shown.window.end_s,
        video=shown.coverage.video,
        audio=shown.coverage.audio,
        nfbl=shown.coverage.nfbl,
        label=verdict.label,
        p_positive=verdict.p_positive,
        confidence=verdict.confidence,
        why=verdict.rationale.encode("utf-8", "replace").decode(),
    )


def _source_digest(video: Video) -> str:
    """SHA-256 (hex) of the recording's bytes and of its annotations'."""
    digest = hashlib.sha256()
    for path in (video.path, video.nfbl):
        digest.update(b"none" if path is None else _file_digest(path))
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise ConfigError(f"{printable(path.name)} cannot be read: {error.strerror}; check its permissions") from error


@asynccontextmanager
async def _processes(count: int) -> AsyncIterator[ProcessPoolExecutor]:
    """Processes that play recordings; none is left when this ends, however it ends.

    They are begun anew instead of forked: a copy of a process with threads and loaded models may hang.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    executor = ProcessPoolExecutor(count, mp_context=context, initializer=begin_child, initargs=(stop,))
    try:
        yield executor
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)
