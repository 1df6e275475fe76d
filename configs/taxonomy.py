"""The NFBL taxonomy: the classes of `nfbl.yaml` as typed values, found by exact id or name and never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from configs.errors import ConfigError
from configs.section import Section
from configs.yamlfile import Entry, Value, printable, read_entries

IMIGUE_CLIPS: Final = 18_419
"""Labelled clips of iMiGUE over which `clips` is counted."""

IMIGUE_EVENTS_PER_MIN: Final = 8.8
"""Micro-gestures per minute of iMiGUE: 18,499 annotations in 2,092 min."""


class Category(StrEnum):
    """What a class is for, in EALD's three kinds."""

    PROTECTION = "self-protection"
    MANIPULATION = "self-manipulation"
    OBJECTS = "object-manipulation"
    UNKNOWN = "unknown"


class Certainty(StrEnum):
    """How sure the category is: the paper says it, it follows, it is a guess, or nobody knows."""

    PAPER = "paper"
    INFERRED = "inferred"
    GUESS = "guess"
    UNKNOWN = "unknown"


class Grade(StrEnum):
    """How well body and hand landmarks show the class: A best, X not at all."""

    A = "A"
    B = "B"
    C = "C"
    X = "X"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way a rate above the person's own points, if any."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NONE = "none"


class Strength(StrEnum):
    """How strongly a cue is supported; no cue is more than weak to moderate."""

    WEAK_MODERATE = "weak-moderate"
    WEAK = "weak"
    VERY_WEAK = "very-weak"
    NONE = "none"

    @property
    def weight(self) -> float:
        """Share 0-1 of the full evidence of one event that a judge may use."""
        return {"weak-moderate": 1.0, "weak": 0.5, "very-weak": 0.25, "none": 0.0}[self.value]


class Cue(Section):
    """What a judge may read into a class."""

    direction: Direction = Field(strict=False)
    strength: Strength = Field(strict=False)
    basis: str


class NfblClass(Section):
    """One class of non-facial body language; the head of `nfbl.yaml` says what each field means."""

    id: Annotated[str, Field(pattern=r"^N(0|[1-9]\d*)$")]
    name: Annotated[str, Field(min_length=1)]
    aliases: tuple[str, ...] = Field(default=(), strict=False)
    imigue: Annotated[str, Field(pattern=r"^C[1-9]\d*$")] | None = None
    group: Literal["head", "arms", "hands", "posture", "illustrative"]
    category: Category = Field(strict=False)
    certainty: Certainty = Field(strict=False)
    grade: Grade = Field(strict=False)
    clips: Annotated[int, Field(ge=0)] | None = None
    median_s: Annotated[float, Field(gt=0.0)] | None = None
    cue: Cue

    @property
    def share(self) -> float | None:
        """Share 0-1 of all labelled iMiGUE clips, None where not known."""
        return None if self.clips is None else self.clips / IMIGUE_CLIPS

    @property
    def per_min(self) -> float | None:
        """Base rate in press conferences: events per minute, None where not known."""
        return None if self.share is None else self.share * IMIGUE_EVENTS_PER_MIN


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All classes in the order of the file."""

    classes: tuple[NfblClass, ...]
    labels: dict[str, NfblClass]

    def find(self, label: str) -> NfblClass | None:
        """The class with exactly that N-id, iMiGUE C-id, name or alias; None rather than a guess.

        Case, punctuation and spacing do not matter.
        """
        return self.labels.get(_normalised(label))


@cache
def taxonomy() -> Taxonomy:
    """The taxonomy that comes with the product, read once."""
    return read_taxonomy(Path(__file__).with_name("nfbl.yaml"))


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy of the form of `nfbl.yaml`.

    Raises:
        ConfigError: a class is incomplete, a field is not what it must be, or two classes share a label.
    """
    classes: list[NfblClass] = []
    labels: dict[str, NfblClass] = {}
    for class_id, entries in _by_class(path).items():
        line = entries[0].line
        found = _validated(path, class_id, entries)
        classes.append(found)
        for label in (found.id, found.imigue, found.name, *found.aliases):
            if label is None:
                continue
            other = labels.setdefault(_normalised(label), found)
            if other is not found:
                raise ConfigError(
                    f"{path.name}:{line}: {found.id} and {other.id} share the label {printable(label)!r}; rename one"
                )
    if not classes:
        raise ConfigError(f"{path.name}:1: holds no classes; expected `classes:` with one mapping for each class id")
    return Taxonomy(tuple(classes), labels)


def _by_class(path: Path) -> dict[str, list[Entry]]:
    """Entries by class id, their keys shortened to the fields; `configs/rules.py` reads the rules."""
    found: dict[str, list[Entry]] = {}
    for entry in read_entries(path, path.name):
        head, _, rest = entry.key.partition(".")
        if head == "rules":
            continue
        class_id, _, key = rest.partition(".")
        if head != "classes" or not key:
            raise ConfigError(
                f"{path.name}:{entry.line}: {printable(entry.key)} is no field of a class; put it under "
                "`classes:` and a class id"
            )
        found.setdefault(class_id, []).append(Entry(key, entry.value, entry.line))
    return found


def _validated(path: Path, class_id: str, entries: list[Entry]) -> NfblClass:
    lines = {entry.key: entry.line for entry in entries}
    fields: dict[str, Value] = {"id": class_id}
    cue: dict[str, Value] = {}
    for entry in entries:
        head, _, key = entry.key.partition(".")
        if key and head == "cue":
            cue[key] = entry.value
        else:
            fields[entry.key] = entry.value
    try:
        return NfblClass.model_validate({**fields, "cue": cue})
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"] if isinstance(part, str))
        line = lines.get(key, entries[0].line)
        where = f"{path.name}:{line}: {printable(class_id)}.{printable(key)}"
        raise ConfigError(f"{where}: {problem['msg']}; see the head of nfbl.yaml for what it may be") from error


def _normalised(label: str) -> str:
    return " ".join(re.findall(r"\w+", label.casefold()))
