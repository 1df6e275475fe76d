"""The dashboard fits its size whatever it shows, says what it means in words, and passes nothing harmful on."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from buffers.records import Phase
from monitor.judges.base import Label
from monitor.outputs.cells import cut, harmless, mmss, pad, sparkline
from monitor.outputs.dashboard.keys import BINDINGS, Page, View
from monitor.outputs.dashboard.panels import RESEARCH_ONLY
from monitor.outputs.dashboard.render import export_svg, summary, summary_lines
from monitor.outputs.theme import Theme
from monitor.snapshot import EstimateLabel, SessionState, Snapshot
from tests.made_snapshot import CAMERA, EMPTY, MIC, RUNNING, drawn, event, judged, live

pytestmark = pytest.mark.unit


def page(snapshot: Snapshot, width: int = 120, height: int = 35, *, view: View | None = None) -> str:
    return "\n".join(drawn(snapshot, width, height, view=view))


words = st.text(max_size=60)
snapshots = st.builds(
    lambda source, name, why, notices, media_s, page: (
        replace(
            RUNNING,
            source=source,
            media_s=media_s,
            windows=(judged(3, Label.ABSTAIN, why), judged(99999)),
            nfbl=(event(4, name), event(5, name, Phase.OPEN)),
            notices=tuple(notices),
            journal=source,
        ),
        page,
    ),
    words,
    words,
    words,
    st.lists(words, max_size=5),
    st.floats(0.0, 400_000.0),
    st.sampled_from(Page),
)


@settings(max_examples=80, deadline=None)
@given(snapshots, st.integers(1, 160), st.integers(1, 50), st.booleans())
def test_whatever_is_shown_has_exactly_the_asked_size(
    shown: tuple[Snapshot, Page], width: int, height: int, ascii_only: bool
) -> None:
    lines = drawn(shown[0], width, height, view=View(shown[1]), ascii_only=ascii_only)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    if ascii_only:
        assert all(line.isascii() for line in lines)


@pytest.mark.parametrize(("width", "height"), [(120, 35), (110, 30), (80, 24), (79, 24), (60, 10), (20, 2), (1, 1)])
def test_each_size_mode_fits_even_before_anything_is_known(width: int, height: int) -> None:
    lines = drawn(EMPTY, width, height)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}


def test_the_full_dashboard_says_everything_in_words() -> None:
    text = page(RUNNING)
    for said in (
        "LIVE",
        "03:20 / 05:00",
        "lag 0.4 s",
        "face masked",
        "▲ positive  0.64",
        "▼ negative  0.31",
        "stale 01:30",
        "○ abstain",
        "coverage under",
        "next in 9 s",
        "2 skipped",
        "Touching jaw",
        "8.2 a minute",
        "10 dropped",
        "3 whole frames",
        "run.jsonl",
        "Heuristic and uncalibrated",
    ):
        assert said in text, said


def test_an_empty_session_says_what_it_waits_for() -> None:
    text = page(EMPTY)
    assert "listening... first window at 00:10" in text
    assert "feed off: body language is not watched" in text
    assert "no frame yet" in text


def test_a_session_that_ended_without_windows_does_not_listen_any_more() -> None:
    text = page(replace(EMPTY, state=SessionState.ENDED))
    assert "listening" not in text
    assert "no window was judged" in text


@pytest.mark.parametrize(("width", "height"), [(120, 35), (80, 24)])
@pytest.mark.parametrize("shown", list(Page))
def test_the_notices_about_the_numbers_are_on_every_page(width: int, height: int, shown: Page) -> None:
    many = replace(RUNNING, notices=("one", "two", "three", "four"))
    text = page(many, width, height, view=View(shown))
    assert "Heuristic and uncalibrated" in text
    assert RESEARCH_ONLY in text
    assert "more: h" in text


def test_a_calibrated_model_is_not_called_a_heuristic() -> None:
    text = page(replace(RUNNING, heuristic=False, calibrated=True))
    assert "Heuristic" not in text
    assert "ncalibrated" not in text
    assert RESEARCH_ONLY in text


def test_a_tiny_window_still_tells_state_answer_and_warning() -> None:
    first, second, third = drawn(RUNNING, 78, 3)
    assert "LIVE" in first
    assert "▲ positive 0.64" in first
    assert "heuristic" in first
    assert "face masked" in second
    assert "uncalibrated" in third


def test_numbers_change_in_place() -> None:
    later = replace(
        RUNNING, lag_s=12.3, overall=replace(RUNNING.overall, p_positive=0.7, label=EstimateLabel.UNCERTAIN)
    )
    before, after = page(RUNNING).splitlines(), page(later).splitlines()
    assert before[0].index("interview.mp4") == after[0].index("interview.mp4")
    assert before[4].index("0.52") == after[4].index("0.52")


def test_the_verdict_page_has_the_whole_description() -> None:
    long = replace(judged(7), description="one two three " * 60 + "the very end")
    assert "the very end" in page(replace(RUNNING, windows=(long,)), view=View(Page.VERDICT))


def test_the_verdict_page_names_the_models_that_answered_and_who_stood_in() -> None:
    served = replace(RUNNING, describer="openai", describer_model="m-7b", judge="openai", judge_model="j-8b")
    other = replace(judged(7).verdict, describer="openai")
    shown = page(replace(served, windows=(replace(judged(7), verdict=other),)), view=View(Page.VERDICT))
    assert "described by openai (m-7b), judged by openai (j-8b)" in shown
    stood_in = page(replace(served, windows=(judged(7),)), view=View(Page.VERDICT))
    assert "described by cues, judged by openai (j-8b)" in stood_in


def test_a_long_journal_path_shows_its_end_and_the_health_page_shows_all_of_it() -> None:
    path = "/a/very/long/folder/that/nobody/wants/to/read/run.jsonl"
    shown = replace(RUNNING, journal=path)
    assert "journal  run.jsonl" in page(shown)
    assert path in page(shown, view=View(Page.HEALTH))


def test_the_help_page_is_made_of_the_bindings() -> None:
    text = page(RUNNING, view=View(Page.HELP))
    assert all(binding.meaning in text for binding in BINDINGS)


def test_a_frozen_picture_says_so() -> None:
    assert "FROZEN" in page(RUNNING, view=View(frozen=True))
    assert "FROZEN" in page(RUNNING, 60, 3, view=View(frozen=True))


def test_a_source_name_cannot_drive_the_terminal() -> None:
    evil = "\x1b]0;pwned\x07\x1b[2J\u202egpj.exe\r\n"
    clean = "\n".join(
        drawn(replace(RUNNING, source=evil, notices=(evil,), journal=evil), 120, 35, view=View(Page.HEALTH))
    )
    assert not any(char in clean for char in "\x1b\x07\r\u202e")
    assert "]0;pwned[2Jgpj.exe" in clean


def test_colours_come_only_with_glyph_and_word() -> None:
    plain = drawn(RUNNING, 120, 35)
    assert any("▲ positive" in line for line in plain)
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[" in line for line in drawn(RUNNING, 120, 35, colour=True))


def test_the_summary_counts_and_says_where_the_journal_is() -> None:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(
        summary(replace(RUNNING, state=SessionState.ENDED, journal="/a/very/long/" + "x" * 80)), soft_wrap=True
    )
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "verdicts  12 windows: 11 answered, 1 abstained, 2 skipped" in text
    assert "overall   \u25b2 positive 0.64" in text
    assert "/a/very/long/" + "x" * 80 in text
    assert "3 whole frames masked, voice level-matched" in text
    assert RESEARCH_ONLY in text


def test_the_summary_of_a_live_session_tells_what_its_links_went_through_and_where_the_recording_is() -> None:
    ended = replace(live(SessionState.ENDED, CAMERA, MIC), recording="/data/" + "x" * 80 + ".mkv")
    lines = [line.plain for line in summary_lines(ended, Theme(), 60)]
    assert "source    mic:USB Audio: 2 reconnects, 1 jump" in lines
    assert "recorded  /data/" + "x" * 80 + ".mkv" in lines
    assert not any("camera:" in line for line in lines)


def test_the_svg_is_repeatable_and_loads_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    export_svg(RUNNING, first)
    export_svg(RUNNING, second)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert text.startswith("<svg")
    assert "url(http" not in text
    assert "positive" in text


@given(st.text(), st.integers(0, 30), st.booleans())
def test_cut_and_padded_text_keeps_its_width(text: str, width: int, ascii_only: bool) -> None:
    theme = Theme(ascii_only)
    shown = harmless(text, theme)
    assert cell_len(cut(shown, width, theme)) <= width
    assert cell_len(pad(shown, width, theme)) == width
    assert cell_len(pad(shown, -width, theme)) == width


def test_wide_characters_are_never_halved() -> None:
    assert cut("日本語", 4, Theme()) == "日…"
    assert pad("日本語", 4, Theme()) == "日… "


def test_times_read_like_a_clock() -> None:
    assert [mmss(t) for t in (-1.0, 0.0, 59.9, 60.0, 3599.0, 3600.0, 36_061.0)] == [
        "00:00",
        "00:00",
        "00:59",
        "01:00",
        "59:59",
        "1:00:00",
        "10:01:01",
    ]


def test_the_sparkline_shows_the_newest_values() -> None:
    assert sparkline([0.0, 0.5, 1.0], 2, Theme()) == "▅█"
    assert sparkline([0.0, 0.5, 1.0], 0, Theme()) == ""
