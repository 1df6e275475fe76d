"""Describer and judge around a cassette: they answer from it, or ask the model and write its answer down."""

from __future__ import annotations

from dataclasses import replace

from buffers.evidence import Evidence
from configs.yamlfile import printable
from monitor.cassette.file import Cassette, Mode, description_key, verdict_key
from monitor.describers.base import Describer, Description, ModelInfo
from monitor.judges.base import NO_MEMORY, Judge, Memory, Verdict
from monitor.usage import Spent, spent_by


class _Tape:
    """What the two stages share: the file, and what is known of both models by now."""

    def __init__(self, cassette: Cassette) -> None:
        self.cassette = cassette
        self.describer = cassette.describer
        self.judge = cassette.judge

    def begin(self) -> None:
        """Write the first line before the first answer, from what both models were when they had started."""
        if self.cassette.describer is None:
            assert self.describer is not None, "both models start before either is asked"
            assert self.judge is not None, "both models start before either is asked"
            self.cassette.begin(self.describer, self.judge)


class CassetteDescriber:
    """A describer whose answers come from a cassette, or go to it. It encodes nothing ahead."""

    def __init__(self, inner: Describer | None, tape: _Tape) -> None:
        """`inner` is None when nothing is asked (`Mode.REPLAY`)."""
        self._inner = inner
        self._tape = tape
        self._recalled = 0

    @property
    def info(self) -> ModelInfo:
        """What was recorded; of a new recording, what the model was when it had started."""
        if self._tape.describer is not None:
            return self._tape.describer
        assert self._inner is not None
        return self._inner.info

    @property
    def spent(self) -> Spent:
        """What the model used up, and how many answers it was not asked for."""
        return replace(spent_by(self._inner), recalled=self._recalled)

    async def start(self) -> tuple[str, ...]:
        """Start the model, if there is one.

        Raises:
            ConfigError: it is not the model whose answers the cassette holds.
        """
        cassette = self._tape.cassette
        if self._inner is None:
            return (f"answers come from {printable(cassette.path.name, 120)} ({len(cassette)}); no model is asked",)
        notices = await self._inner.start()
        now = self._inner.info
        if cassette.describer is not None and not _same(cassette.describer, now):
            raise cassette.other("describer", cassette.describer, now)
        self._tape.describer = cassette.describer or now
        return notices

    async def describe(self, evidence: Evidence) -> Description:
        """The recorded description, or a new one that is recorded; raises `ModelUnavailable` where there is neither.

        What another describer said because the model was away is recorded as it happened, and asked for again when
        the cassette is filled.
        """
        cassette = self._tape.cassette
        key = description_key(evidence, self.info)
        known = None if cassette.mode is Mode.RECORD else cassette.description(key)
        if self._inner is None:
            self._recalled += 1
            if known is None:
                raise cassette.missing()
            return known
        if known is not None and known.describer == self.info.name:
            self._recalled += 1
            return known
        answer = await self._inner.describe(evidence)
        self._tape.begin()
        return cassette.add_description(key, answer)

    async def close(self) -> None:
        """Release the model and the file."""
        self._tape.cassette.close()
        if self._inner is not None:
            await self._inner.close()


class CassetteJudge:
    """A judge whose answers come from a cassette, or go to it."""

    def __init__(self, inner: Judge | None, tape: _Tape) -> None:
        """`inner` is None when nothing is asked (`Mode.REPLAY`)."""
        self._inner = inner
        self._tape = tape
        self._recalled = 0

    @property
    def info(self) -> ModelInfo:
        """What was recorded; of a new recording, what the model was when it had started."""
        if self._tape.judge is not None:
            return self._tape.judge
        assert self._inner is not None
        return self._inner.info

    @property
    def spent(self) -> Spent:
        """What the model used up, and how many answers it was not asked for."""
        return replace(spent_by(self._inner), recalled=self._recalled)

    async def start(self) -> tuple[str, ...]:
        """Start the model, if there is one.

        Raises:
            ConfigError: it is not the model whose answers the cassette holds.
        """
        if self._inner is None:
            return ()
        cassette = self._tape.cassette
        notices = await self._inner.start()
        now = self._inner.info
        if cassette.judge is not None and not _same(cassette.judge, now):
            raise cassette.other("judge", cassette.judge, now)
        self._tape.judge = cassette.judge or now
        return notices

    async def judge(self, description: Description, evidence: Evidence, memory: Memory = NO_MEMORY) -> Verdict:
        """The recorded verdict, or a new one that is recorded; raises `ModelUnavailable` where there is neither."""
        cassette = self._tape.cassette
        key = verdict_key(description, evidence, memory, self.info)
        known = None if cassette.mode is Mode.RECORD else cassette.verdict(key)
        if self._inner is None or known is not None:
            self._recalled += 1
        if known is not None:
            return known
        if self._inner is None:
            raise cassette.missing()
        answer = await self._inner.judge(description, evidence, memory)
        self._tape.begin()
        return cassette.add_verdict(key, answer)

    async def close(self) -> None:
        """Release the model and the file."""
        self._tape.cassette.close()
        if self._inner is not None:
            await self._inner.close()


def with_cassette(
    describer: Describer | None, judge: Judge | None, cassette: Cassette
) -> tuple[CassetteDescriber, CassetteJudge]:
    """Both stages around one cassette; the models are None when it is only replayed."""
    tape = _Tape(cassette)
    return CassetteDescriber(describer, tape), CassetteJudge(judge, tape)


def _same(recorded: ModelInfo, now: ModelInfo) -> bool:
    return (recorded.name, recorded.fingerprint) == (now.name, now.fingerprint)
