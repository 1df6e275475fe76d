"""The report of a session: what stands in it, and what never does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from buffers.evidence import Cadence, Window
from buffers.records import FeedState, Group
from configs.settings import EstimateSettings
from monitor.describers.base import Description, ModelInfo
from monitor.estimate import Estimator
from monitor.judges.base import Label, Verdict
from monitor.record import Record
from monitor.records import (
    DescriptionRecord,
    EndReason,
    EndRecord,
    EstimateRecord,
    FeedRecord,
    MarkRecord,
    Mode,
    SessionRecord,
    StallRecord,
    VerdictRecord,
)
from monitor.report.charts import ENDINGS
from monitor.report.contents import contents
from monitor.report.drawn import estimate_chart, timeline_chart
from monitor.report.judged import windows_section
from monitor.report.page import page
from monitor.report.share import shareable
from monitor.report.wording import clock, length, share, shown
from monitor.session_view import BlindSpan, SessionView, read_view
from tests.made_journal import SECRETS, SESSION, made_journal, made_records
from tests.made_runs import end, session

pytestmark = pytest.mark.unit

HOSTILE = '</table><script>alert(1)</script><img src="//a.test/x" onerror="x()"> $\\alpha$ \u202eevil\u2066 \x1b[2J'


class Tags(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def read(folder: Path, *records: Record) -> SessionView:
    return read_view(made_journal(folder / "a.jsonl", records or made_records()))


def shown_page(view: SessionView, *, running: bool = False, shared: bool = False) -> str:
    return page(contents(view, running=running, share=shared), "0.1.0")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the made session."""
    return shown_page(read(tmp_path_factory.mktemp("made")))


def test_a_report_holds_what_the_session_was(text: str) -> None:
    for words in (
        "The source came to its end at 10:00.",
        "39 windows, 7 of them abstained",
        "too little was seen",
        "Touching nose (N7)",
        "elbows out of view",
        "source lost",
        "laughter",
        "carol agreed",
        "cannot read /home/carol/labels.csv",
        "wrote /home/carol/clean.mkv",
        "faces found by centerface, mask solid, voice level-matched",
        "connection refused",
        "face masking",
        "cd" * 32,
    ):
        assert words in text, words


def test_it_says_at_the_top_how_little_it_is(text: str) -> None:
    before = text[: text.index("<main>")]
    for words in ("Heuristic", "Uncalibrated", "Research software", "Art. 5(1)(f)", "Before you pass it on"):
        assert words in before


def test_a_calibrated_model_is_not_called_a_heuristic(tmp_path: Path) -> None:
    view = read(tmp_path)
    model = ModelInfo("openai", heuristic=False, calibrated=True, notice="")
    windows = tuple(
        replace(one, verdict=None if one.verdict is None else replace(one.verdict, calibrated=True))
        for one in view.windows
    )
    warnings = contents(
        replace(view, head=replace(view.head, describer=model, judge=model), windows=windows), running=False
    ).warnings
    assert not any(words in warning for warning in warnings for words in ("Heuristic", "Uncalibrated"))


@pytest.mark.parametrize(
    ("calibrated", "says", "says_not"),
    [
        (lambda _: False, "as the judge stated it", "calibration made"),
        (lambda _: True, "calibration made", "as the judge stated it"),
        (lambda place: place % 2 == 0, "Some answers are calibrated", "nothing at all"),
    ],
)
def test_what_p_means_depends_on_whether_the_judge_is_calibrated(
    tmp_path: Path, calibrated: Callable[[int], bool], says: str, says_not: str
) -> None:
    view = read(tmp_path)
    windows = tuple(
        replace(one, verdict=None if one.verdict is None else replace(one.verdict, calibrated=calibrated(place)))
        for place, one in enumerate(view.windows)
    )
    lead = windows_section(replace(view, windows=windows), words=True).lead
    assert says in lead[0]
    assert says_not not in lead[0]


def test_what_is_not_listed_is_told(tmp_path: Path) -> None:
    view = read(tmp_path)
    stall = StallRecord(media_s=1.0, stage="face masking", held_s=7.0, stack="")
    blind = tuple(BlindSpan(Group.HEAD, place, place + 1.0, f"reason {place}") for place in range(500))
    marks = tuple(MarkRecord(media_s=float(place)) for place in range(500))
    text = shown_page(replace(view, blind=blind, marks=marks, stalls=(stall,) * 300))
    for words in ("The last 400 of 500 marks.", "that hid most of 50", "The last 200 of 300 stalls."):
        assert words in text, words


def test_marks_keep_their_numbers_where_not_all_are_drawn(tmp_path: Path) -> None:
    marks = tuple(MarkRecord(media_s=float(place)) for place in range(600))
    text = timeline_chart(replace(read(tmp_path), marks=marks)).inline()
    assert ">600<" in text
    assert ">599<" not in text


