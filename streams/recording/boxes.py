"""The audit trail of a de-identified recording: a line for each frame that says what was masked, and on what evidence.

It holds no picture, but where people's heads were: who keeps it should know that (see docs/boxes.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from buffers.records import Box, CleanFrame, MaskedBox, MaskOrigin, MaskState
from configs.errors import RecordingError
from streams.recording.target import Target, told
from streams.sources.probe import reason_of, shown_name

SCHEMA: Final = 1
"""Version of the lines; a reader refuses others."""

_DIGITS: Final = 2
"""Decimals of a box: a hundredth of a pixel, finer than any detector."""


@dataclass(frozen=True, slots=True)
class BoxesHeader:
    """The first line: which version of the program wrote the file, under which settings (`settings_digest`)."""

    tool: str
    settings_digest: str


@dataclass(frozen=True, slots=True)
class FrameBoxes:
    """One frame as it left: `index` counts frames of the source, `masks` are in pixels of the picture."""

    index: int
    t_s: float
    state: MaskState
    width_px: int
    height_px: int
    masks: tuple[MaskedBox, ...]


@dataclass(frozen=True, slots=True)
class Boxes:
    """A whole trail, read back."""

    header: BoxesHeader
    frames: tuple[FrameBoxes, ...]


class BoxTrail:
    """Writes a trail; the file has its name only after `finish`."""

    def __init__(self, path: Path, *, settings_digest: str) -> None:
        """Create the hidden file and write its first line.

        Raises:
            RecordingError: no file of that name can be made there.
        """
        self._target = Target(path)
        header = _Header(
            schema=SCHEMA, tool=f"emotion-monitor {version('emotion-monitor')}", settings_digest=settings_digest
        )
        try:
            self._write(header)
        except BaseException:
            self.abandon()
            raise

    def frame(self, frame: CleanFrame) -> None:
        """Write the line of one frame.

        Raises:
            RecordingError: the disk is full; call `abandon`.
        """
        picture = frame.picture
        self._write(
            _Frame(
                index=frame.index,
                t_s=round(frame.t_s, 6),
                state=frame.state,
                width_px=picture.width_px,
                height_px=picture.height_px,
                masks=tuple(_mask(mask) for mask in frame.masked),
            )
        )

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            RecordingError: the disk is full or the name cannot be given; nothing is left behind.
        """
        self._target.finish()

    def abandon(self) -> None:
        """Close and delete the unfinished file; safe to call twice, and after `finish`."""
        self._target.abandon()

    def _write(self, line: _Line) -> None:
        with told(self._target.path):
            self._target.file.write(line.model_dump_json(by_alias=True).encode() + b"\n")


def read_boxes(path: Path) -> Boxes:
    """Read a trail back.

    Raises:
        RecordingError: the file cannot be read, is no trail or another version's, or is damaged at a line.
    """
    name = shown_name(path)
    try:
        lines = _lines(path, name)
        header = next(lines, None)
        if not isinstance(header, _Header):
            raise RecordingError(f"{name}: is empty; write it again with deidentify --boxes")
        frames = tuple(_frame(line) for line in lines if isinstance(line, _Frame))
    except OSError as error:
        raise RecordingError(
            f"{name}: cannot be read ({reason_of(error)}); check the path and its permissions"
        ) from None
    return Boxes(BoxesHeader(header.tool, header.settings_digest), frames)


class _Line(BaseModel):
    """What all lines have in common: nothing unknown, nothing changed, no numbers that JSON has not."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class _Header(_Line):
    """The first line."""

    schema_: Literal[1] = Field(alias="schema", default=SCHEMA)
    tool: str
    settings_digest: str


class _Mask(_Line):
    """One mask of a frame: `box` is x0, y0, x1, y1 in pixels."""

    box: tuple[float, float, float, float]
    origin: MaskOrigin
    track: int | None
    score: Annotated[float, Field(ge=0, le=1)] | None


class _Frame(_Line):
    """Every other line."""

    index: Annotated[int, Field(ge=0)]
    t_s: float
    state: MaskState
    width_px: Annotated[int, Field(ge=1)]
    height_px: Annotated[int, Field(ge=1)]
    masks: tuple[_Mask, ...]


def _mask(mask: MaskedBox) -> _Mask:
    box = mask.box
    corners = (round(box.x0, _DIGITS), round(box.y0, _DIGITS), round(box.x1, _DIGITS), round(box.y1, _DIGITS))
    score = None if mask.score is None else round(mask.score, 4)
    return _Mask(box=corners, origin=mask.origin, track=mask.track, score=score)


def _frame(line: _Frame) -> FrameBoxes:
    masks = tuple(MaskedBox(Box(*mask.box), mask.origin, mask.track, mask.score) for mask in line.masks)
    return FrameBoxes(line.index, line.t_s, line.state, line.width_px, line.height_px, masks)


def _lines(path: Path, name: str) -> Iterator[_Line]:
    """Header first, then frames; one error line for whatever is wrong with one of them."""
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            try:
                yield (_Header if number == 1 else _Frame).model_validate_json(data)
            except ValidationError as error:
                raise RecordingError(f"{name}: {_said(number, data, error)}") from None


def _said(number: int, data: bytes, error: ValidationError) -> str:
    """What is wrong with a line, and the remedy."""
    if number == 1:
        try:
            schema = json.loads(data)["schema"]
        except (ValueError, KeyError, TypeError):
            return "is no list of boxes; name a file that deidentify --boxes wrote"
        if schema != SCHEMA:
            return f"has schema {schema}, this version reads {SCHEMA}; write it again with deidentify --boxes"
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = f"{where}: {problem['msg']}" if where else str(problem["msg"])
    return f"line {number} is damaged ({what}); write it again with deidentify --boxes"
