"""A describer with another one behind it: when the first cannot answer, the second does, and says so."""

from __future__ import annotations

from dataclasses import replace

from buffers.evidence import Evidence
from configs.errors import ModelUnavailable
from monitor.describers.base import Describer, Description, ModelInfo
from monitor.usage import Spent, spent_by


class WithStandIn:
    """`primary` describes; while it is unavailable, `other` does. What it is called is `primary`'s."""

    def __init__(self, primary: Describer, other: Describer) -> None:
        """`other` should need nothing that can fail, such as `CuesDescriber`."""
        self._primary = primary
        self._other = other

    @property
    def info(self) -> ModelInfo:
        """What the primary is; each description names who really wrote it."""
        return self._primary.info

    @property
    def spent(self) -> Spent:
        """What the primary used up; the other needs nothing."""
        return spent_by(self._primary)

    async def start(self) -> tuple[str, ...]:
        """Start both; raises what the primary raises, since a wrong setting is to be mended, not covered up."""
        return (*await self._primary.start(), *await self._other.start())

    async def describe(self, evidence: Evidence) -> Description:
        """The primary's description, or the other's with a note that says why."""
        try:
            return await self._primary.describe(evidence)
        except ModelUnavailable as error:
            description = await self._other.describe(evidence)
            note = f"{error}; described by {description.describer} instead"
            return replace(description, note=note if description.note is None else f"{note}; {description.note}")

    async def close(self) -> None:
        """Release both."""
        try:
            await self._primary.close()
        finally:
            await self._other.close()
