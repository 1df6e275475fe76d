"""Made-up streams for the tests of destinations: what a session hands out, without a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from buffers.evidence import StoredFrame
from buffers.records import MaskState
from monitor.journal import Journal
from monitor.outputs.base import Command, Output, Stream
from monitor.record import Record
from monitor.snapshot import OutputStatus
from tests.made_journal import SESSION


@dataclass
class MadeStream:
    """A stream with a journal of its own; `say` writes a record and tells the outputs, as a session does."""

    journal: Path
    name: str = "interview"
    session: str = SESSION
    pausable: bool = True
    obeys: bool = True
    picture: StoredFrame | None = None
    asked: list[tuple[Command, str]] = field(default_factory=list)
    told: list[OutputStatus] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file = Journal(self.journal, self.session, fsync=False)

    @property
    def stream(self) -> Stream:
        """The same as destinations see it."""
        return Stream(
            name=self.name,
            session=self.session,
            journal=self.journal,
            pausable=self.pausable,
            picture=lambda: self.picture,
            command=self._command,
            report=self.told.append,
            now=lambda: "2026-11-22T10:00:00.000Z",
        )

    def _command(self, command: Command, note: str) -> bool:
        self.asked.append((command, note))
        return self.obeys

    def say(self, *made: Record) -> list[str]:
        """Write records and tell every output of them; their lines."""
        lines = []
        for record in made:
            lines.append(self.file.append(record))
            for output in self.outputs:
                output.record(lines[-1])
        return lines


def made_picture(t_s: float = 1.0, *, grey: int = 90) -> StoredFrame:
    """A kept picture with a solid mask in its middle."""
    pixels = np.full((252, 448, 3), grey, np.uint8)
    pixels[60:160, 160:280] = 0
    _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return StoredFrame(
        t_s=t_s,
        index=int(t_s * 4),
        jpeg=jpeg.tobytes(),
        width_px=448,
        height_px=252,
        thumbnail=np.zeros((8, 8), np.uint8),
        state=MaskState.MASKED,
        masked=(),
        on_grid=False,
    )