@pytest.mark.parametrize(("days", "last"), [(3, "72:00:00"), (30, "672:00:00"), (365, "8064:00:00")])
def test_the_times_of_sessions_of_days_can_be_told_apart(tmp_path: Path, days: int, last: str) -> None:
    text = timeline_chart(replace(read(tmp_path), end_s=days * 86_400.0)).inline()
    times = re.findall(r">(\d+:\d\d(?::\d\d)?)</text>", text)
    assert 3 <= len(times) <= 11
    assert last in times


def test_it_loads_nothing_and_runs_nothing(text: str) -> None:
    tags = Tags(text).found
    names = {tag for tag, _ in tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio"}
    for tag, attributes in tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), tag
            if name in {"href", "src", "xlink:href"}:
                assert value is not None
                assert value.startswith("#"), (tag, value)
    policy = next(one["content"] for tag, one in tags if tag == "meta" and "http-equiv" in one)
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "url(http" not in text
    assert "@import" not in text


def test_no_two_elements_share_an_id(text: str) -> None:
    ids = [one["id"] for _, one in Tags(text).found if "id" in one]
    assert len(ids) == len(set(ids))


def test_what_a_chart_refers_to_is_on_the_page(text: str) -> None:
    ids = {one["id"] for _, one in Tags(text).found if "id" in one}
    assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', text)) <= ids


def test_hostile_words_stay_words(text: str, tmp_path: Path) -> None:
    hostile: list[Record] = []
    for record in made_records():
        match record:
            case DescriptionRecord():
                hostile.append(replace(record, text=HOSTILE, note=HOSTILE, describer=HOSTILE))
            case VerdictRecord():
                hostile.append(replace(record, rationale=HOSTILE, judge=HOSTILE))
            case MarkRecord():
                hostile.append(replace(record, note=HOSTILE))
            case SessionRecord():
                hostile.append(replace(record, source=HOSTILE, consent=HOSTILE, notices=(HOSTILE,), profile=HOSTILE))
            case _:
                hostile.append(record)
    made = shown_page(read(tmp_path, *hostile))
    assert not {"script", "img"} & {tag for tag, _ in Tags(made).found}
    assert "&lt;script&gt;" in made
    assert not set("\u202e\u2066\x1b") & set(made)
    assert len(Tags(made).found) == len(Tags(text).found)


def test_what_is_shared_holds_no_name_note_or_word(tmp_path: Path) -> None:
    for mode in Mode:
        view = read(tmp_path, *made_records(mode=mode))
        text = shown_page(view, shared=True)
        for secret in (*SECRETS, "10.0.0.7", "laughter", "labels.csv", "clean.mkv", "connection refused", "faces.py"):
            assert secret not in text, secret
        assert "abab" not in text
        assert "cdcd" not in text
        assert SESSION not in text
        assert "Made to be passed on" in text
        assert "39 windows" in text


def test_what_is_shared_names_no_file_of_a_feed_and_no_error_of_a_library(tmp_path: Path) -> None:
    reason = "landmark engine lost (OSError: /home/carol/model.task), restarting"
    head = replace(made_records()[0], nfbl="/home/carol/labels.csv")  # type: ignore[call-arg]
    feed = FeedRecord(media_s=10.0, state=FeedState.RESTARTING, reason=reason)
    view = shareable(read(tmp_path, head, feed, end(media_s=60.0)))
    assert view.head.nfbl == "a feed"
    assert {one.reason for one in view.blind} == {"landmark engine lost"}
    assert view.feed[0].reason == ""


def test_a_session_that_goes_on_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    view = read(tmp_path, *made_records(ended=False))
    live = contents(view, running=True)
    assert live.state.startswith("This session has not ended: the report goes as far as 10:00, line 150")
    assert "ended without an end record" in contents(view, running=False).state
    observed = next(section for section in live.sections if section.name == "observed")
    assert "Of the last minute more may have been hidden" in observed.tables[0].note


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_is_told(tmp_path: Path, reason: EndReason) -> None:
    last = made_records()[-1]
    assert isinstance(last, EndRecord)
    view = read(tmp_path, *made_records()[:-1], replace(last, reason=reason))
    assert contents(view, running=False).state.endswith("at 10:00.")


def test_the_same_journal_gives_the_same_report_and_plots(text: str, tmp_path: Path) -> None:
    view = read(tmp_path)
    assert shown_page(view) == text
    chart = estimate_chart(view)
    assert chart is not None
    for ending in ENDINGS:
        assert chart.file(ending) == chart.file(ending)


