"""A small FlatBuffers reader and writer that can put a new root in front of an old file whose bytes stay as they are.

Offsets between objects only ever point forward, and are relative. So new objects may come first and refer to old
ones behind them, and nothing that is old has to be understood or moved. (FlatBuffers binary format specification.)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_BLOCK = 16
"""Old files are placed at a multiple of this, the largest alignment that TFLite's schema asks for."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number stored inside its table; `code` is its `struct` letter, such as "I" or "B"."""

    code: str
    value: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An object of the old file, by its position there."""

    position: int


@dataclass(frozen=True, slots=True)
class Values:
    """A vector of numbers as raw bytes: `count` of them, aligned in the file to `align` bytes."""

    count: int
    data: bytes
    align: int = 4


@dataclass(frozen=True, slots=True)
class Refs:
    """A vector of objects."""

    items: Sequence[Node]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: field number to value."""

    fields: Mapping[int, Number | Node]


Node = Table | Refs | Values | Kept


def text(content: str) -> Values:
    """A string: its bytes, and a zero that is not counted."""
    raw = content.encode()
    return Values(len(raw), raw + b"\0")


def floats(*values: float) -> Values:
    """A vector of float32."""
    return Values(len(values), struct.pack(f"<{len(values)}f", *values))


def write(root: Table, identifier: bytes, *, kept: bytes = b"") -> bytes:
    """A FlatBuffers file of `root`, followed by the old file `kept` that `Kept` nodes refer into.

    Args:
        root: the root table.
        identifier: the four letters of the file's type.
        kept: the old file, unchanged from the position at which it is placed.
    """
    out = bytearray(4) + identifier
    holes: list[tuple[int, Node]] = [(0, root)]
    old: list[tuple[int, int]] = []
    # The list grows while it is walked: each object placed leaves holes for the offsets of those it refers to.
    for hole, node in holes:
        if isinstance(node, Kept):
            old.append((hole, node.position))
            continue
        position, left = _place(out, node)
        struct.pack_into("<I", out, hole, position - hole)
        holes += left
    _pad(out, _BLOCK)
    for hole, position in old:
        struct.pack_into("<I", out, hole, len(out) + position - hole)
    return bytes(out) + kept


def _place(out: bytearray, node: Table | Refs | Values) -> tuple[int, list[tuple[int, Node]]]:
    """Append one object; return its position, and the holes it leaves with what belongs into them."""
    if isinstance(node, Table):
        return _place_table(out, node)
    if isinstance(node, Refs):
        _pad(out, 4)
        position = len(out)
        out += struct.pack("<I", len(node.items)) + bytes(4 * len(node.items))
        return position, [(position + 4 + 4 * index, item) for index, item in enumerate(node.items)]
    # The count comes before the data, and it is the data that is aligned.
    _pad(out, node.align, ahead=4)
    position = len(out)
    out += struct.pack("<I", node.count) + node.data
    return position, []


def _place_table(out: bytearray, table: Table) -> tuple[int, list[tuple[int, Node]]]:
    slots = max(table.fields, default=-1) + 1
    vtable_size = 4 + 2 * slots
    _pad(out, 4, ahead=vtable_size)
    vtable = len(out)
    position = vtable + vtable_size
    body = bytearray(struct.pack("<i", vtable_size))
    places = [0] * slots
    holes: list[tuple[int, Node]] = []
    for index, value in sorted(table.fields.items()):
        code = value.code if isinstance(value, Number) else "I"
        _pad(body, struct.calcsize(f"<{code}"))
        places[index] = len(body)
        if not isinstance(value, Number):
            holes.append((position + len(body), value))
        body += struct.pack(f"<{code}", value.value if isinstance(value, Number) else 0)
    out += struct.pack(f"<{2 + slots}H", vtable_size, len(body), *places) + body
    return position, holes


def _pad(out: bytearray, align: int, *, ahead: int = 0) -> None:
    """Add zeros until what comes after the next `ahead` bytes is aligned."""
    out += bytes(-(len(out) + ahead) % align)


@dataclass(frozen=True, slots=True)
class View:
    """A table of an existing file, read in place. Missing fields are None; damaged files raise `struct.error`."""

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> View:
        """The root table of a file."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, code: str) -> int | None:
        """A number stored inside the table."""
        place = self._place(field)
        return None if place is None else int(struct.unpack_from(f"<{code}", self.data, place)[0])

    def target(self, field: int) -> int | None:
        """Position of the object that a field refers to."""
        place = self._place(field)
        return None if place is None else self._follow(place)

    def count(self, field: int) -> int:
        """Length of a vector; 0 where there is none."""
        vector = self.target(field)
        return 0 if vector is None else int(struct.unpack_from("<I", self.data, vector)[0])

    def targets(self, field: int) -> list[int]:
        """Positions of the objects in a vector of objects."""
        vector = self.target(field)
        return [] if vector is None else [self._follow(vector + 4 + 4 * index) for index in range(self.count(field))]

    def text(self, field: int) -> str | None:
        """A string."""
        place = self.target(field)
        return None if place is None else self.data[place + 4 : place + 4 + self.count(field)].decode()

    def _follow(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self.data, place)[0])

    def _place(self, field: int) -> int | None:
        vtable = self.position - int(struct.unpack_from("<i", self.data, self.position)[0])
        size = int(struct.unpack_from("<H", self.data, vtable)[0])
        if 4 + 2 * field >= size:
            return None
        offset = int(struct.unpack_from("<H", self.data, vtable + 4 + 2 * field)[0])
        return self.position + offset if offset else None
