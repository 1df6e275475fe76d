"""A stand-in: who really described, why, and when nobody stands in."""

from __future__ import annotations

import asyncio

import pytest

from buffers.evidence import Evidence
from configs.errors import ConfigError, ModelUnavailable
from configs.settings import Settings
from monitor.describers.base import Description, ModelInfo
from monitor.describers.cues import CuesDescriber
from monitor.describers.registry import make_describer
from monitor.describers.standin import WithStandIn
from tests.made_evidence import evidence, frames
from tests.made_server import ScriptedServer, Send

pytestmark = pytest.mark.unit


class Failing:
    """Fails to start, to describe, or neither."""

    def __init__(self, *, start: Exception | None = None, describe: Exception | None = None) -> None:
        self.info = ModelInfo("made", heuristic=False, calibrated=False, notice="made up")
        self._start = start
        self._describe = describe
        self.closed = False

    async def start(self) -> tuple[str, ...]:
        if self._start is not None:
            raise self._start
        return ("ready",)

    async def describe(self, evidence: Evidence) -> Description:
        if self._describe is not None:
            raise self._describe
        return Description("Sits still.", "made")

    async def close(self) -> None:
        self.closed = True
        raise RuntimeError("closing failed")


def test_while_the_first_answers_nobody_stands_in() -> None:
    both = WithStandIn(Failing(), CuesDescriber())
    assert asyncio.run(both.start()) == ("ready",)
    assert asyncio.run(both.describe(evidence())) == Description("Sits still.", "made")
    assert both.info.name == "made"


def test_when_the_first_is_unavailable_the_other_describes_and_says_why() -> None:
    both = WithStandIn(Failing(describe=ModelUnavailable("the server is away")), CuesDescriber())
    description = asyncio.run(both.describe(evidence()))
    assert description.describer == "cues"
    assert description.note == "the server is away; described by cues instead"
    assert description.text.startswith("Movement is about as usual.")


def test_notes_of_both_are_kept() -> None:
    class Noting(CuesDescriber):
        async def describe(self, evidence: Evidence) -> Description:
            return Description("Dark.", "cues", insufficient=True, note="it was dark")

    both = WithStandIn(Failing(describe=ModelUnavailable("away")), Noting())
    description = asyncio.run(both.describe(evidence()))
    assert (description.note, description.insufficient) == ("away; described by cues instead; it was dark", True)


@pytest.mark.parametrize("error", [ConfigError("wrong"), ModelUnavailable("no such model")])
def test_a_first_that_cannot_start_is_not_covered_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        asyncio.run(WithStandIn(Failing(start=error), CuesDescriber()).start())


def test_other_failures_are_not_covered_up() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(WithStandIn(Failing(describe=ZeroDivisionError()), CuesDescriber()).describe(evidence()))


def test_both_are_closed_even_if_one_fails_to() -> None:
    first, other = Failing(), Failing()
    with pytest.raises(RuntimeError):
        asyncio.run(WithStandIn(first, other).close())
    assert first.closed
    assert other.closed


def test_a_failing_server_is_stood_in_for_by_cues() -> None:
    async def go(url: str) -> list[Description]:
        describer = make_describer(Settings.model_validate({"mllm": {"url": url, "timeout_s": 2.0}}))
        try:
            await describer.start()
            return [await describer.describe(evidence(shown=frames([200.0], [9]))) for _ in range(2)]
        finally:
            await describer.close()

    with ScriptedServer([Send(400, {"error": {"message": "no"}}), Send(400), "Leans back."]) as made:
        first, second = asyncio.run(go(made.url))
    assert (first.describer, second.describer, second.text) == ("cues", "openai", "Leans back.")
    assert first.note is not None
    assert first.note.endswith("described by cues instead")
