"""What a face detector is: something that says where faces may be in one picture, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from buffers.picture import Picture
from buffers.records import Box


@dataclass(frozen=True, slots=True)
class Detection:
    """One possible face. `score` is 0-1 on CenterFace's scale: 0.5 is a face, 0.15 a face where one was just seen."""

    box: Box
    score: float


class FaceDetector(Protocol):
    """A face detector. Called from one thread at a time; keeps nothing of the picture."""

    @property
    def name(self) -> str:
        """Short name for messages and benchmarks."""

    def detect(self, picture: Picture) -> list[Detection]:
        """Every box with any evidence of a face, in pixels of the picture, weak ones too; best first.

        May raise anything: the caller is the guard, and takes that for "no answer", never for "no face".
        """

    def close(self) -> None:
        """Release the model; safe to call twice."""
