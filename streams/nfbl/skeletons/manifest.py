"""What a skeleton model says of itself: the `manifest.yaml` beside its ONNX file, read strictly and never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from buffers.records import Group
from configs.errors import ConfigError
from configs.section import Section, Share
from configs.taxonomy import taxonomy
from configs.yamlfile import Value, printable, read_entries
from streams.nfbl.landmarks import Side
from streams.nfbl.skeletons.joints import JOINTS

FILE: Final = "manifest.yaml"

LONGEST_WINDOW_S: Final = 30.0
"""99 % of micro-gestures last less than 18 s (iMiGUE): a longer window is a mistake in `rate_hz` or `frames`."""

HELP: Final = "docs/nfbl-models.md says what it may be"

Text = Annotated[str, Field(min_length=1, max_length=500)]


class Layout(StrEnum):
    """Order of the input's axes: batch N, channels C, frames T, joints V, people M."""

    NCTV = "NCTV"
    NTVC = "NTVC"
    NCTVM = "NCTVM"
    """ST-GCN's own order."""
    NMTVC = "NMTVC"
    """The order of pyskl's graph networks."""


class Centre(StrEnum):
    """The point that becomes (0, 0)."""

    MID_SHOULDERS = "mid-shoulders"
    NOSE = "nose"
    PICTURE = "picture"
    NONE = "none"


class Span(StrEnum):
    """Over what the centre is taken: each frame's own keeps the trunk still, the window's lets it move."""

    FRAME = "frame"
    WINDOW = "window"


class Scale(StrEnum):
    """The length that becomes 1."""

    SHOULDER_WIDTH = "shoulder-width"
    """The median of the window."""
    PICTURE = "picture"
    """x by the width, y by the height."""
    HALF_PICTURE = "half-picture"
    """x by half the width, y by half the height: pyskl's and MMAction's PreNormalize2D."""
    NONE = "none"


class Values(StrEnum):
    """What the output's numbers are."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"


class Labels(StrEnum):
    """Whether exactly one output is true at a time, or any number of them."""

    SINGLE = "single"
    MULTI = "multi"


@dataclass(frozen=True, slots=True)
class Kind:
    """What one output stands for: a class of the taxonomy, its group, and the side if the model tells sides."""

    class_id: str
    group: Group
    side: Side


def _known_joint(name: str) -> str:
    if name not in JOINTS:
        raise ValueError(f"{printable(name)!r} is no joint")
    return name


def _bare(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"{printable(name)!r} is no plain file name")
    return name


def _known_class(label: str | None) -> str | None:
    if label is not None:
        kind_of(label)
    return label


def kind_of(label: str) -> Kind:
    """The class a manifest names: an id or name of the taxonomy, perhaps with `left`, `right` or `both` behind it.

    Raises:
        ValueError: the taxonomy has no such class.
    """
    head, _, last = label.rpartition(" ")
    sided = bool(head) and last in (Side.LEFT, Side.RIGHT, Side.BOTH)
    found = taxonomy().find(head if sided else label)
    if found is None:
        raise ValueError(f"{printable(label)!r} is no class of the taxonomy")
    return Kind(found.id, Group(found.group), Side(last) if sided else Side.NONE)


class ModelPart(Section):
    """The network's file."""

    file: Annotated[Text, AfterValidator(_bare)]
    """Its name, beside the manifest."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the file."""


