"""One way to name a value by its content."""

from __future__ import annotations

import hashlib
import json


def json_digest(value: object) -> str:
    """SHA-256 (hex) of a value as canonical JSON: equal values, equal digest, on any machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
