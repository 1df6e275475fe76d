"""The page in a real browser: clicked through, published from, cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from buffers.records import AUDIO_RATE_HZ, Track
from streams.sources.webrtc.captor import WebrtcCaptor
from tests.made_browser import CHROMIUM, Browser, clip_as_devices
from tests.made_whip import TOKEN, Attempt, kinds, made_captor, made_publisher, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
    pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg is installed"),
]


@pytest.fixture(scope="module")
def devices(media_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return clip_as_devices(media_dir / "video" / "vretalk_face4.mp4", tmp_path_factory.mktemp("devices"), seconds=5.0)


@pytest.fixture
def captor() -> Iterator[WebrtcCaptor]:
    with made_captor() as made:
        yield made


@pytest.fixture
def browser(devices: tuple[Path, Path], tmp_path: Path) -> Iterator[Browser]:
    with Browser(camera=devices[0], microphone=devices[1], profile=tmp_path / "profile") as opened:
        yield opened


def url(captor: WebrtcCaptor, token: str = TOKEN) -> str:
    return f"http://{captor.name.removeprefix('webrtc:')}/#token={token}"


def share(browser: Browser, captor: WebrtcCaptor) -> None:
    browser.open(url(captor))
    browser.click("#look")
    browser.wait("document.getElementById('video').videoWidth > 0")
    browser.click("#consent")
    browser.click("#start")


def test_nothing_is_sent_without_the_tick_and_with_it_picture_and_sound_arrive(
    browser: Browser, captor: WebrtcCaptor
) -> None:
    attempt = Attempt(captor)
    post = attempt.post
    browser.open(url(captor))
    assert TOKEN not in browser.tell("location.href")
    browser.click("#look")
    browser.wait("document.getElementById('video').videoWidth > 0")
    assert browser.tell("document.getElementById('start').disabled")
    browser.click("#start")
    assert browser.said() == ("idle", "Not sharing.")
    browser.click("#consent")
    browser.click("#start")
    until(lambda: len(post.frames) > 50 and len(post.sounds) > 100)
    assert kinds(post) == {Track.VIDEO, Track.AUDIO}
    assert post.notices == ("the publisher ticked the consent box",)
    assert post.loudest > 0.05
    since_s = post.frames[25][0]
    rate_hz = len(post.frames[25:]) / (post.frames[-1][0] - since_s)
    assert rate_hz == pytest.approx(25.0, abs=6.0)
    heard_s = post.sounds[-1][0] - post.sounds[0][0]
    assert sum(count for _, _, count in post.sounds) / AUDIO_RATE_HZ == pytest.approx(heard_s, abs=0.4)
    browser.wait("document.getElementById('said').textContent === 'Live: the monitor receives picture and sound.'")
    # Taking the tick back stops at once.
    browser.click("#consent")
    attempt.over(5.0)
    assert attempt.failure in {"the publisher stopped sharing", "the publisher left"}
    browser.wait("document.getElementById('said').textContent === 'Not sharing.'")
    assert browser.console == []


def test_the_page_waits_while_the_monitor_is_paused_and_redials_by_itself(
    browser: Browser, captor: WebrtcCaptor
) -> None:
    attempt = Attempt(captor)
    share(browser, captor)
    until(lambda: attempt.post.frames)
    attempt.end()
    browser.wait("document.getElementById('state').dataset.state === 'paused'")
    paused = len(attempt.post.frames)
    attempt = Attempt(captor)
    until(lambda: attempt.post.frames and attempt.post.sounds)
    browser.wait("document.getElementById('state').dataset.state === 'live'")
    assert paused
    attempt.end()


def test_the_page_says_that_the_monitor_is_gone(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    share(browser, captor)
    until(lambda: attempt.post.frames)
    browser.wait("document.getElementById('state').dataset.state === 'live'")
    attempt.end()
    captor.close()
    assert browser.wait("document.getElementById('state').dataset.state === 'lost'") < 6.0
    browser.click("#stop")
    browser.wait("document.getElementById('said').textContent === 'Not sharing.'")


def test_a_killed_browser_is_noticed_within_six_seconds(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    share(browser, captor)
    until(lambda: len(attempt.post.frames) > 10)
    browser.kill()
    killed_s = attempt.post.now_s()
    attempt.over(10.0)
    assert attempt.failure == "nothing came from the publisher for 5 s"
    assert attempt.post.now_s() - killed_s < 6.0


def test_closing_the_page_is_noticed_at_once(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    share(browser, captor)
    until(lambda: attempt.post.frames)
    browser.send("Page.navigate", url="about:blank")
    left_s = attempt.post.now_s()
    attempt.over(5.0)
    assert attempt.failure in {"the publisher stopped sharing", "the publisher left"}
    assert attempt.post.now_s() - left_s < 1.5


def test_a_second_browser_is_told_that_somebody_is_sharing(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    with made_publisher() as first:
        first.publish(captor)
        until(lambda: attempt.post.frames)
        share(browser, captor)
        browser.wait("document.getElementById('said').textContent.startsWith('Somebody is sharing already')")
        assert browser.said()[0] == "lost"
    attempt.end()


def test_a_wrong_token_is_told_and_the_right_one_asked_for(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    browser.open(url(captor, "not-the-token-at-all"))
    browser.click("#look")
    browser.wait("document.getElementById('video').videoWidth > 0")
    browser.click("#consent")
    browser.click("#start")
    browser.wait("document.getElementById('state').dataset.state === 'refused'")
    assert "token is missing or wrong" in browser.said()[1]
    assert not browser.tell("document.getElementById('ask').hidden")
    browser.click("#token")
    browser.send("Input.insertText", text=TOKEN)
    browser.click("#start")
    until(lambda: attempt.post.frames)
    attempt.end()


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(browser: Browser, captor: WebrtcCaptor) -> None:
    attempt = Attempt(captor)
    browser.open(url(captor))
    browser.click("#look")
    browser.wait("document.getElementById('video').videoWidth > 0")
    browser.tell("document.activeElement.blur()")
    reached = []
    for _ in range(8):
        browser.press("Tab")
        reached.append(browser.tell("document.activeElement.id"))
    assert {"camera", "mic", "look", "consent"} <= set(reached)
    unnamed = "[...document.querySelectorAll('select, input, meter')].filter((one) => !one.labels.length).length"
    assert browser.tell(unnamed) == 0
    assert browser.tell("document.documentElement.lang") == "en"
    attempt.end()