def test_a_plot_tells_no_time_and_no_maker(tmp_path: Path) -> None:
    text = timeline_chart(read(tmp_path)).file("svg").decode()
    assert "<dc:date>" not in text
    assert "matplotlib.org" not in text
    assert "posture" in re.findall(r">([^<]+)</text>", text)


def test_every_chart_is_described_in_words(text: str) -> None:
    charts = [one for tag, one in Tags(text).found if tag == "svg"]
    assert len(charts) == 5
    assert all(one["role"] == "img" and len(one["aria-label"] or "") > 60 for one in charts)


def test_charts_follow_the_theme_of_the_page(tmp_path: Path) -> None:
    text = timeline_chart(read(tmp_path)).inline()
    assert "var(--ink)" in text
    assert "#1f2328" not in text


@pytest.mark.parametrize(
    "records",
    [
        [session("a.mp4")],
        [session("a.mp4"), end(media_s=0.0)],
        [session("a.mp4", duration_s=None, feed="off"), end(media_s=0.04)],
        made_records()[:6],
    ],
)
def test_a_session_of_next_to_nothing_has_a_report_too(tmp_path: Path, records: list[Record]) -> None:
    text = shown_page(read(tmp_path, *records))
    assert "How it was made" in text


def test_without_a_feed_no_body_language_is_claimed(tmp_path: Path) -> None:
    text = shown_page(read(tmp_path, session("a.mp4", feed="off"), end(media_s=60.0)))
    assert "Body language was not watched" in text
    assert "Own rates" not in text


def test_a_short_session_has_counts_and_no_rates(tmp_path: Path) -> None:
    records = [record for record in made_records() if record.media_s <= 150.0]
    found = contents(read(tmp_path, *records), running=True)
    body = next(section for section in found.sections if section.name == "body")
    assert [chart.name for chart in body.charts] == ["timeline"]
    assert body.tables[0].rows[0][:4] == ("head", "1", "2.5\u00a0min", "too short")


def test_a_day_of_windows_makes_no_endless_file(tmp_path: Path) -> None:
    model = ModelInfo("cues", heuristic=True, calibrated=False, notice="")
    estimator = Estimator(EstimateSettings(), judge=model, stale_after_s=45.0)
    view = read(tmp_path)
    like = view.verdicts[0]
    made = []
    for number in range(1, 5761):
        window = Window(number, number * 15.0 - 15.0, number * 15.0, Cadence.LOCAL)
        verdict = Verdict(Label.POSITIVE, 0.7, 7.0, "cues", "cues", calibrated=False, rationale="y" * 4000)
        estimator.add(window, verdict, like.coverage)
        made.append(
            (
                replace(
                    view.windows[0],
                    window=window,
                    description=DescriptionRecord.of(window, Description("x" * 20_000, "cues")),
                    verdict=VerdictRecord.of(window, verdict, like.coverage),
                ),
                EstimateRecord.of(estimator.at(window.end_s)),
            )
        )
    long = replace(view, end_s=86_400.0, windows=tuple(one for one, _ in made), estimates=tuple(one for _, one in made))
    text = shown_page(long)
    assert len(text) < 5_000_000
    assert "The last 3,000 of 5,760 windows" in text
    assert "more characters are in the journal" in text


def test_of_very_many_events_the_longest_are_listed(tmp_path: Path) -> None:
    view = read(tmp_path)
    one = next(event for event in view.events if event.last.group is Group.HEAD)
    events = tuple(
        replace(one, last=replace(one.last, id=f"e{place}", start_s=place / 10, end_s=place / 10 + place / 1000))
        for place in range(5000)
    )
    text = shown_page(replace(view, events=events))
    assert "The 1,000 longest of 5,000 events." in text
    assert len(timeline_chart(replace(view, events=events)).inline()) < 200_000


@pytest.mark.parametrize(
    ("t_s", "told"), [(0.0, "0:00"), (59.99, "0:59"), (61.0, "1:01"), (3600.0, "1:00:00"), (36_061.0, "10:01:01")]
)
def test_times_are_told_as_a_clock_does(t_s: float, told: str) -> None:
    assert clock(t_s) == told


def test_tenths_are_rounded_into_the_next_minute() -> None:
    assert clock(59.96, tenths=True) == "1:00.0"


@pytest.mark.parametrize(("value", "told"), [(0.0, "0 %"), (0.001, "< 1 %"), (0.999, "> 99 %"), (1.0, "100 %")])
def test_all_but_all_is_not_all(value: float, told: str) -> None:
    assert share(value).replace("\u00a0", " ") == told


def test_words_are_cut_and_say_so() -> None:
    assert shown("abc", 3) == "abc"
    assert shown("abcdef", 3) == "abc\u2026 (3 more characters are in the journal)"
    assert length(59.94).replace("\u00a0", " ") == "59.9 s"
