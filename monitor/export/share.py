"""What of a journal may be passed on: names from closed lists, numbers and times; no words of anybody.

Every text is left out unless it stands in the list below, so nothing that a later version adds gets out by itself. It
is the judgement of `monitor/outputs/public.py`, made on records: what is left are records again, for every format.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final, TypeVar

from monitor.describers.base import ModelInfo
from monitor.outputs.public import began_of
from monitor.reading import Entry
from monitor.records import (
    DeidentificationRecord,
    DescriptionRecord,
    NfblRecord,
    SessionRecord,
    StallRecord,
    TrackRecord,
    VerdictRecord,
)

SHOWN: Final[Mapping[type, frozenset[str]]] = {
    SessionRecord: frozenset({"kind", "version", "started_at"}),
    TrackRecord: frozenset({"codec"}),
    DeidentificationRecord: frozenset({"detector", "mask", "voice"}),
    ModelInfo: frozenset({"name"}),
    NfblRecord: frozenset({"kind", "id", "class_id", "name", "side", "alternatives"}),
    StallRecord: frozenset({"kind", "stage"}),
    DescriptionRecord: frozenset({"kind", "describer"}),
    VerdictRecord: frozenset({"kind", "judge", "describer"}),
}
"""Fields with text that say nothing of a person, a file, an address or a device; of other records only the kind."""

OFF: Final = "off"
"""What a session says that had no body-language feed."""

_KIND: Final = frozenset({"kind"})

_Value = TypeVar("_Value")


def drawn_session() -> str:
    """An id in the place of a session's own: that of a recording is made of its content, which could be told by it."""
    return f"shared-{secrets.token_hex(8)}"


def shared(entry: Entry, session: str) -> Entry:
    """The same line without what is not passed on; its fields and its number stay, so readers read it as any other.

    `session` stands in the place of the session's own id.
    """
    record = blanked(entry.record)
    if isinstance(record, SessionRecord) and isinstance(entry.record, SessionRecord):
        # Whether body language was watched at all is told: that nothing was seen means nothing where nobody looked.
        record = replace(record, nfbl=OFF if entry.record.nfbl == OFF else "on")
        if began_of(record) is None:
            record = replace(record, started_at=None)
    return Entry(session, entry.seq, record, record.to_line(session, entry.seq))


def blanked(value: _Value) -> _Value:
    """A record, or a part of one, without its texts."""
    shown = SHOWN.get(type(value), _KIND)
    made: Any = value
    return replace(made, **{field.name: _part(made, field, shown) for field in fields(made) if field.init})  # type: ignore[no-any-return]


def _part(record: object, field: Field[Any], shown: frozenset[str]) -> object:
    value = getattr(record, field.name)
    if field.name in shown or isinstance(value, Enum):
        return value
    if isinstance(value, str):
        # The annotation is the type as it was written.
        return None if "None" in str(field.type) else ""
    if isinstance(value, tuple):
        return tuple(_item(item) for item in value if not isinstance(item, str) or isinstance(item, Enum))
    return blanked(value) if is_dataclass(value) else value


def _item(item: object) -> object:
    if isinstance(item, tuple):
        return tuple(part for part in item if not isinstance(part, str) or isinstance(part, Enum))
    return blanked(item) if is_dataclass(item) else item
