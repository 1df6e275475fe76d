"""Whether the model that is asked is about to be shut down, as its server's list tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from monitor.remote.replies import ServedModel

SOON_DAYS: Final = 90
"""A model that is shut down within these days is told of."""


def shutdown_notice(
    served: Sequence[ServedModel], model: str, today: date | None, setting: str = "mllm.model"
) -> str | None:
    """A warning where the server's list says that the model ends soon; `today` is the server's own date.

    `setting` is the one that names the model.
    """
    ends = next((found.shutdown_date for found in served if found.id == model), None)
    if ends is None:
        return None
    try:
        days = None if today is None else (date.fromisoformat(ends[:10]) - today).days
    except ValueError:
        days = None
    if days is not None and days > SOON_DAYS:
        return None
    when = "" if days is None else (f", in {days} days" if days >= 0 else ", which is past")
    return f"the model {model} is shut down on {ends}{when}; choose its successor in {setting}"
