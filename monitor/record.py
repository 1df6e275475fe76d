"""What every record of the journal is: a line of JSON with a session, a number, a kind and a media time."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Final

from pydantic import ConfigDict

SCHEMA: Final = 1
"""Version of the lines. Fields and kinds may be added within a version; nothing is renamed, removed or changed."""

DIGITS: Final = 6
"""Decimals of every number: microseconds, and far finer than any probability here; equal runs give equal bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every record has: the latest media time it speaks of, in seconds since the session's epoch."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(use_attribute_docstrings=True)

    media_s: float

    def to_line(self, session: str, seq: int) -> str:
        """The record as one JSON object without a line end, keys in the order of the fields.

        Raises:
            ValueError: A number is infinite or not a number.
        """
        own = _object(self)
        line = {"schema": SCHEMA, "session": session, "seq": seq, "kind": own.pop("kind"), **own}
        return json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _object(value: object) -> dict[str, Any]:
    """A dataclass as plain JSON values, fields in order."""
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(float(value), DIGITS) + 0.0  # adding 0 turns -0.0 into 0.0
    if isinstance(value, str):
        # A model can send half a surrogate pair, which no UTF-8 file can hold.
        return str(value).encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _object(value) if is_dataclass(value) else value
