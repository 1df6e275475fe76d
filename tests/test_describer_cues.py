"""What the embedded describer writes: seen, heard, reported, compared with what, and what stays unknown."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.evidence import Baseline, Cadence, Coverage, Evidence, NfblCount
from buffers.records import Group
from configs.model_settings import MllmSettings
from configs.settings import Settings
from configs.taxonomy import Category, taxonomy
from monitor.describers.base import Description
from monitor.describers.cues import CuesDescriber
from monitor.describers.registry import DESCRIBERS, make_describer
from tests.made_evidence import NOBODY_BEFORE, baseline, bins, count, event, evidence, frames

pytestmark = pytest.mark.unit

MOST_WORDS = 120


def describe(window: Evidence) -> Description:
    return asyncio.run(CuesDescriber().describe(window))


def test_a_usual_window_reads_as_usual() -> None:
    description = describe(evidence())
    assert description.text == (
        "Movement is about as usual. Speech fills 50% of the time (usually 50%); pitch variation is about as usual. "
        "Body language (detector reports, unverified): none. Usual means this person's 120 s before. "
        "Not observable: the face, the words."
    )
    assert not description.insufficient


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (evidence(movement=0.02), "Movement is livelier than usual (2.0 times)."),
        (evidence(movement=0.005), "Movement is calmer than usual (0.5 times)."),
        (evidence(before=baseline(movement=None)), "Movement is measured, with nothing to compare it with."),
        (evidence(shown=frames([200.0, 201.0], [1, 2], masked=())), "No face was found in the picture"),
        (evidence(movement=None), "Movement could not be read."),
        (evidence(prosody=bins(200, 30, spread_st=1.0)), "pitch variation is narrower than usual (0.5 times)."),
        (evidence(prosody=bins(200, 30, speech=0.2), before=baseline(speech_share=None)), "fills 20% of the time;"),
        (evidence(prosody=bins(200, 15) + bins(215, 15, level_db=3.0)), ", and loudness rises by 3 dB."),
        (evidence(prosody=bins(200, 15) + bins(215, 15, level_db=-2.0)), ", and loudness falls by 2 dB."),
        (evidence(prosody=bins(200, 30, speech=0.0)), "Speech fills 0% of the time (usually 50%). Body"),
        (evidence(prosody=()), "Nothing was heard."),
        (evidence(coverage=Coverage(1.0, 1.0, 0.0)), "Body language: no detector was watching."),
        (evidence(coverage=Coverage(0.9, 0.75, 0.5)), "10% of the picture, 25% of the sound, 50% of the body language"),
        (evidence(0.0, 9.0, before=NOBODY_BEFORE), "only the first 4 s of this window, a very weak comparison."),
        (
            evidence(0.0, 600.0, cadence=Cadence.GLOBAL, before=baseline(90.0)),
            "Usual means only the first 90 s of this window. ",
        ),
    ],
)
def test_what_is_unusual_or_unknown_is_said(window: Evidence, said: str) -> None:
    assert said in describe(window).text


def test_reports_name_the_region_first_with_what_would_be_usual() -> None:
    text = describe(evidence(counts=(count("N7", 3),), before=baseline(120.0, (count("N7", 4),)))).text
    assert "(detector reports, unverified): head 3, usually 1.0, perhaps touching or scratching facial parts." in text


def test_rates_a_minute_are_told_only_against_three_minutes() -> None:
    usual = (count("N7", 6),)
    assert (
        "6.0 a minute against usually 2.0"
        in describe(evidence(counts=(count("N7", 3),), before=baseline(180, usual))).text
    )
    assert "a minute" not in describe(evidence(counts=(count("N7", 3),), before=baseline(179, usual))).text


def test_a_late_feed_has_no_usual_rate() -> None:
    text = describe(evidence(counts=(count("N7", 3),), before=baseline(watched_s=0.0))).text
    assert "head 3, usual rate unknown" in text


def test_regions_beyond_three_are_only_counted() -> None:
    counts = tuple(count(f"N{place}", 1, group=group) for place, group in enumerate(Group))
    text = describe(evidence(counts=counts)).text
    assert "; 2 elsewhere." in text
    assert "illustrative" not in text


def test_blank_evidence_is_insufficient() -> None:
    assert describe(evidence(prosody=(), movement=None, coverage=Coverage(0.0, 0.0, 0.0))).insufficient


@given(
    counts=st.lists(
        st.builds(
            count,
            st.sampled_from([known.id for known in taxonomy().classes]),
            st.integers(1, 500),
            group=st.sampled_from(Group),
        ),
        max_size=20,
    ),
    before=st.one_of(st.just(NOBODY_BEFORE), st.builds(baseline, st.floats(10, 10_000), watched_s=st.floats(0, 100))),
    shares=st.tuples(*[st.floats(0, 1)] * 3),
    speech=st.floats(0, 1),
    movement=st.one_of(st.none(), st.floats(0, 1)),
)
def test_the_text_is_short_and_never_names_a_category_as_emotion(
    counts: list[NfblCount], before: Baseline, shares: tuple[float, float, float], speech: float, movement: float | None
) -> None:
    window = evidence(
        counts=tuple(counts),
        before=before,
        coverage=Coverage(*shares),
        prosody=bins(200.0, 30, speech=speech),
        movement=movement,
    )
    text = describe(window).text
    assert len(text.split()) <= MOST_WORDS
    assert len(text.splitlines()) == 1
    assert not any(category.value in text for category in Category if category is not Category.UNKNOWN)


def test_a_feeds_own_long_names_are_cut_short() -> None:
    named = event(205.0, "X1", name="\n".join(["very"] * 50))
    text = describe(evidence(events=(named,), counts=(count("X1", 1),))).text
    assert len(text.split()) <= MOST_WORDS
    assert "\n" not in text


def test_the_same_evidence_gives_the_same_words() -> None:
    assert describe(evidence()) == describe(evidence())


def test_it_says_what_it_is() -> None:
    info = make_describer(Settings()).info
    assert (info.name, info.heuristic, info.calibrated, info.deterministic) == ("cues", True, False, True)
    assert "heuristic" in info.notice


def test_every_describer_that_can_be_set_has_a_factory_and_auto_goes_by_the_server() -> None:
    chosen = get_args(Settings.model_fields["describer"].annotation)
    assert {"auto", *DESCRIBERS} == set(chosen)
    assert make_describer(Settings()).info.name == "cues"
    served = make_describer(Settings(mllm=MllmSettings(url="http://localhost:1/v1", model="m")))
    assert served.info.name == "openai"


def test_closing_is_harmless() -> None:
    describer = CuesDescriber()
    asyncio.run(describer.close())
    asyncio.run(describer.close())
