"""Recorded answers of the models in one file, so that a run can be repeated without them, byte for byte.

JSON lines, one file for both stages: a first line with what answered, then one line an answer, found again by a key
made of everything the model was asked. It holds words and numbers, never a picture or a sound; the words are as
personal as a journal's.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from buffers.evidence import Evidence
from configs.digest import json_digest
from configs.disk import append_whole, remedy
from configs.errors import ConfigError, ModelUnavailable, RecordingError
from configs.settings import Settings
from configs.yamlfile import printable
from monitor.describers.base import Description, ModelInfo
from monitor.evidence import evidence_digest
from monitor.judges.base import Memory, Verdict

FORMAT: Final = "emotion-monitor cassette"
VERSION: Final = 1

_STRICT: Final = ConfigDict(strict=True, extra="forbid")


class Mode(StrEnum):
    """What a cassette is for."""

    REPLAY = "replay"
    """No model is asked; what is not there abstains."""
    RECORD = "record"
    """Every answer is asked for and written down; the first one replaces what the file held."""
    FILL = "fill"
    """Only what is missing is asked for, and added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The first line: which models answered."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    format: Literal["emotion-monitor cassette"] = FORMAT
    version: Literal[1] = VERSION
    describer: ModelInfo
    judge: ModelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """One description."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    stage: Literal["describer"] = "describer"
    key: str
    answer: Description


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One verdict."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    stage: Literal["judge"] = "judge"
    key: str
    answer: Verdict


_HEADER: Final[TypeAdapter[_Header]] = TypeAdapter(_Header)
_ANSWER: Final[TypeAdapter[_Described | _Judged]] = TypeAdapter(
    Annotated[_Described | _Judged, Field(discriminator="stage")]
)


def description_key(evidence: Evidence, describer: ModelInfo) -> str:
    """SHA-256 (hex) of all that a description depends on: the evidence, and who is asked in which way."""
    return json_digest([evidence_digest(evidence), describer.fingerprint])


def verdict_key(description: Description, evidence: Evidence, memory: Memory, judge: ModelInfo) -> str:
    """SHA-256 (hex) of all that a verdict depends on: what was described by whom, of what, after what, who is asked."""
    told = [description.text, description.insufficient, description.describer]
    return json_digest([told, evidence_digest(evidence), asdict(memory), judge.fingerprint])


class Cassette:
    """A file of answers, read at once and, unless it is only replayed, locked and added to.

    A torn last line, as a killed process leaves it, is cut off. Of two answers to one question the later counts.
    Used from one thread.
    """

    def __init__(self, path: Path, mode: Mode) -> None:
        """Open the file; a new one belongs to its user alone (0600).

        Raises:
            ConfigError: there is nothing to replay, or the file is no cassette, is damaged, in use or out of reach.
        """
        self.mode = mode
        self.path = path
        self._name = f"cassette {printable(path.name, 120)}"
        self._header: _Header | None = None
        self._descriptions: dict[str, Description] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._end = 0
        self._file: int | None = None
        try:
            self._file = _open(path, mode)
            self._claim(self._file)
        except FileNotFoundError as error:
            raise ConfigError(f"{self._name} is not there: record it with cassette.mode=record") from error
        except OSError as error:
            self.close()
            raise ConfigError(f"{self._name}: {error.strerror or error}: check the path and its permissions") from error
        except ConfigError:
            self.close()
            raise

    @property
    def describer(self) -> ModelInfo | None:
        """The describer whose answers it holds, None while it holds nothing."""
        return None if self._header is None else self._header.describer

    @property
    def judge(self) -> ModelInfo | None:
        """The judge whose answers it holds, None while it holds nothing."""
        return None if self._header is None else self._header.judge

    def __len__(self) -> int:
        """Answers of both stages."""
        return len(self._descriptions) + len(self._verdicts)

    def description(self, key: str) -> Description | None:
        """The recorded description, None where there is none."""
        return self._descriptions.get(key)

    def verdict(self, key: str) -> Verdict | None:
        """The recorded verdict, None where there is none."""
        return self._verdicts.get(key)

    def begin(self, describer: ModelInfo, judge: ModelInfo) -> None:
        """Say who answers, before the first answer; with it a recording takes the place of what the file held.

        Raises:
            RecordingError: the file cannot be written.
        """
        assert self._header is None, "a cassette begins once"
        self._header = header = _Header(describer=describer, judge=judge)
        self._write(asdict(header))

    def add_description(self, key: str, answer: Description) -> Description:
        """Keep a description and return it as it will be replayed; raises `RecordingError` if it cannot be written."""
        answer = replace(answer, text=_sound(answer.text), note=None if answer.note is None else _sound(answer.note))
        self._write(asdict(_Described(key=key, answer=answer)))
        self._descriptions[key] = answer
        return answer

    def add_verdict(self, key: str, answer: Verdict) -> Verdict:
        """Keep a verdict and return it as it will be replayed; raises `RecordingError` if it cannot be written."""
        raw = None if answer.raw is None else _sound(answer.raw)
        answer = replace(answer, rationale=_sound(answer.rationale), raw=raw)
        self._write(asdict(_Judged(key=key, answer=answer)))
        self._verdicts[key] = answer
        return answer

    def missing(self) -> ModelUnavailable:
        """The error for a question whose answer was never recorded."""
        return ModelUnavailable(
            f"no recorded answer for this window: {self._name} was made with other evidence or settings; "
            "record it again, or add what is missing with cassette.mode=fill"
        )

    def other(self, stage: str, recorded: ModelInfo, now: ModelInfo) -> ConfigError:
        """The error for a model that is not the one whose answers the file holds."""
        return ConfigError(
            f"{self._name} holds answers of {stage} {recorded.identity}, but {now.identity} would answer now: "
            "ask the same model in the same way (a server that is away counts as another), or choose another file"
        )

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _claim(self, file: int) -> None:
        """Lock the file and read it; ConfigError when it holds something else."""
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ConfigError(f"{self._name} is no ordinary file: give the path of a file")
        if self.mode is not Mode.REPLAY:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(f"{self._name} is being written by another session: choose another file") from error
        whole = self._read()
        if self.mode is Mode.REPLAY and self._header is None:
            raise ConfigError(f"{self._name} holds no answers: record it with cassette.mode=record")
        if self.mode is Mode.RECORD:
            # The old answers stay on the disk until the first new one: a model that fails to start costs nothing.
            self._header = None
            self._descriptions.clear()
            self._verdicts.clear()
        elif self.mode is Mode.FILL:
            os.ftruncate(file, whole)
            self._end = whole

    def _read(self) -> int:
        """Take in all whole lines; returns the bytes they are. When recording, the first line is all that matters."""
        whole = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    if number == 1 and not line.startswith(b'{"format":'):
                        raise self._no_cassette()
                    break
                if number > 1 and self.mode is Mode.RECORD:
                    break
                self._take(number, line)
                whole += len(line)
        return whole

    def _take(self, number: int, line: bytes) -> None:
        try:
            if number == 1:
                self._header = _HEADER.validate_json(line)
                return
            answered = _ANSWER.validate_json(line)
        except ValidationError as error:
            if number == 1:
                raise self._no_cassette() from error
            raise ConfigError(
                f"{self._name} is damaged at line {number}: keep the {number - 1} lines before it, or record it again"
            ) from error
        if isinstance(answered, _Described):
            self._descriptions[answered.key] = answered.answer
        else:
            self._verdicts[answered.key] = answered.answer

    def _no_cassette(self) -> ConfigError:
        return ConfigError(f"{self._name} is no cassette of this version and stays as it is: choose another file")

    def _write(self, line: dict[str, object]) -> None:
        """Append one line; it has left this process when this returns."""
        if self._file is None or self.mode is Mode.REPLAY:
            raise RecordingError(f"{self._name} is not open for writing: use cassette.mode=record or fill")
        data = json.dumps(line, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            if self._end == 0:
                os.ftruncate(self._file, 0)
                os.fchmod(self._file, 0o600)
            self._end = append_whole(self._file, data, self._end)
        except OSError as error:
            raise RecordingError(f"{self._name}: {error.strerror or error}: {remedy(error)}") from error


def open_cassette(settings: Settings) -> Cassette | None:
    """The cassette that the settings name, None where they name none.

    Raises:
        ConfigError: no seed is set, or the file cannot be used.
    """
    if settings.cassette.path is None:
        return None
    if settings.seed is None:
        raise ConfigError(
            "a cassette needs --seed N: without one the altered voice is drawn at random, and no recorded answer "
            "would ever match"
        )
    return Cassette(Path(settings.cassette.path).expanduser(), Mode(settings.cassette.mode))


def _open(path: Path, mode: Mode) -> int:
    # Non-blocking, so that a pipe without a reader is refused instead of waited for.
    flags = os.O_CLOEXEC | os.O_NONBLOCK
    if mode is Mode.REPLAY:
        return os.open(path, flags | os.O_RDONLY)
    return os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o600)


def _sound(text: str) -> str:
    """A model can send half a surrogate pair, which no reader takes back; the journal does away with it too."""
    return text.encode("utf-8", "replace").decode("utf-8")