class InputPart(Section):
    """What goes into the network."""

    name: Text
    """The input's name in the graph."""
    layout: Layout = Field(strict=False)
    """Order of its axes."""
    people: Annotated[int, Field(ge=1, le=4)] = 1
    """Length of the axis M; the watched person is the first, the others are zero."""
    confidence: bool
    """Whether the score of a joint is the third channel."""
    rate_hz: Annotated[float, Field(ge=1.0, le=60.0)]
    """Frames a second."""
    frames: Annotated[int, Field(ge=2, le=1000)]
    """Frames of a window."""
    stride_s: Annotated[float, Field(ge=0.1, le=5.0)]
    """Media time from one run to the next (s)."""
    centre: Centre = Field(strict=False)
    """What becomes the origin."""
    centre_over: Span = Field(default=Span.WINDOW, strict=False)
    """Over what the centre is taken."""
    scale: Scale = Field(strict=False)
    """What becomes 1."""
    least_score: Share = 0.5
    """A joint scored lower is given as missing (zeros)."""

    @property
    def window_s(self) -> float:
        """Media time from a window's first frame to its last (s)."""
        return (self.frames - 1) / self.rate_hz

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.window_s > LONGEST_WINDOW_S:
            raise ValueError(f"{self.frames} frames at {self.rate_hz:g} Hz are more than {LONGEST_WINDOW_S:g} s")
        if self.people > 1 and "M" not in self.layout:
            raise ValueError(f"layout {self.layout} has no axis for {self.people} people")
        return self


class OutputPart(Section):
    """What comes out of the network."""

    name: Text
    """The output's name in the graph."""
    values: Values = Field(strict=False)
    """What its numbers are."""
    labels: Labels = Field(strict=False)
    """One at a time, or any number."""
    classes: Annotated[tuple[Annotated[str | None, AfterValidator(_known_class)], ...], Field(min_length=1)] = Field(
        strict=False
    )
    """What each number stands for, in order; null for nothing or for what is not ours."""

    @property
    def kinds(self) -> tuple[Kind | None, ...]:
        """The classes, parsed."""
        return tuple(None if label is None else kind_of(label) for label in self.classes)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if all(label is None for label in self.classes):
            raise ValueError("classes: none of them is in the taxonomy")
        if self.labels is Labels.SINGLE and None not in self.classes:
            # Probabilities that add up to 1 over gestures alone say "a gesture" at every moment of a session.
            raise ValueError("classes: a single-label model needs a null, the output for no gesture at all")
        return self


class Manifest(Section):
    """The whole manifest."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    """Names the model in records: events say `model:NAME`."""
    version: Text
    """The model's version."""
    licence: Text
    """On what terms the weights may be used."""
    source: Text
    """Who made it, on which data; a citation."""
    model: ModelPart
    """The file."""
    input: InputPart
    """What goes in."""
    joints: Annotated[tuple[Annotated[str, AfterValidator(_known_joint)], ...], Field(min_length=1)] = Field(
        strict=False
    )
    """Joints in the model's order."""
    output: OutputPart
    """What comes out."""

    @model_validator(mode="after")
    def _joints_are_unique(self) -> Self:
        for joint in self.joints:
            if self.joints.count(joint) > 1:
                raise ValueError(f"joints: {joint} is listed twice")
        return self


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.yaml` of a model's folder.

    Raises:
        ConfigError: it is missing or incomplete, or a value is not what it must be; the message names the line.
    """
    name = printable(str(folder / FILE), 300)
    if not folder.is_dir():
        raise ConfigError(f"{printable(str(folder), 300)} is no folder: nfbl.model takes one with a {FILE} in it")
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for entry in read_entries(folder / FILE, name):
        lines[entry.key] = entry.line
        *sections, key = entry.key.split(".")
        inner = values
        for section in sections:
            lines.setdefault(section, entry.line)
            below = inner.setdefault(section, {})
            if not isinstance(below, dict):
                raise ConfigError(f"{name}:{entry.line}: {printable(section)} is a value and a section; {HELP}")
            inner = below
        inner[key] = entry.value
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{_problem(name, error, lines)}; {HELP}") from error


def _problem(name: str, error: ValidationError, lines: dict[str, int]) -> str:
    """The first thing that is wrong, with its line where the file has one."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"] if isinstance(part, str)]
    key = ".".join(place)
    line = lines.get(key) or (lines.get(place[0]) if place else None)
    message = problem["msg"].removeprefix("Value error, ")
    where = name if line is None else f"{name}:{line}"
    return f"{where}: {printable(key)}: {message}" if key else f"{where}: {message}"
