"""Stages 2 and 3 for one window: describe, judge, remember, and move the estimate. Abstains rather than fail."""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass

from buffers.evidence import Cadence, Coverage, Evidence, Window
from configs.errors import ModelUnavailable
from monitor.change import Unchanged
from monitor.describers.base import Describer, Description
from monitor.estimate import Estimate, Estimator
from monitor.judges.base import NO_MEMORY, Judge, Label, Verdict
from monitor.memory import TextMemory
from monitor.usage import Meter, ModelUse

logger = logging.getLogger("emotion_monitor.assess")


@dataclass(frozen=True, slots=True)
class Assessment:
    """What came of one window. `description` is None when the window abstained before the describer was asked.

    `trouble` says in one line which model did not answer, None where all did that were asked.
    """

    window: Window
    coverage: Coverage
    description: Description | None
    verdict: Verdict
    estimate: Estimate
    trouble: str | None = None

    @property
    def abstained(self) -> bool:
        """Whether the window moved nothing."""
        return self.verdict.label is Label.ABSTAIN


class Assessor:
    """Asks a describer and a judge, within a deadline, and keeps the text memory and the running estimate."""

    def __init__(
        self, describer: Describer, judge: Judge, estimator: Estimator, *, deadline_s: float, skip_unchanged: bool
    ) -> None:
        """`deadline_s` is wall time for both answers together: a total, not a read timeout.

        With `skip_unchanged` models are not asked again while nothing happens (heuristics always are).
        """
        self.describer = describer
        self.judge = judge
        self.estimator = estimator
        self._deadline_s = deadline_s
        self._asking: asyncio.Timeout | None = None
        self._until_s = math.inf
        self._memory = TextMemory()
        self._describing = Meter("describer", describer)
        self._judging = Meter("judge", judge)
        self._unchanged = Unchanged() if skip_unchanged and self.asks_models else None

    @property
    def asks_models(self) -> bool:
        """Whether more than embedded heuristics is asked, which costs something."""
        return not (self.describer.info.heuristic and self.judge.info.heuristic)

    @property
    def use(self) -> tuple[ModelUse, ...]:
        """What both were asked so far."""
        return self._describing.use(self.describer.info.name), self._judging.use(self.judge.info.name)

    async def start(self) -> tuple[str, ...]:
        """Make both models ready; what a person should know of them, one line each. Raises as they do."""
        return (*await self.describer.start(), *await self.judge.start())

    def unchanged(self, evidence: Evidence) -> str | None:
        """Why a model need not be asked about this window, None where it should be."""
        return None if self._unchanged is None else self._unchanged.reason(evidence)

    def hurry(self, within_s: float) -> None:
        """The session is ending: whatever is asked now or later must be answered within so many seconds from now."""
        self._until_s = asyncio.get_running_loop().time() + within_s
        if self._asking is not None and not self._asking.expired():
            when_s = self._asking.when()
            self._asking.reschedule(self._until_s if when_s is None else min(when_s, self._until_s))

    async def assess(self, evidence: Evidence, refusal: str | None) -> Assessment:
        """Judge one window; `refusal` says why it must abstain without a call, None when it may be judged."""
        window = evidence.window
        description: Description | None = None
        trouble: str | None = None
        if refusal is not None:
            verdict = self._abstain(refusal, description)
        else:
            if self._unchanged is not None:
                self._unchanged.asked(evidence)
            memory = self._memory.at() if window.cadence is Cadence.GLOBAL else NO_MEMORY
            try:
                until_s = min(self._until_s, asyncio.get_running_loop().time() + self._deadline_s)
                async with asyncio.timeout_at(until_s) as self._asking:
                    with self._describing.asking() as asked:
                        description = await self.describer.describe(evidence)
                        asked.stood_in = description.describer != self.describer.info.name
                    trouble = description.note if asked.stood_in else None
                    with self._judging.asking():
                        verdict = await self.judge.judge(description, evidence, memory)
            except TimeoutError:
                trouble = f"no verdict within the deadline of {self._deadline_s:g} s"
                if math.isfinite(self._until_s):
                    trouble = "the session ended before the models had answered"
                verdict = self._abstain(trouble, description)
            except ModelUnavailable as error:
                logger.warning("window %d: %s", window.id, error)
                trouble = str(error)
                verdict = self._abstain(trouble, description)
            finally:
                self._asking = None
        if description is not None:
            self._memory.add(window, description, verdict, evidence)
        self.estimator.add(window, verdict, evidence.coverage)
        estimate = self.estimator.at(window.end_s)
        return Assessment(window, evidence.coverage, description, verdict, estimate, trouble)

    def _abstain(self, why: str, description: Description | None) -> Verdict:
        describer = self.describer.info.name if description is None else description.describer
        return Verdict.abstain(self.judge.info, describer, why)

    async def close(self) -> None:
        """Release both models."""
        await self.describer.close()
        await self.judge.close()
