"""What a session is to do, as the command line asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from configs.load import Loaded


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: a source, its speed, settings, and where everything goes.

    `speed` is media seconds per wall second of a recording, None for as fast as it goes; live sources have their own.
    `journal` and `record` are the files of the journal and of a clean recording, which replaces an older one with
    `force` only; of several sessions `folder` and `record_in` are the folders in which each has files of its own.
    `name` is what the stream is called outside (a slug). `consent` is what the operator notes of it. The session ends
    by itself after `max_duration_s` of media time.
    """

    source: str
    speed: float | None
    loaded: Loaded
    journal: Path | None = None
    folder: Path | None = None
    record: Path | None = None
    record_in: Path | None = None
    force: bool = False
    consent: str | None = None
    max_duration_s: float | None = None
    name: str | None = None
