"""Reads the small YAML files a person edits, strictly, and remembers the line of every value.

Stricter than PyYAML in what surprises: values follow YAML 1.2 (`off` and `no` are text, not false; `1e3` is a
number; `1:30` is no number), a key given twice is refused, and so are anchors, tags, deep nesting and large files.
It must never construct anything but plain values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from configs.errors import ConfigError

MAX_BYTES: Final = 1_000_000
"""Larger files are refused: a profile is a page of text, and parsing PyYAML's way costs about 1 s a megabyte."""

MAX_DEPTH: Final = 8
"""Deepest nesting accepted: settings are two deep; a thousand brackets would exhaust the parser's stack."""

Scalar = str | int | float | bool | None
Value = Scalar | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a file: a dotted key, what was given for it, and its line (1-based)."""

    key: str
    value: Value
    line: int


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 scalars, without anchors and without depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own contract
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        return int(self.construct_scalar(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        return float(self.construct_scalar(node))


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def read_entries(path: Path, name: str) -> tuple[Entry, ...]:
    """Read a mapping of mappings as dotted entries in the file's order.

    Lists and empty mappings are values. `name` stands for the file in messages.

    Raises:
        ConfigError: the file cannot be read, is too large, is no YAML, or breaks one of the rules above.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}; give an existing YAML file") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name} has {len(raw)} bytes: a profile may have at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    loader, node = _compose(text, lambda line: f"{name}:{line}")
    if node is None:
        return ()
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{name}:{_line(node)}: must hold keys and values (`key: value`), one a line")
    entries: list[Entry] = []
    _flatten(loader, node, "", name, entries)
    return tuple(entries)


def parse_value(text: str, name: str) -> Value:
    """Parse one value as it would be written after a key (`0.5`, `[0.4, 0.6]`, `off`); ConfigError naming `name`."""
    loader, node = _compose(text, lambda _line: name)
    return None if node is None else _construct(loader, node, name)


def printable(text: str, most: int = 80) -> str:
    """Text from outside as it may stand in a one-line message: no control characters, no more than `most` of it."""
    cut = text if len(text) <= most else text[:most] + "..."
    return cut if cut.isprintable() else ascii(cut)


def _compose(text: str, where: Callable[[int], str]) -> tuple[_Loader, yaml.Node | None]:
    try:
        loader = _Loader(text)
        return loader, loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{where(line)}: {error.problem or 'not valid YAML'}; write `key: value`") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where(1)}: not valid YAML: it holds a character that text may not have") from error


def _flatten(loader: _Loader, node: yaml.MappingNode, prefix: str, name: str, entries: list[Entry]) -> None:
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise ConfigError(f"{name}:{line}: a key must be plain text")
        key = str(key_node.value)
        dotted = f"{prefix}{key}"
        if key in seen:
            raise ConfigError(f"{name}:{line}: {printable(dotted)} is given twice, first in line {seen[key]}; keep one")
        seen[key] = line
        if isinstance(value_node, yaml.MappingNode) and value_node.value:
            _flatten(loader, value_node, f"{dotted}.", name, entries)
        else:
            entries.append(Entry(dotted, _construct(loader, value_node, f"{name}:{line}"), line))


def _construct(loader: _Loader, node: yaml.Node, where: str) -> Value:
    try:
        value: Value = loader.construct_object(node, deep=True)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: only plain values are allowed, not {node.tag}") from error
    except ValueError as error:  # Python refuses to read integers of thousands of digits.
        raise ConfigError(f"{where}: the number is too long") from error
    return value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
