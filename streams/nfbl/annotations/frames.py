"""The labels of iMiGUE, MiGA and SMG: `id,start_frame,end_frame`, with or without a first line that says so.

Neither the number of the first class nor the rate of the video is in the file, so both must be declared: a guess of
either would move every event or rename it. Frames are counted from 0; a file that counts from 1 is off by one frame.
"""

from __future__ import annotations

import re
from typing import Final

from configs.yamlfile import printable
from streams.nfbl.annotations.declaration import Format
from streams.nfbl.annotations.document import Document
from streams.nfbl.annotations.rows import Annotations, Rows
from streams.nfbl.annotations.table import read_table

HEADER: Final = ("id", "start_frame", "end_frame")

MAX_FRAME: Final = 10**9

_COUNT: Final = re.compile(r"[0-9]{1,12}")


def is_frames(cells: list[str]) -> bool:
    """Whether the first row of a table is one of this format."""
    if len(cells) != len(HEADER):
        return False
    return tuple(cell.casefold() for cell in cells) == HEADER or all(_COUNT.fullmatch(cell) for cell in cells)


def read(document: Document) -> Annotations:
    """Read the frames as seconds at the declared rate; a row ends with its end frame.

    Raises:
        ConfigError: `fps` or `base` is not declared, or a row is no three counts.
    """
    fps, base = document.declaration.fps, document.declaration.base
    missing = [name for name, value in (("fps", fps), ("base", base)) if value is None]
    if fps is None or base is None:
        problem = f"a table of frames does not say its {' and '.join(missing)}; declare nfbl.annotations=fps=25,base=1"
        raise document.error(None, f"{problem} (base: the number of the first class, turtle neck)")
    lines = read_table(document).lines
    if tuple(cell.casefold() for cell in lines[0].cells[: len(HEADER)]) == HEADER:
        lines = lines[1:]
    rows = Rows(document)
    for line in lines:
        if len(line.cells) != len(HEADER) or not all(_COUNT.fullmatch(cell) for cell in line.cells):
            there = printable(",".join(line.cells), 60)
            raise document.error(line.number, f"{there!r} is no frame row; expected id,start_frame,end_frame as counts")
        label, start, end = line.cells
        if int(end) > MAX_FRAME or int(start) > MAX_FRAME:
            raise document.error(line.number, f"a frame is above {MAX_FRAME}; expected frames of one video")
        rows.add(line.number, int(start) / fps, int(end) / fps, label)
    return Annotations(Format.FRAMES, rows.all(), base)
