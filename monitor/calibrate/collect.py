"""Collects labelled verdicts from journals: of one describer and one judge, each recording once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from buffers.evidence import Cadence, Window
from configs.digest import json_digest
from configs.errors import ConfigError, JournalError
from configs.yamlfile import printable
from monitor.calibrate.file import ModelIdentity
from monitor.calibrate.labels import LabelledSpan, SessionLabels, label_of
from monitor.reading import read_journal
from monitor.records import SessionRecord, VerdictRecord


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled window: which recording it is of (0, 1, ...), what the judge stated, and what is right."""

    recording: int
    window: Window
    p_stated: float
    positive: bool


@dataclass(frozen=True, slots=True)
class Collected:
    """All labelled windows, in the order of recordings and time, whose they are, and what a reader should know.

    `recordings` names each recording by its content's digest, or by its session where it has none.
    """

    samples: tuple[Sample, ...]
    recordings: tuple[str, ...]
    describer: ModelIdentity
    judge: ModelIdentity
    notices: tuple[str, ...]

    @property
    def data(self) -> str:
        """SHA-256 (hex) over the labelled windows; their order does not matter."""
        rows = sorted(
            [self.recordings[one.recording], one.window.start_s, one.window.end_s, one.p_stated, one.positive]
            for one in self.samples
        )
        return json_digest(rows)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What one journal holds."""

    name: str
    session: str
    head: SessionRecord
    verdicts: tuple[VerdictRecord, ...]

    @property
    def recording(self) -> str:
        return self.head.digest or self.session

    @property
    def models(self) -> tuple[ModelIdentity, ModelIdentity]:
        return ModelIdentity.of(self.head.describer), ModelIdentity.of(self.head.judge)


def collect(paths: Sequence[Path], labels: SessionLabels) -> Collected:
    """Read journals, or folders of journals, and keep what is labelled.

    Raises:
        ConfigError: nothing is labelled, one recording is there twice, its judge cannot be calibrated, or the journals
            are of several models.
        JournalError: a journal cannot be read.
    """
    found: list[tuple[_Judged, tuple[LabelledSpan, ...]]] = []
    used: set[str] = set()
    unlabelled: list[str] = []
    for path in _files(paths):
        judged = _read(path)
        names = [name for name in _names(judged, path) if name in labels.spans]
        if names:
            found.append((judged, labels.spans[names[0]]))
            used.add(names[0])
        else:
            unlabelled.append(judged.name)
    if not found:
        raise ConfigError(f"{labels.name}: labels none of the {len(unlabelled)} journals; name recordings as they do")
    _refuse_twice([judged for judged, _ in found])
    describer, judge = _models([judged for judged, _ in found])
    samples, stood_in = [], 0
    for number, (judged, spans) in enumerate(found):
        for verdict in judged.verdicts:
            p_positive = verdict.p_stated if verdict.calibrated else verdict.p_positive
            label = label_of(verdict.window, spans)
            if p_positive is None or label is None:
                continue
            if verdict.describer != describer.name:
                stood_in += 1
                continue
            samples.append(Sample(number, verdict.window, p_positive, label))
    missing = [printable(name) for name in labels.spans if name not in used]
    notices = [
        *([f"no label for {_listed(unlabelled)}: left out"] if unlabelled else []),
        *([f"no journal for {_listed(missing)}: its labels count for nothing"] if missing else []),
        *([f"{stood_in} windows that another describer stood in for: left out"] if stood_in else []),
    ]
    recordings = tuple(judged.recording for judged, _ in found)
    return Collected(tuple(samples), recordings, describer, judge, tuple(notices))


def in_order(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The local windows of each recording one after the other; of a recording without any, those over the whole."""
    by_recording: dict[int, list[Sample]] = {}
    for one in samples:
        by_recording.setdefault(one.recording, []).append(one)
    return [
        sorted([one for one in each if one.window.cadence is Cadence.LOCAL] or each, key=lambda one: one.window.end_s)
        for each in by_recording.values()
    ]


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{printable(str(paths[0]), 120)}: no journal (*.jsonl) in it")
    return list(dict.fromkeys(files))


def _read(path: Path) -> _Judged:
    name = printable(path.name, 120)
    entries = list(read_journal(path))
    if not entries or not isinstance(entries[0].record, SessionRecord):
        raise JournalError(f"journal {name} has no session in its first line: run the recording again")
    verdicts = tuple(entry.record for entry in entries if isinstance(entry.record, VerdictRecord))
    return _Judged(name, entries[0].session, entries[0].record, verdicts)


def _names(judged: _Judged, path: Path) -> tuple[str, ...]:
    """What a row of labels may call the recording."""
    source = judged.head.source
    return source, Path(source).name, Path(source).stem, path.stem


def _refuse_twice(found: Sequence[_Judged]) -> None:
    first: dict[str, str] = {}
    for judged in found:
        if judged.recording in first:
            other = first[judged.recording]
            raise ConfigError(f"{other} and {judged.name} are of one recording, which would count twice: give one")
        first[judged.recording] = judged.name


def _models(found: Sequence[_Judged]) -> tuple[ModelIdentity, ModelIdentity]:
    for judged in found:
        judge = judged.head.judge
        if judge.temper is not None:
            raise ConfigError(
                f"{judged.name}: the judge {judge.name} is not calibrated, because its probabilities are bounded by "
                "published evidence instead of stated by a model; judge with a model"
            )
        if not judge.fingerprint:
            raise ConfigError(f"{judged.name}: does not say which model judged; run the recording again")
    several = list(dict.fromkeys(judged.models for judged in found))
    if len(several) > 1:
        told = "; ".join(f"{describer} with {judge}" for describer, judge in several)
        raise ConfigError(f"the journals are of {len(several)} pairs of models, calibrate them one by one: {told}")
    return several[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
