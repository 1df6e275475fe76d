"""Runs whole sessions for tests and reads what they wrote."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from configs.load import load_settings
from monitor.session.session import Plan, Session

Line = dict[str, Any]


def plan(source: Path, journal: Path, *overrides: str, speed: float | None = None) -> Plan:
    """A session over `source` with the default profile, no body language unless asked for, and these settings."""
    loaded = load_settings(None, ("nfbl.source=off", *overrides), {})
    return Plan(source=str(source), speed=speed, loaded=loaded, journal=journal)


def run(session: Session) -> int:
    """Run a session to its end without any output; its exit code."""
    return asyncio.run(session.run())


def replay(source: Path, journal: Path, *overrides: str) -> list[Line]:
    """Replay a file at max speed; the journal's records."""
    assert run(Session(plan(source, journal, *overrides))) == 0
    return lines(journal)


def lines(journal: Path) -> list[Line]:
    """The records of a journal."""
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def kinds(records: list[Line]) -> list[str]:
    """The kind of each record."""
    return [record["kind"] for record in records]
