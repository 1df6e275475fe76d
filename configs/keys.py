"""The settings as a flat list of dotted keys: what each may be, its default and its meaning, in plain words.

Derived from the types in `configs/settings.py`, so that messages and the reference can never disagree with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from configs.settings import Settings

Schema = Mapping[str, Any]  # One node of a JSON schema: the one place where its nature is a dict.

_WORDS: Final = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `allowed` completes "must be ..."; `choices` are its names where it has a closed list."""

    name: str
    allowed: str
    choices: tuple[str, ...]
    default: object
    meaning: str


@dataclass(frozen=True, slots=True)
class SectionInfo:
    """One section: its name ("" for the top level), its meaning and its keys in the order of the code."""

    name: str
    meaning: str
    keys: tuple[Key, ...]


@cache
def sections() -> tuple[SectionInfo, ...]:
    """All sections in the order of the code, the top-level keys last."""
    schema = Settings.model_json_schema()
    top, inner = _parted(schema, schema, "")
    return (*inner, SectionInfo("", "What runs, and whether it can be repeated.", top))


@cache
def keys() -> Mapping[str, Key]:
    """Every dotted key."""
    return {key.name: key for section in sections() for key in section.keys}


def plain(value: object) -> str:
    """A value as it is written in a profile."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parted(schema: Schema, node: Schema, prefix: str) -> tuple[tuple[Key, ...], list[SectionInfo]]:
    """The keys of one section itself, and the sections inside it in the order of the code."""
    own: list[Key] = []
    inner: list[SectionInfo] = []
    for word, child in node["properties"].items():
        name, resolved = f"{prefix}{word}", _resolve(schema, child)
        if "properties" not in resolved:
            own.append(_key(schema, name, child))
            continue
        found, deeper = _parted(schema, resolved, f"{name}.")
        if found:
            meaning = child.get("description") or resolved.get("description", "")
            inner.append(SectionInfo(name, _one_line(meaning), found))
        inner += deeper
    return tuple(own), inner


def _key(schema: Schema, name: str, node: Schema) -> Key:
    resolved = _resolve(schema, node)
    choices = tuple(resolved.get("enum", ())) or ((resolved["const"],) if "const" in resolved else ())
    return Key(name, _allowed(schema, node), choices, node["default"], _one_line(node.get("description", "")))


def _allowed(schema: Schema, node: Schema) -> str:
    node = _resolve(schema, node)
    if "anyOf" in node:
        return ", or ".join(_allowed(schema, option) for option in node["anyOf"])
    if "enum" in node:
        return "one of " + ", ".join(node["enum"])
    if "const" in node:
        return f"{node['const']} (the only one so far)"
    if node["type"] == "array":
        if "minItems" in node:
            return f"{node['minItems']} numbers, [low, high]"
        choices = _resolve(schema, node["items"]).get("enum")
        return f"a list of any of {', '.join(choices)}" if choices else "a list of text, [one, two]"
    return node.get("allowed") or _WORDS[node["type"]] + _bounds(node)


def _bounds(node: Schema) -> str:
    low, above, high, below = (
        node.get(bound) for bound in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    )
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    parts = [
        f"{words} {bound:g}"
        for words, bound in (("of at least", low), ("above", above), ("at most", high), ("below", below))
        if bound is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _resolve(schema: Schema, node: Schema) -> Schema:
    reference = node.get("$ref")
    return node if reference is None else schema["$defs"][reference.removeprefix("#/$defs/")]


def _one_line(text: str) -> str:
    return " ".join(text.split())
