"""JSON of strangers, read strictly: no depth that exhausts the stack, no NaN, no key twice."""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn, TypeAlias

from configs.yamlfile import printable
from streams.nfbl.annotations.document import Document, Place

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def parse_json(document: Document, text: str, place: Place = None) -> Json:
    """Parse one JSON value that stands at `place` of a file.

    Raises:
        ConfigError: it is no JSON, is nested too deeply, holds a number that JSON has not or a key twice.
    """
    try:
        value: Json = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError:
        raise document.error(place, "the JSON is nested too deeply; expected annotations") from None
    except json.JSONDecodeError as error:
        where = error.lineno if place is None else place
        raise document.error(where, f"not JSON ({error.msg}, column {error.colno}); expected one JSON value") from None
    except ValueError as error:
        raise document.error(place, f"not JSON as it must be ({error}); expected plain values") from None
    return value


def _no_number(constant: str) -> NoReturn:
    msg = f"{constant} is not a number in JSON"
    raise ValueError(msg)


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        msg = f"the key {printable(counts.most_common(1)[0][0], 40)} is there twice"
        raise ValueError(msg)
    return found
