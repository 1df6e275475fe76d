"""Where verdicts go is on the dashboard in words, in every size that has panels, and a link only where it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.outputs.dashboard.keys import Page, View
from monitor.outputs.dashboard.outputs import GREETS_S, greeting, outputs_note
from monitor.outputs.dashboard.render import summary_lines
from monitor.outputs.theme import Theme
from monitor.snapshot import OutputState, OutputStatus, SessionState
from tests.made_snapshot import LOST, METRICS, MQTT, PAGE, RUNNING, WEBHOOK, drawn, live

pytestmark = pytest.mark.unit

TOKEN = "http://192.168.1.20:8765/#token=" + "x" * 43

OUT = replace(RUNNING, outputs=(MQTT, PAGE, WEBHOOK))

words = st.text(max_size=60)
outputs = st.lists(
    st.builds(OutputStatus, words, st.sampled_from(OutputState), words, st.none() | st.integers(0, 10**7), words),
    max_size=5,
)


@settings(max_examples=80, deadline=None)
@given(
    outputs,
    st.floats(0.0, 100.0),
    st.sampled_from(Page),
    st.sampled_from([(130, 38), (110, 30), (80, 24), (60, 5), (20, 2)]),
    st.booleans(),
)
def test_whatever_destinations_say_the_picture_keeps_its_size(
    said: list[OutputStatus], media_s: float, shown: Page, size: tuple[int, int], ascii_only: bool
) -> None:
    snapshot = replace(RUNNING, outputs=tuple(said), media_s=media_s)
    lines = drawn(snapshot, *size, view=View(shown), ascii_only=ascii_only)
    assert len(lines) == size[1]
    assert {cell_len(line) for line in lines} == {size[0]}
    if ascii_only:
        assert all(line.isascii() for line in lines)


@settings(max_examples=80, deadline=None)
@given(outputs, st.integers(1, 120))
def test_the_note_is_never_wider_than_its_room(said: list[OutputStatus], width: int) -> None:
    note = outputs_note(replace(RUNNING, outputs=tuple(said)), width, Theme())
    assert (note is None) == (not said)
    assert note is None or note.cell_len <= width


@pytest.mark.parametrize(
    ("width", "note"),
    [
        (80, "mqtt ● up  ·  page ● up  ·  webhook ! down, 12 waiting"),
        (52, "mqtt ●  ·  page ●  ·  webhook ! down, 12 waiting"),
        (46, "webhook ! down, 12 waiting  ·  mqtt ●  +1: h"),
        (40, "webhook ! down, 12 waiting  +2: h"),
        (20, "webhook ! down, 12…"),
    ],
)
def test_of_many_destinations_the_worst_is_told_in_the_least_room(width: int, note: str) -> None:
    said = outputs_note(OUT, width, Theme())
    assert said is not None
    assert said.plain == note


def test_the_full_dashboard_has_the_ways_out_at_health() -> None:
    lines = drawn(OUT, 120, 35)
    assert lines[30].endswith("╰─── mqtt ●  ·  page ●  ·  webhook ! down, 12 waiting ─╯")
    assert any("Health" in line for line in lines)


def test_the_compact_dashboard_has_them_at_the_estimate() -> None:
    lines = drawn(OUT, 80, 24)
    assert lines[8].endswith("mqtt ● up  ·  page ● up  ·  webhook ! down, 12 waiting ─╯")
    assert "page * up" in "\n".join(drawn(OUT, 80, 24, ascii_only=True))


def test_without_destinations_the_dashboard_says_nothing_of_any() -> None:
    assert "mqtt" not in "\n".join(drawn(RUNNING, 120, 35) + drawn(RUNNING, 80, 24))


def test_the_health_page_has_each_with_its_reason_and_its_link() -> None:
    shown = replace(RUNNING, outputs=(MQTT, replace(PAGE, link=TOKEN), WEBHOOK, METRICS))
    lines = [line.strip("│ ") for line in drawn(shown, 120, 35, view=View(Page.HEALTH))]
    for said in (
        "● mqtt up",
        "● page up",
        f"at {TOKEN}",
        "! webhook down, 12 waiting: answers 503, tried again in 8 s",
        "! metrics stopped: its port was taken by another program",
    ):
        assert said in lines, said


@pytest.mark.parametrize("size", [(120, 35), (110, 30), (80, 24)])
def test_a_sessions_beginning_shows_where_its_page_is_and_not_for_longer(size: tuple[int, int]) -> None:
    early = replace(RUNNING, outputs=(MQTT, replace(PAGE, link=TOKEN)), media_s=2.0)
    assert drawn(early, *size)[2].strip() == ("● page at " if size[0] > 80 else "● ") + TOKEN
    assert TOKEN not in "\n".join(drawn(replace(early, media_s=GREETS_S), *size))


def test_a_link_that_does_not_fit_is_not_cut_but_named_by_its_key() -> None:
    early = replace(RUNNING, outputs=(replace(PAGE, link=TOKEN),), media_s=2.0)
    line = greeting(early, 60, Theme())
    assert line is not None
    assert line.plain == "● page is up: h shows its link"


def test_what_is_the_matter_goes_before_a_greeting() -> None:
    early = replace(live(SessionState.LOST, LOST), outputs=(PAGE,), media_s=2.0)
    assert "connection refused" in drawn(early, 80, 24)[2]


def test_a_link_longer_than_the_page_of_health_goes_on_below() -> None:
    long = TOKEN.replace("192.168.1.20", "a-rather-long-name.example.org")
    shown = drawn(replace(RUNNING, outputs=(replace(PAGE, link=long),)), 80, 24, view=View(Page.HEALTH))
    assert long in "".join(line[2:-2].rstrip() for line in shown)


def test_the_summary_tells_what_was_not_delivered() -> None:
    lines = [line.plain for line in summary_lines(replace(OUT, state=SessionState.ENDED), Theme(), 120)]
    assert "webhook   12 not delivered yet; what waits goes out with the next session that publishes there" in lines
    assert not any(line.startswith(("mqtt", "page")) for line in lines)


def test_a_link_cannot_drive_the_terminal() -> None:
    evil = replace(PAGE, name="pa\x1b[2Jge", reason="\r\nx", link="http://a/\x1b]0;pwned\x07")
    for shown in Page:
        text = "\n".join(drawn(replace(OUT, outputs=(evil,), media_s=1.0), 120, 35, view=View(shown)))
        assert not any(char in text for char in "\x1b\x07\r")
