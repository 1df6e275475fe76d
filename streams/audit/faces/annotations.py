"""Reads boxes that people drew around faces: the truth an audit is held against."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from buffers.records import Box
from configs.errors import ConfigError
from streams.sources.probe import shown_name


@dataclass(frozen=True, slots=True)
class Annotations:
    """Boxes of faces by the number of the source's frame (0 is the first decoded), in upright pixels."""

    name: str
    boxes: Mapping[int, tuple[Box, ...]]


def load_annotations(path: Path) -> Annotations:
    """Read `{"boxes": {"20": [x0, y0, x1, y1] or a list of such}}`; other keys are notes.

    Raises:
        ConfigError: the file is missing, no such JSON, or the product's own list of boxes.
    """
    name = shown_name(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{name}: cannot be read as text; name a JSON file of boxes drawn by hand") from None
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        if path.suffix == ".jsonl" or _is_trail(text):
            raise ConfigError(
                f"{name}: is what deidentify says it hid, not what there is to hide; name boxes drawn by hand"
            ) from None
        raise ConfigError(f"{name}: is not JSON; name a JSON file of boxes drawn by hand") from None
    boxes = content.get("boxes") if isinstance(content, dict) else None
    if not isinstance(boxes, dict) or not boxes:
        raise ConfigError(f'{name}: holds no boxes; it must be {{"boxes": {{"0": [x0, y0, x1, y1], ...}}}}')
    return Annotations(name, {_frame(name, key): _boxes(name, key, value) for key, value in boxes.items()})


def _is_trail(text: str) -> bool:
    """Whether each of several lines is a JSON object of its own."""
    lines = text.splitlines()
    try:
        return len(lines) > 1 and all(isinstance(json.loads(line), dict) for line in lines[:2])
    except json.JSONDecodeError:
        return False


def _frame(name: str, key: str) -> int:
    if not (key.isascii() and key.isdigit()):
        raise ConfigError(f"{name}: {key!r} is no frame number; number frames from 0 as they are decoded")
    return int(key)


def _boxes(name: str, key: str, value: object) -> tuple[Box, ...]:
    if not isinstance(value, list):
        raise _bad_box(name, key)
    several = value if value and isinstance(value[0], list) else [value] if value else []
    return tuple(_box(name, key, item) for item in several)


def _box(name: str, key: str, value: object) -> Box:
    if not isinstance(value, list) or len(value) != 4:
        raise _bad_box(name, key)
    numbers = [float(item) for item in value if isinstance(item, int | float) and not isinstance(item, bool)]
    if (
        len(numbers) != 4
        or not all(map(math.isfinite, numbers))
        or numbers[0] >= numbers[2]
        or numbers[1] >= numbers[3]
    ):
        raise _bad_box(name, key)
    return Box(*numbers)


def _bad_box(name: str, key: str) -> ConfigError:
    return ConfigError(f"{name}: frame {key} has no box; write [x0, y0, x1, y1] in pixels, x0 < x1 and y0 < y1")
