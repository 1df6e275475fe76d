"""The text memory: the last windows in words, totals over the session, bounded whatever comes."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from buffers.evidence import Cadence
from buffers.records import Group, NfblEvent, Phase
from monitor.describers.base import Description
from monitor.judges.base import MOST_REMEMBERED, NO_MEMORY, Label, Verdict
from monitor.memory import MOST_IDS, MOST_LINES, MOST_WORDS, TextMemory
from tests.made_evidence import event, evidence

pytestmark = pytest.mark.unit


def verdict(p_positive: float | None) -> Verdict:
    if p_positive is None:
        return Verdict(Label.ABSTAIN, None, None, "j", "d", calibrated=False, rationale="")
    label = Label.POSITIVE if p_positive >= 0.5 else Label.NEGATIVE
    return Verdict(label, p_positive, 5.0, "j", "d", calibrated=False, rationale="")


def add(
    memory: TextMemory,
    start_s: float,
    *events: NfblEvent,
    text: str = "calm",
    p: float | None = 0.6,
    length_s: float = 32.0,
    cadence: Cadence = Cadence.LOCAL,
) -> None:
    window = evidence(start_s, start_s + length_s, events=events, cadence=cadence)
    memory.add(window.window, Description(text, "d"), verdict(p), window)


def test_nothing_was_said_before_the_first_window() -> None:
    assert TextMemory().at() == NO_MEMORY


def test_a_window_is_remembered_with_its_words_and_figures() -> None:
    memory = TextMemory()
    add(memory, 200.0, event(210.0), event(215.0, group=Group.HANDS), text="leans  back\nand smiles", p=None)
    (line,) = memory.at().lines
    assert (line.start_s, line.end_s, line.text) == (200.0, 232.0, "leans back and smiles")
    assert (line.events, line.speech, line.p_positive) == (2, 0.5, None)


def test_only_the_last_windows_are_told_and_all_are_counted() -> None:
    memory = TextMemory()
    for place in range(20):
        add(memory, 15.0 * place, text=f"window {place}")
    now = memory.at()
    assert [line.text for line in now.lines] == [f"window {place}" for place in range(20 - MOST_LINES, 20)]
    assert now.windows == 20


def test_a_report_in_windows_that_overlap_counts_once() -> None:
    memory = TextMemory()
    for start_s in (0.0, 15.0, 30.0):
        add(memory, start_s, event(31.0), event(31.5, "N22", group=Group.HANDS))
    assert memory.at().events == ((Group.HEAD, 1), (Group.HANDS, 1))


def test_a_report_under_way_for_long_counts_once() -> None:
    memory = TextMemory()
    under_way = replace(event(10.0), phase=Phase.OPEN)
    add(memory, 0.0, under_way)
    add(memory, 100.0)
    add(memory, 200.0, replace(event(10.0), end_s=210.0))
    assert memory.at().events == ((Group.HEAD, 1),)


def test_windows_over_the_whole_session_are_not_remembered() -> None:
    memory = TextMemory()
    add(memory, 0.0, event(3.0), cadence=Cadence.GLOBAL)
    assert memory.at() == NO_MEMORY


def test_a_description_is_remembered_in_sixty_words_and_bounded_characters() -> None:
    memory = TextMemory()
    add(memory, 0.0, text="word " * 500)
    add(memory, 15.0, text="x" * 1_000_000)
    long, endless = memory.at().lines
    assert len(long.text.split()) == MOST_WORDS
    assert len(endless.text) == MOST_REMEMBERED


def test_what_was_told_does_not_change_afterwards() -> None:
    memory = TextMemory()
    add(memory, 0.0)
    before = memory.at()
    add(memory, 15.0, event(20.0))
    assert before.windows == 1
    assert before.events == ()


def test_memory_is_bounded_even_where_no_report_ever_closes() -> None:
    memory = TextMemory()
    never = tuple(replace(event(float(place)), phase=Phase.OPEN) for place in range(MOST_IDS + 500))
    add(memory, 0.0, *never)
    assert memory.at().events == ((Group.HEAD, MOST_IDS + 500),)
    held = memory._counted
    assert len(held) == MOST_IDS
    assert sys.getsizeof(held) < 1_000_000


def test_an_hour_of_overlapping_windows_counts_each_report_once() -> None:
    memory = TextMemory()
    reports = [event(place * 6.0) for place in range(600)]
    for start_s in range(0, 3600, 15):
        seen = [item for item in reports if item.start_s < start_s + 32 and item.end_s > start_s]
        add(memory, float(start_s), *seen)
    assert memory.at().events == ((Group.HEAD, 600),)
    assert len(memory._counted) < 20
