"""Takes out of a text what is nobody's business: an examination is pasted into bug reports."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Final

from monitor.doctor.check import Check

_CREDENTIALS: Final = re.compile(r"(?<=://)[^\s/@]+@")
"""User and password of an address."""

_QUERY: Final = re.compile(r"(\w://[^\s?]+)\?\S+")
"""What follows the path of an address, tokens among it."""

_HOMES: Final = re.compile(r"(?<![\w.~-])/(?:home|Users)/[^\s/:;,'\"]+")
"""Anybody's home folder."""


def private(text: str, home: str | None = None) -> str:
    """The text without home folders (`~` in their place) and without what addresses carry beside the place.

    `home` is the user's home folder, None to look it up.
    """
    return _QUERY.sub(r"\1", _CREDENTIALS.sub("", _homeless(text, home)))


def private_check(check: Check) -> Check:
    """The check with its texts like that. Remedies are our own words: in them addresses stay as they are."""
    return dataclasses.replace(
        check, name=private(check.name), found=private(check.found), remedy=_homeless(check.remedy, None)
    )


def _homeless(text: str, home: str | None) -> str:
    home = str(Path.home()) if home is None else home
    if home.strip("/"):
        text = re.sub(rf"(?<![\w.~-]){re.escape(home.rstrip('/'))}(?![\w.-])", "~", text)
    return _HOMES.sub("~", text)
