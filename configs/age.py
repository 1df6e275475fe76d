"""Ages as people write them: `90m`, `12h`, `30d`, `2w`."""

from __future__ import annotations

import re
from typing import Final

from configs.errors import ConfigError

AGE: Final = r"^[1-9][0-9]{0,5}[mhdw]$"
"""How an age is written."""

ALLOWED: Final = "a number of minutes, hours, days or weeks, as in 90m, 12h, 30d, 2w"

_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def age_s(text: str) -> int:
    """The age in seconds. Raises `ConfigError` where it is written otherwise."""
    if not re.fullmatch(AGE, text):
        raise ConfigError(f"'{text}' is no age: write {ALLOWED}")
    return int(text[:-1]) * _SECONDS[text[-1]]
