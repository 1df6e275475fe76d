"""What passes between the watched person and the landmark engine: a view of a raw frame in, coordinates out.

A `View` holds raw pixels and stays in memory, inside `streams/`; a `Body` holds none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import Box

Points = NDArray[np.float32]

POSE_POINTS: Final = 33
"""Points of a body, in BlazePose's order (Bazarevsky et al., arXiv 2006.10204)."""

HAND_POINTS: Final = 21
"""Points of a hand: the wrist, then four for each finger, thumb first (Zhang et al., arXiv 2006.10214)."""

MESH_POINTS: Final = 468
"""Points of a face mesh, in MediaPipe's canonical order (Kartynnik et al., arXiv 1907.06724)."""


class Side(StrEnum):
    """The person's own left or right, not the picture's."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"
    NONE = "none"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The part of one raw frame that the engine looks at, scaled down.

    A point (x, y) of the view lies at (x0 + x * scale, y0 + y * scale) in the frame. `face` is the watched face in
    pixels of the frame, None where it is hidden just now; `person` numbers the watched person. `pose` asks for the
    body too, not the hands and the face alone. `fresh`: the view shows something else than the one before (a cut,
    another person, another crop), so nothing may be carried over.
    """

    t_s: float
    picture: Picture
    x0: float
    y0: float
    scale: float
    frame_width_px: int
    frame_height_px: int
    person: int
    face: Box | None
    pose: bool = True
    fresh: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """One hand: `points` float32[21, 2] in pixels of the frame; `score` 0-1 is how sure the engine is of `side`."""

    points: Points
    side: Side
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What the engine says of one view, in pixels of the raw frame; points may lie beyond its edges.

    `pose` is float32[33, 3] (x, y, visibility 0-1), None where no body was found or none was asked for (`looked_at`
    tells which). `hands` are all that were found in the view, whoever's they are. `mesh` is float32[468, 2] of the
    watched face, None where `mesh_score` (0-1) is too low.
    """

    t_s: float
    width_px: int
    height_px: int
    person: int
    face: Box | None
    pose: Points | None
    looked_at: bool
    hands: tuple[Hand, ...]
    mesh: Points | None
    mesh_score: float
    fresh: bool = False


class LandmarkEngine(Protocol):
    """Finds the landmarks of the watched person. Called from one thread at a time, in order of time."""

    @property
    def name(self) -> str:
        """Short name for records and messages."""

    def landmarks(self, view: View) -> Body:
        """Everything found in the view. May raise anything: the caller takes that for an engine that is lost."""

    def close(self) -> None:
        """Release the models; safe to call twice."""
