"""Which parameters of a chat request a server turned out not to take, remembered as long as the server is spoken to.

Servers differ in what they accept, and say so only by refusing: the refusal is read, the parameter dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

DROPPED_TOGETHER: Final = (
    ("temperature",),
    ("logprobs", "top_logprobs"),
    ("reasoning_effort",),
    ("chat_template_kwargs",),
    ("seed",),
)
"""Parameters that only improve an answer, so that the request is worth sending without them."""

TOO_LONG: Final = re.compile(r"too large|context length|maximum context", re.IGNORECASE)
"""Refusals that name `max_tokens` for its value, not for its name."""


class Capabilities:
    """What was learned from refusals."""

    def __init__(self) -> None:
        """Nothing is known yet: everything is sent."""
        self._dropped: set[str] = set()
        self._renamed = False

    @property
    def refused(self) -> frozenset[str]:
        """Parameters that are no longer sent, or no longer under this name."""
        return frozenset(self._dropped | ({"max_tokens"} if self._renamed else set()))

    def fitted(self, body: Mapping[str, object]) -> dict[str, object]:
        """The request without what the server does not take."""
        fitted = {name: value for name, value in body.items() if name not in self._dropped}
        if self._renamed and "max_tokens" in fitted:
            fitted["max_completion_tokens"] = fitted.pop("max_tokens")
        return fitted

    def learn(self, sent: Mapping[str, object], said: str) -> bool:
        """Read a refusal of the request that was `sent`; whether it can be sent again in another form."""
        for group in DROPPED_TOGETHER:
            present = [name for name in group if name in sent]
            if any(_names(said, name) for name in present):
                self._dropped.update(present)
                return True
        if "max_tokens" in sent and _names(said, "max_completion_tokens") and not TOO_LONG.search(said):
            self._renamed = True
            return True
        return False


def _names(said: str, parameter: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(parameter)}(?!\w)", said) is not None
