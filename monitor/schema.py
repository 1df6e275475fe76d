"""The published JSON schema of a journal's lines, made from the types of its records.

`python -m monitor.schema > configs/journal.schema.json` renews it; a test holds it to the types.
"""

from __future__ import annotations

import json
import sys

from monitor.record import SCHEMA
from monitor.records import record_types


def schema_text() -> str:
    """The JSON schema (draft 2020-12) of one line, indented, ending in a line end."""
    schema = record_types().json_schema(mode="serialization")
    definitions = schema["$defs"]
    for definition in definitions.values():
        definition.pop("title", None)
        properties = definition.get("properties", {})
        for described in properties.values():
            described.pop("title", None)
            described.pop("default", None)
        if properties:
            definition["required"] = list(properties)  # a line always has every field of its kind
    head = {
        "schema": {"const": SCHEMA, "description": "Version of the lines; readers pass over what they do not know."},
        "session": {"type": "string", "description": "Id of the session; the same in every line of a journal."},
        "seq": {"type": "integer", "minimum": 1, "description": "Number of the line, without holes."},
        "kind": {"enum": sorted(schema["discriminator"]["mapping"])},
        "media_s": {"type": "number", "description": "Latest media time the line speaks of (s)."},
    }
    line = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of an emotion-monitor journal",
        "type": "object",
        "properties": head,
        "required": list(head),
        "oneOf": schema["oneOf"],
        "$defs": definitions,
    }
    return json.dumps(line, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
