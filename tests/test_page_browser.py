"""The page in real headless Chromium: what a made session shows, and what no answer of the monitor can make it do.

Driven by `made_browser` like the publisher's page: one process, the DevTools pipe, no driver in between.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from buffers.records import Group, NfblWatch, Track
from monitor.records import GapRecord
from monitor.snapshot import EstimateLabel, SessionState
from tests.made_browser import Browser
from tests.made_journal import made_records
from tests.made_page_browser import LIVE, OVERALL, Monitor, drawn, look, opened, says, settled, shot, text, verdict
from tests.made_stream import made_picture

pytestmark = pytest.mark.browser

TOKEN = "a-token-of-sixteen-signs-and-more"

WATCH = "addEventListener('securitypolicyviolation', (e) => (window.broken ??= []).push(e.violatedDirective));"

BLIND = NfblWatch(600.0, 601.0, ((Group.POSTURE, "no body"),), person=1, people=1)
PAUSED = replace(LIVE, state=SessionState.PAUSED)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(profile=tmp_path_factory.mktemp("profile"), size=(1280, 1000)) as browser:
        browser.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser as if new; a page that broke its content security policy fails the test."""
    chromium.send("Network.clearBrowserCookies")
    look(chromium)
    chromium.console.clear()
    yield chromium
    assert chromium.tell("window.broken ?? []") == []
    chromium.open("about:blank")


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[Monitor]:
    """A monitor with the whole made session, still live."""
    served = Monitor(tmp_path)
    served.say(*made_records(ended=False))
    served.show()
    yield served
    served.close()


