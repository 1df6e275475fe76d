"""The answers of one evaluation, a line each, so that what was interrupted goes on where it was.

JSON lines: a first line with what the answers depend on, then one line for each trial, handed to the operating system
before the next is asked. A line torn by a killed process is cut off; anything else that is wrong is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Literal, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from configs.errors import ConfigError, RecordingError
from configs.yamlfile import printable
from monitor.describers.base import ModelInfo
from monitor.evaluate.dataset.trials import Modality, Part, Trial
from monitor.judges.base import Label

FORMAT: Final = "emotion-monitor trials"

_STRICT: Final = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What all answers of a file depend on: the settings' digest, the program's version and both models."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    format: Literal["emotion-monitor trials"] = FORMAT
    schema: Literal[1] = 1
    version: str
    settings: str
    describer: ModelInfo
    judge: ModelInfo

    def differs(self, now: Made) -> str | None:
        """In words what is not the same as now, None where all of it is."""
        for stage in ("describer", "judge"):
            then_is, now_is = (getattr(one, stage).identity for one in (self, now))
            if then_is != now_is:
                return f"{stage} {then_is}, not {now_is}"
        if self.settings != now.settings:
            return "other settings"
        return None if self.version == now.version else f"version {self.version}, not {now.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to one trial: `source` digests the recording and its annotations, the rest is as in a verdict.

    `video`, `audio` and `nfbl` coverage are the shares 0-1 of the part for which something was shown.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    id: str
    modality: Modality
    length: int
    seed: int | None
    source: str
    start_s: float
    end_s: float
    video: float
    audio: float
    nfbl: float
    label: Label
    p_positive: float | None
    confidence: float | None
    why: str

    @property
    def trial(self) -> Trial:
        """The question it answers."""
        return Trial(self.id, self.modality, Part(self.length, self.seed))


_MADE: Final[TypeAdapter[Made]] = TypeAdapter(Made)
_RESULT: Final[TypeAdapter[Result]] = TypeAdapter(Result)


class Store:
    """The file of one evaluation, locked while it is open; it belongs to its user alone (0600)."""

    def __init__(self, path: Path, made: Made) -> None:
        """Open the file and read what it holds, or begin it.

        Raises:
            ConfigError: it was made with other models or settings, is damaged, in use, or no such file.
            RecordingError: it cannot be written.
        """
        self._name = f"{printable(path.parent.name, 80)}/{path.name}"
        self.results: dict[Trial, Result] = {}
        self._begun = False
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
        except OSError as error:
            raise self._unwritten(error) from error
        try:
            self._claim(made)
        except BaseException:
            self._file.close()
            raise

    def add(self, result: Result) -> None:
        """Write an answer down; it has left this process when this returns. Raises `RecordingError`."""
        self._write(asdict(result))
        self.results[result.trial] = result

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def _claim(self, made: Made) -> None:
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{self._name} is being written by another evaluation: name another --out") from error
        whole = 0
        for number, line in enumerate(self._file.readall().splitlines(keepends=True), start=1):
            if line.endswith(b"\n"):
                self._take(number, line, made)
                whole += len(line)
            elif number == 1 and not _MADE_BEGINS.startswith(line[: len(_MADE_BEGINS)]):
                raise ConfigError(f"{self._name} holds something else and stays as it is: name another --out")
        try:
            self._file.truncate(whole)
            self._file.seek(whole)
        except OSError as error:
            raise self._unwritten(error) from error
        if not self._begun:
            self._write(asdict(made))

    def _take(self, number: int, line: bytes, made: Made) -> None:
        try:
            if number > 1:
                result = _RESULT.validate_json(line)
                self.results[result.trial] = result
                return
            then = _MADE.validate_json(line)
        except ValidationError as error:
            if number == 1:
                raise ConfigError(
                    f"{self._name} is no file of this version and stays as it is: name another --out"
                ) from error
            raise ConfigError(
                f"{self._name} is damaged at line {number}: keep what is before it, or name another --out"
            ) from error
        self._begun = True
        changed = then.differs(made)
        if changed is not None:
            raise ConfigError(
                f"{self._name} was made with {changed}: go on with what made it, or name another --out for new figures"
            )

    def _write(self, content: dict[str, object]) -> None:
        data = json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"{self._name} cannot be written ({error.strerror}): check the disk, or name another --out"
        )


_MADE_BEGINS: Final = f'{{"format":"{FORMAT}"'.encode()
