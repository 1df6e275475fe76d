"""Finds JSON objects in a reply, also as models write them: in fences, with single quotes or commas too many.

Only the way of writing is mended. A key given twice, a number that is none and an object without end stay errors.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final


class Unusable(ValueError):
    """A reply is no answer; its text says why in a few words of our own, never the model's."""


# The last part takes an escape outside of a string: without it a thousand of them would each begin a string in vain.
_STRING: Final = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\."
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_TOKENS: Final = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
_CONSTANT: Final = re.compile(r"\b(?:True|False|None)\b")
_CONSTANTS: Final = {"True": "true", "False": "false", "None": "null"}
_COMMA_TOO_MANY: Final = re.compile(r",\s*([}\]])")


def find_objects(text: str) -> list[str]:
    """The outermost {...} of a text, in order; Unusable where one does not end."""
    found: list[str] = []
    start = text.find("{")
    while start >= 0:
        end = _end(text, start)
        found.append(text[start:end])
        start = text.find("{", end)
    return found


def load_object(source: str) -> tuple[dict[str, Any], bool]:
    """The fields of one object, and whether its way of writing had to be mended; Unusable where that does not help."""
    try:
        return _load(source), False
    except json.JSONDecodeError:
        pass
    try:
        return _load(_mended(source)), True
    except json.JSONDecodeError as error:
        raise Unusable("it is no JSON that can be read") from error


def _end(text: str, start: int) -> int:
    depth = 0
    for match in _TOKENS.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if not depth:
            return match.end()
    raise Unusable("its JSON does not end")


def _load(source: str) -> dict[str, Any]:
    try:
        loaded = json.loads(source, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_integer)
    except RecursionError as error:
        raise Unusable("its JSON is nested too deeply") from error
    assert isinstance(loaded, dict)  # it begins with a brace
    return loaded


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unusable("a key comes twice")
    return fields


def _no_number(_name: str) -> float:
    raise Unusable("it holds a number that is none")


def _integer(digits: str) -> int:
    if len(digits) > 20:  # Python refuses thousands of digits with an error of its own.
        raise Unusable("it holds a number without end")
    return int(digits)


def _mended(source: str) -> str:
    """Python's way of writing an object as JSON's: quotes, constants, commas before a closing bracket."""
    parts: list[str] = []
    place = 0
    for match in _STRINGS.finditer(source):
        parts.extend((_mended_code(source[place : match.start()]), _mended_string(match.group())))
        place = match.end()
    return "".join([*parts, _mended_code(source[place:])])


def _mended_code(code: str) -> str:
    return _COMMA_TOO_MANY.sub(r"\1", _CONSTANT.sub(lambda match: _CONSTANTS[match.group()], code))


def _mended_string(string: str) -> str:
    return string if not string.startswith("'") else json.dumps(string[1:-1].replace("\\'", "'"))