def test_a_session_is_shown_with_estimate_verdicts_body_language_and_health(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    assert "▲ positive p 0.81" in text(browser, "#overall")
    assert "p is the probability of positive; interval 0.70 \u2013 0.90" in text(browser, "#overall")
    assert "▼ negative p 0.24" in text(browser, "#current")
    assert "! Stale: 24 verdicts, the last 2 min ago" in text(browser, "#current")
    assert "Heuristic and uncalibrated" in text(browser, "#caution")
    assert "Not for workers, candidates or students (EU AI Act Art. 5(1)(f))" in text(browser, ".notice")
    newest, abstained = (text(browser, f"#verdicts li:nth-child({place})") for place in (1, 5))
    assert newest == (
        "▲ positive 9:28 \u2013 10:00 p 0.70, confidence 7.0 / 10 Two hands move; „she said yes“. Why: “she said yes”"
    )
    assert "○ no answer" in abstained
    assert "too little was seen" in abstained
    assert "4 events: head 2, arms 1, hands 1. At times not to be seen: head, arms." in text(browser, "#lanes-summary")
    assert "Faces are masked (solid)." in text(browser, "#privacy")
    assert "0.4 s behind the source" in text(browser, "#health")
    assert "confidence 7.0 / 10" in text(browser, "#latest")
    assert browser.console == []


def test_the_charts_draw_what_their_words_say(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    assert drawn(browser, "#curve canvas", "overall") > 500
    assert drawn(browser, "#curve canvas", "positive") > 50
    assert drawn(browser, "#curve canvas", "negative") > 50
    before = drawn(browser, "#lanes canvas", "events")
    assert before > 500
    # Both charts have the same times at the same places.
    places = [
        browser.tell(f"document.querySelector('{one} .u-over').getBoundingClientRect().x")
        for one in ("#curve", "#lanes")
    ]
    assert places[0] == places[1]
    browser.click("input[value='300']")
    browser.tell("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    assert drawn(browser, "#lanes canvas", "events") < before


def test_a_group_that_cannot_be_seen_now_is_hatched_before_that_is_written_down(
    browser: Browser, monitor: Monitor
) -> None:
    opened(browser, monitor)
    before = drawn(browser, "#lanes canvas", "unseen")
    monitor.show(replace(LIVE, media_s=601.0, nfbl_watch=BLIND))
    says(browser, "#lanes-summary", "Not to be seen now: posture (no body).")
    assert "posture not seen: no body" in text(browser, "#health")
    assert drawn(browser, "#lanes canvas", "unseen") > before


def test_older_verdicts_and_the_tables_are_there_for_who_asks(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    assert browser.tell("document.querySelectorAll('#verdicts li').length") == 8
    browser.click("#verdicts-more")
    browser.wait("document.querySelectorAll('#verdicts li').length === 32")
    browser.click("summary")
    says(browser, "#tables", "Touching ear (right), head")
    assert "elbows out of view" in text(browser, "#tables")


@pytest.mark.parametrize("width", [1280, 360])
def test_no_rule_of_accessibility_is_broken(browser: Browser, monitor: Monitor, width: int) -> None:
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe is not installed")
    look(browser, width)
    monitor.show(LIVE, made_picture())
    opened(browser, monitor)
    browser.click("summary")
    browser.tell((Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8") + "; 0")
    for dark in (False, True):
        look(browser, width, dark=dark, still=True)
        found = browser.tell("axe.run().then((all) => all.violations.map((one) => [one.id, one.nodes[0].html]))")
        assert found == []
    assert browser.tell("document.documentElement.scrollWidth") <= width


def test_a_monitor_that_comes_back_is_shown_on_without_anything_twice(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    assert text(browser, "#verdicts-count") == "39 windows judged, newest first"
    monitor.end()
    says(browser, "#connected", "The monitor has ended")
    says(browser, "#session-said", "no connection")

    monitor.begin()
    monitor.say(*verdict(90, 630.0, description="After the break."))
    monitor.show(replace(LIVE, media_s=630.0, judged=40))
    says(browser, "#verdicts", "After the break.")
    says(browser, "#connected", "Connected")
    assert text(browser, "#verdicts-count") == "40 windows judged, newest first"
    browser.click("#verdicts-more")
    spans = browser.tell("[...document.querySelectorAll('#verdicts h3')].map((one) => one.innerText)")
    assert len(spans) == len(set(spans)) == 32


def test_hostile_words_stay_words(browser: Browser, monitor: Monitor) -> None:
    markup = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    monitor.say(*verdict(91, 640.0, description=markup, rationale="\u202e drawkcab \u2066" + "שלום"))
    monitor.say(*verdict(92, 650.0, description="w" * 100_000))
    monitor.say(GapRecord(media_s=655.0, track=Track.VIDEO, start_s=651.0, end_s=655.0, reason=markup))
    look(browser, 360)
    opened(browser, monitor)
    says(browser, "#verdicts", "<img src=x onerror=")
    assert browser.tell("document.querySelectorAll('#verdicts img, #verdicts script').length") == 0
    assert browser.tell("document.title") == "interview · emotion-monitor"
    assert len(text(browser, "#verdicts")) < 20_000
    assert "more characters" in text(browser, "#verdicts")
    assert browser.tell("document.documentElement.scrollWidth") <= 360
    browser.click("summary")
    says(browser, "#tables", "<img src=x")
    # Text that runs the other way turns round nothing of the page's own.
    assert browser.tell("getComputedStyle(document.querySelector('#verdicts .why bdi')).unicodeBidi") == "isolate"


def test_without_the_token_nothing_is_shown_and_with_it_the_address_keeps_none(
    browser: Browser, tmp_path: Path
) -> None:
    asking = Monitor(tmp_path, environ={"EMOTION_MONITOR_WEB_TOKEN": TOKEN})
    try:
        asking.say(*made_records(ended=False))
        asking.show()
        browser.open(asking.url)
        says(browser, "#asking", "This monitor asks for its token")
        assert browser.tell("document.activeElement.id") == "token"
        browser.send("Input.insertText", text="not-the-token-of-this-one")
        browser.press("Enter")
        says(browser, "#wrong", "not this monitor's token")
        assert browser.tell("document.getElementById('shown').hidden")

        # What was wrong is selected: the next one takes its place.
        browser.send("Input.insertText", text=TOKEN)
        browser.press("Enter")
        says(browser, "#verdicts", "positive")
        assert browser.tell("document.getElementById('asking').hidden")

        browser.send("Network.clearBrowserCookies")
        browser.open("about:blank")
        browser.open(f"{asking.url}#token={TOKEN}")
        says(browser, "#verdicts", "positive")
        assert TOKEN not in browser.tell(
            "location.href + document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
        )
    finally:
        asking.close()


def test_the_picture_is_the_masked_one_and_goes_when_there_is_none_to_show(browser: Browser, monitor: Monitor) -> None:
    made = made_picture(7.0)
    monitor.show(LIVE, made)
    opened(browser, monitor)
    browser.wait("document.getElementById('preview-time').textContent === 'Picture of 0:07'")
    pixels = cv2.imdecode(np.frombuffer(made.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    expected = pixels[..., ::-1].astype(int)
    assert np.abs(shot(browser).astype(int) - expected).max() <= 4

    monitor.show(PAUSED)
    says(browser, "#over", "Paused for privacy")
    assert not shot(browser).any()
    assert "No picture is captured now." in text(browser, "#privacy")


def test_a_session_that_has_ended_stays_to_be_read(browser: Browser, monitor: Monitor) -> None:
    monitor.show(LIVE, made_picture())
    opened(browser, monitor)
    browser.wait("document.getElementById('over').hidden")
    monitor.say(*made_records()[-1:])
    monitor.show(replace(LIVE, state=SessionState.ENDED))
    says(browser, "#over", "The session has ended")
    says(browser, "#session-said", "Ended")
    assert "next" not in text(browser, "#session-time")
    assert "39 windows judged" in text(browser, "#verdicts-count")


def test_the_picture_stops_when_a_person_says_so(browser: Browser, monitor: Monitor) -> None:
    monitor.show(LIVE, made_picture(7.0))
    opened(browser, monitor)
    browser.wait("document.getElementById('preview-time').textContent === 'Picture of 0:07'")
    browser.click("#preview-button")
    assert text(browser, "#preview-button") == "Play the picture"
    monitor.show(LIVE, made_picture(9.0, grey=200))
    settled(browser)
    assert text(browser, "#preview-time") == "Picture of 0:07"
    browser.click("#preview-button")
    monitor.show(LIVE, made_picture(11.0, grey=200))
    browser.wait("document.getElementById('preview-time').textContent === 'Picture of 0:11'")


def test_who_wants_less_motion_gets_a_picture_only_when_asked(browser: Browser, monitor: Monitor) -> None:
    monitor.show(LIVE, made_picture(7.0))
    look(browser, still=True)
    opened(browser, monitor)
    says(browser, "#over", "The picture is paused here")
    settled(browser)
    asked = "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('preview.jpg')).length"
    assert browser.tell(asked) == 0
    browser.click("#preview-button")
    browser.wait("document.getElementById('preview-time').textContent === 'Picture of 0:07'")


def test_several_streams_have_tabs_that_arrows_go_through(browser: Browser, tmp_path: Path) -> None:
    several = Monitor(tmp_path, names=("front", "side"))
    try:
        several.say(*made_records(ended=False))
        several.show()
        several.say(*made_records(ended=False)[:1], *verdict(7, 60.0, description="Seen from the side."), stream=1)
        several.show(stream=1)
        browser.open(several.url)
        says(browser, "#verdicts", "Two hands move")
        browser.tell("document.querySelector('[role=tab]').focus()")
        browser.press("ArrowRight")
        says(browser, "#verdicts", "Seen from the side.")
        assert "Two hands move" not in text(browser, "#verdicts")
        assert browser.tell("document.activeElement.textContent").startswith("●side")
        assert browser.tell("document.activeElement.getAttribute('aria-selected')") == "true"
    finally:
        several.close()


def test_only_a_new_answer_is_announced(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    says_news = "document.getElementById('news').textContent"
    assert browser.tell(says_news) == "Estimate: overall positive, current negative"
    browser.tell(
        "window.told = 0; new MutationObserver(() => (window.told += 1))"
        ".observe(document.getElementById('news'), {childList: true, subtree: true})"
    )
    monitor.show(replace(LIVE, media_s=601.0, overall=replace(OVERALL, p_positive=0.82)))
    says(browser, "#overall", "p 0.82")
    monitor.show(replace(LIVE, media_s=602.0, overall=replace(OVERALL, p_positive=0.5, label=EstimateLabel.UNCERTAIN)))
    browser.wait(f"{says_news} === 'Estimate: overall uncertain, current negative'")
    assert browser.tell("window.told") == 1


def test_the_keyboard_reaches_the_estimate_first(browser: Browser, monitor: Monitor) -> None:
    opened(browser, monitor)
    browser.press("Tab")
    assert browser.tell("document.activeElement.className") == "skip"
    browser.press("Enter")
    assert browser.tell("document.activeElement.id") == "main"
