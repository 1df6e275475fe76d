"""A judge whose stated probabilities are replaced by calibrated ones."""

from __future__ import annotations

from dataclasses import replace

from buffers.evidence import Evidence
from configs.errors import ConfigError
from monitor.calibrate.file import Calibration
from monitor.describers.base import Describer, Description, ModelInfo
from monitor.judges.base import NO_MEMORY, Judge, Label, Memory, Verdict
from monitor.judges.cues import confidence
from monitor.usage import Spent, spent_by

DIGITS = 6
"""Decimals of a calibrated probability, as many as the journal keeps."""


class Calibrated:
    """Asks a judge and calibrates what it says. The paper's 0-10 score is that of the calibrated probability.

    A calibration holds for one describer and one judge: what another describer said in place of one that was away
    leaves the verdict as it was stated, and uncalibrated.
    """

    def __init__(self, inner: Judge, describer: Describer, calibration: Calibration) -> None:
        """`describer` is asked only what it is: a calibration is of both stages."""
        self._inner = inner
        self._describer = describer
        self._calibration = calibration

    @property
    def info(self) -> ModelInfo:
        """The judge, and what its calibration rests on.

        It carries the calibration's measured correlation and its cap, so that the estimate needs neither the settings'
        temper nor their assumed correlation.
        """
        found = self._calibration
        forced = f"; forced: {found.forced}" if found.forced else ""
        notice = (
            f"calibrated ({found.method}) on {found.windows} windows of {found.recordings} recordings "
            f"[{found.data[:12]}]{forced}"
        )
        return replace(
            self._inner.info,
            calibrated=True,
            notice=f"{self._inner.info.notice}; {notice}" if self._inner.info.notice else notice,
            temper=None,
            cap_logit=found.cap_logit,
            correlation=found.correlation,
        )

    @property
    def spent(self) -> Spent:
        """What the judge used up."""
        return spent_by(self._inner)

    async def start(self) -> tuple[str, ...]:
        """Start the judge. The describer must have started before.

        Raises:
            ConfigError: the calibration is of another describer or judge.
        """
        notices = await self._inner.start()
        found = self._calibration
        for stage, known, now in (
            ("describer", found.describer, self._describer.info),
            ("judge", found.judge, self._inner.info),
        ):
            if not known.matches(now):
                raise ConfigError(
                    f"estimate.calibration is of {stage} {known}, but {type(known).of(now)} answers now: calibrate it "
                    "too (a server that is away counts as another), or set estimate.calibration=null"
                )
        return notices

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        """Judge one window; `p_stated` of the verdict is what the judge itself said."""
        stated = await self._inner.judge(description, evidence, memory)
        if stated.p_positive is None:
            return replace(stated, calibrated=True)
        if description.describer != self._calibration.describer.name:
            return stated
        p_positive = round(self._calibration.apply(stated.p_positive), DIGITS)
        return replace(
            stated,
            label=Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE,
            p_positive=p_positive,
            confidence=confidence(p_positive),
            calibrated=True,
            p_stated=stated.p_positive,
        )

    async def close(self) -> None:
        """Release the judge."""
        await self._inner.close()
