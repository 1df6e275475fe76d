"""What the status of an answer means for the record that was sent, and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

_MOST_PATIENCE_S: Final = 3600.0
"""Longest wait that a receiver may ask for (s): a slip of its clock must not silence a session."""


class Fate(Enum):
    """What becomes of a record."""

    TAKEN = "taken"
    """It arrived."""
    AGAIN = "again"
    """It is sent again: the receiver, its address or the secret may be right by then."""
    REFUSED = "refused"
    """This record is never taken; the next may be."""
    GONE = "gone"
    """The receiver wants nothing any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with what it means: `reason` is one short phrase, empty where all is well."""

    fate: Fate
    reason: str = ""
    wait_s: float | None = None
    """How long the receiver asked to wait (s)."""


_MEANINGS: Final[tuple[tuple[Container[int], Fate, str], ...]] = (
    (range(200, 300), Fate.TAKEN, ""),
    (range(300, 400), Fate.AGAIN, "sends elsewhere ({}), where nothing is sent: check outputs.webhook.url"),
    ({401, 403, 407}, Fate.AGAIN, "refuses ({}): check the secret and outputs.webhook.url"),
    ({404, 405}, Fate.AGAIN, "has nothing there ({}): check outputs.webhook.url"),
    ({408, 425, 429}, Fate.AGAIN, "asks for patience ({}); it is tried again"),
    ({410}, Fate.GONE, "wants no more ({}): remove outputs.webhook.url, or ask its owner"),
    (range(400, 500), Fate.REFUSED, "does not take it ({})"),
)
"""The first that holds the status counts; what is in none is the receiver's failure.

What is wrong with the address or the secret concerns every record alike: none is given up for it.
"""


def answer_of(status: int, headers: Mapping[str, str], host: str) -> Answer:
    """What an answer of `host` means; `headers` are by lower-case name."""
    known = ((fate, said) for statuses, fate, said in _MEANINGS if status in statuses)
    fate, said = next(known, (Fate.AGAIN, "fails ({}); it is tried again"))
    reason = f"{host} {said.format(status)}" if said else ""
    return Answer(fate, reason, asked_wait_s(headers) if fate is Fate.AGAIN else None)


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for (s); a date counts from the receiver's own clock."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:6]), _MOST_PATIENCE_S)
    try:
        until, now = (parsedate_to_datetime(text) for text in (asked, headers.get("date", "")))
        return min(max(0.0, (until - now).total_seconds()), _MOST_PATIENCE_S)
    except (ValueError, TypeError, OverflowError):
        return None


def pause_s(failures: int, *, first_s: float, most_s: float, chance: float) -> float:
    """How long to wait after so many failures in a row (s, from 1): doubled each time, a quarter of it chance (0-1)."""
    whole_s = min(most_s, first_s * 2.0 ** min(failures - 1, 30))
    return whole_s * (0.75 + 0.25 * chance)
