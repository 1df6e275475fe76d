"""That the page in a browser shows nothing as of now that is not: old numbers, other sessions, half of what was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from buffers.records import Phase
from monitor.records import NfblRecord
from tests.made_browser import Browser
from tests.made_journal import made_records
from tests.made_page_browser import LIVE, Monitor, drawn, look, opened, says, text, verdict

pytestmark = pytest.mark.browser

LEFTMOST = """(() => {
  const canvas = document.querySelector("#lanes canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue("--events").trim();
  const rgb = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  let least = canvas.width;
  for (let at = 0; at < data.length; at += 4) {
    const off = rgb.reduce((sum, one, place) => sum + Math.abs(data[at + place] - one), 0);
    if (data[at + 3] > 250 && off < 60) least = Math.min(least, (at / 4) % canvas.width);
  }
  return least / canvas.width;
})()"""
"""Where the first event is drawn, as a share of the chart's width."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(profile=tmp_path_factory.mktemp("profile"), size=(1280, 1000)) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    chromium.send("Network.clearBrowserCookies")
    look(chromium)
    yield chromium
    chromium.open("about:blank")


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    """A monitor with the whole made session, still live, that says something often."""
    served = Monitor(tmp_path, beat_s=0.3)
    served.say(*made_records(ended=False))
    served.show()
    yield served
    served.close()


def test_of_a_session_that_is_another_now_nothing_is_shown_of_the_old_one(
    browser: Browser, monitor: Monitor, tmp_path: Path
) -> None:
    opened(browser, monitor)
    says(browser, "#privacy", "Faces are masked")
    monitor.restart(tmp_path, "l-fedcba9876543210")
    says(browser, "#session-said", "Waiting for the session")
    says(browser, "#connected", "Connected")
    assert text(browser, "#session-time") == text(browser, "#privacy") == text(browser, "#health") == ""
    assert "no verdict yet" in text(browser, "#overall")
    assert "0.81" not in text(browser, "#shown")
    assert browser.tell("document.getElementById('as-of').hidden")


def test_a_tab_of_which_nothing_is_known_promises_nothing(browser: Browser, tmp_path: Path) -> None:
    several = Monitor(tmp_path, names=("front", "side"))
    try:
        several.say(*made_records(ended=False))
        several.show()
        opened(browser, several)
        browser.click("#tab-1")
        says(browser, "#session-said", "Waiting for the session")
        assert text(browser, "#privacy") == text(browser, "#health") == ""
        assert "no verdict yet" in text(browser, "#overall")
    finally:
        several.close()


def test_a_monitor_of_which_nothing_is_heard_is_noticed_though_its_connection_stays(
    browser: Browser, monitor: Monitor
) -> None:
    opened(browser, monitor)
    says(browser, "#connected", "Connected")
    monitor.hang(4.0)
    says(browser, "#connected", "Nothing is heard of the monitor")
    says(browser, "#as-of", "what is shown here is as of 10:00 of the session.")
    assert "No news since" in text(browser, "#as-of")
    assert text(browser, "#session-said") == "Not known: no connection"
    says(browser, "#connected", "Connected")


def test_a_session_that_hangs_is_said_to_be_silent_and_its_numbers_old(
    browser: Browser, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.outputs.page.feed._SILENT_S", 1.0)
    monitor.show()
    opened(browser, monitor)
    says(browser, "#session-said", "The session does not answer")
    assert text(browser, "#as-of") == "The session does not answer: what is shown here is as of 10:00 of the session."
    assert "The session does not answer" in text(browser, "#over")
    monitor.show(replace(LIVE, media_s=601.0))
    says(browser, "#session-said", "Watching")
    assert browser.tell("document.getElementById('as-of').hidden")


def test_all_events_that_are_kept_are_drawn_and_what_was_before_them_is_not_blank(
    browser: Browser, tmp_path: Path
) -> None:
    long = Monitor(tmp_path)
    try:
        begun, *rest = made_records(ended=False)
        one = next(record for record in rest if isinstance(record, NfblRecord) and record.phase is Phase.CLOSE)
        long.say(begun, *verdict(1, 60.0))
        spans = ((f"e{number}", number * 1.5) for number in range(2000))
        long.say(*(replace(one, id=name, start_s=at, end_s=at + 0.5, media_s=at + 0.5) for name, at in spans))
        long.show(replace(LIVE, media_s=3000.0))
        opened(browser, long)
        says(browser, "#lanes-summary", "2,000 events: head 2000.")
        axis = 96 / 1230
        assert browser.tell(LEFTMOST) < axis + 0.02
        more = ((f"f{number}", 3000.0 + number * 1.5) for number in range(400))
        long.say(*(replace(one, id=name, start_s=at, end_s=at + 0.5, media_s=at + 0.5) for name, at in more))
        long.show(replace(LIVE, media_s=3600.0))
        says(browser, "#lanes-summary", "The latest 2,000 events: head 2000. What was before 9:59 is in the journal.")
        assert 0.2 < browser.tell(LEFTMOST) < 0.3
        assert drawn(browser, "#lanes canvas", "soft") > 100
        # Who comes anew is told the same.
        opened(browser, long)
        says(browser, "#lanes-summary", "What was before 9:59 is in the journal.")
    finally:
        long.close()


def test_more_verdicts_than_are_kept_are_counted_all_the_same(browser: Browser, monitor: Monitor) -> None:
    for number in range(170):
        monitor.say(*verdict(1000 + number, 601.0 + number))
    monitor.show(replace(LIVE, media_s=771.0, judged=450))
    opened(browser, monitor)
    says(browser, "#verdicts-count", "450 windows judged, newest first, the latest 200 below")


def test_one_viewer_too_many_is_told_why_it_waits(browser: Browser, tmp_path: Path) -> None:
    full = Monitor(tmp_path, most_viewers=1)
    try:
        full.say(*made_records(ended=False))
        full.show()
        with httpx.Client(base_url=full.url, trust_env=False) as client:
            with client.stream("GET", "/streams/interview/events") as answer:
                assert answer.status_code == 200
                browser.open(full.url)
                says(browser, "#connected", "Too many viewers: waiting for a place")
            says(browser, "#connected", "Connected")
    finally:
        full.close()


def test_what_is_read_in_tables_and_health_is_not_torn_down_under_the_reader(
    browser: Browser, monitor: Monitor
) -> None:
    opened(browser, monitor)
    browser.click("summary")
    says(browser, "#tables", "elbows out of view")
    browser.tell(
        "window.changed = 0; for (const id of ['tables', 'health', 'verdicts', 'privacy'])"
        "new MutationObserver((all) => (window.changed += all.filter((one) => !(one.target.nodeName === 'DD')).length))"
        ".observe(document.getElementById(id), {childList: true, subtree: true})"
    )
    monitor.show(replace(LIVE, media_s=601.0, lag_s=1.7))
    says(browser, "#health", "1.7 s behind")
    assert browser.tell("window.changed") == 0
    monitor.say(*verdict(95, 640.0))
    says(browser, "#tables", "10:40")
    # One row of twenty goes, one comes; of the eight verdicts too.
    assert browser.tell("window.changed") == 4


def test_a_token_of_letters_that_no_token_has_is_a_wrong_one(browser: Browser, tmp_path: Path) -> None:
    asking = Monitor(tmp_path, environ={"EMOTION_MONITOR_WEB_TOKEN": "a-token-of-sixteen-signs"})
    try:
        browser.open(asking.url)
        says(browser, "#asking", "This monitor asks for its token")
        browser.send("Input.insertText", text="ключ-от-страницы")
        browser.press("Enter")
        says(browser, "#wrong", "not this monitor's token")
    finally:
        asking.close()
