"""What passes between features, scorers and the segmenter: how strongly each family of body language shows now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from buffers.records import Group
from streams.nfbl.features.types import Features
from streams.nfbl.landmarks import Side


class Family(StrEnum):
    """Kinds of movement that are followed apart from each other; one contact, one episode, one event."""

    TOUCH = "touch"
    """A hand at the head, face or neck; one for each hand."""
    CHEST = "chest"
    """A hand at the collar, the notch or the clothes of the chest; one for each hand."""
    FOLD = "fold"
    """Folded arms."""
    ARM = "arm"
    """A hand on the other arm; one for each hand."""
    AKIMBO = "akimbo"
    """A hand on the hip; one for each hand."""
    TOGETHER = "together"
    """Both hands at each other."""
    SHRUG = "shrug"
    """Raised shoulders."""
    TORSO = "torso"
    """A moved trunk."""
    HEAD_UP = "head-up"
    """A raised head."""
    ILLUSTRATIVE = "illustrative"
    """Hands that move freely, mostly while speaking. Not an NFBL."""
    MODEL = "model"
    """What a trained model says of a group; one for each side it tells apart."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One family on one side at one time.

    `activation` is 0-1, how far the rule is fulfilled. `votes` are class ids with weights of 0 and up: what kind it
    looks like now; they are summed over the episode. `quality` is 0-1, how well the landmarks it rests on were seen.
    """

    group: Group
    family: Family
    side: Side
    activation: float
    votes: tuple[tuple[str, float], ...]
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What one scorer sees: the signals that are not zero, and the groups it could not judge, with a short reason."""

    signals: tuple[Signal, ...] = ()
    blind: Mapping[Group, str] = field(default_factory=dict)


class Scorer(Protocol):
    """The rules of one group. May remember; is told of every tick in order of time."""

    def look(self, features: Features) -> Sight:
        """What shows now."""

    def reset(self) -> None:
        """Forget: what comes next is another shot or person."""
