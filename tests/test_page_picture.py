"""The masked picture of the page: the newest or none, never an old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.snapshot import SessionState
from tests.made_page import MadePage, served, until
from tests.made_snapshot import RTSP, RUNNING, live
from tests.made_stream import made_picture

pytestmark = pytest.mark.unit


@pytest.fixture
def page(tmp_path: Path) -> Iterator[MadePage]:
    with served(tmp_path) as made:
        yield made


def test_the_newest_masked_picture_is_served_and_equal_ones_are_not_sent_twice(page: MadePage) -> None:
    picture = page.streams[0].picture = made_picture(2.5)
    page.show(RUNNING)
    until(lambda: page.get("/streams/interview/preview.jpg").status_code == 200)
    answer = page.get("/streams/interview/preview.jpg")
    assert answer.content == picture.jpeg
    assert answer.headers["content-type"] == "image/jpeg"
    assert (answer.headers["x-media-s"], answer.headers["x-every-s"]) == ("2.500", "0.25")
    again = page.get("/streams/interview/preview.jpg", if_none_match=answer.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("state", [SessionState.PAUSED, SessionState.LOST, SessionState.STALLED])
def test_while_there_is_no_picture_the_old_one_is_not_shown(page: MadePage, state: SessionState) -> None:
    page.streams[0].picture = made_picture()
    page.show(RUNNING)
    until(lambda: page.get("/streams/interview/preview.jpg").status_code == 200)
    page.streams[0].picture = None
    page.show(live(state, RTSP))
    until(lambda: page.get("/streams/interview/preview.jpg").status_code == 204)
    assert page.get("/streams/interview/preview.jpg").content == b""


def test_a_session_that_hangs_shows_no_old_picture(page: MadePage, monkeypatch: pytest.MonkeyPatch) -> None:
    page.streams[0].picture = made_picture()
    page.show(RUNNING)
    until(lambda: page.get("/streams/interview/preview.jpg").status_code == 200)
    monkeypatch.setattr("monitor.outputs.page.feed._STALE_S", 0.0)
    assert page.get("/streams/interview/preview.jpg").status_code == 204


def test_pictures_come_no_faster_than_was_set(tmp_path: Path) -> None:
    with served(tmp_path, preview_rate_hz=0.2) as page:
        page.streams[0].picture = made_picture(1.0)
        page.show(RUNNING)
        until(lambda: page.get("/streams/interview/preview.jpg").status_code == 200)
        page.streams[0].picture = made_picture(2.0)
        page.show(replace(RUNNING, media_s=201.0))
        with page.viewer() as viewer:
            viewer.until("state", media_s=201.0)
        answer = page.get("/streams/interview/preview.jpg")
        assert (answer.headers["x-media-s"], answer.headers["x-every-s"]) == ("1.000", "5.00")


def test_pictures_that_are_switched_off_are_not_served(tmp_path: Path) -> None:
    with served(tmp_path, preview=False) as page:
        page.streams[0].picture = made_picture()
        page.show(RUNNING)
        with page.viewer() as viewer:
            assert viewer.next("hello").data["preview"] == {"enabled": False, "every_s": None}
            assert viewer.next("state").data["preview"] == "off"
        assert page.get("/streams/interview/preview.jpg").status_code == 204
