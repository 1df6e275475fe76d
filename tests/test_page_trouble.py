"""What the page says when a session hangs, a journal is damaged, or we are wrong ourselves: it goes on and tells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor import records
from monitor.outputs.page.history import History
from monitor.reading import Entry
from monitor.snapshot import OutputState, SessionState
from tests.made_journal import made_records
from tests.made_page import MadePage, served
from tests.made_snapshot import RUNNING, live

pytestmark = pytest.mark.unit


@pytest.fixture
def page(tmp_path: Path) -> Iterator[MadePage]:
    with served(tmp_path) as made:
        yield made


def test_a_session_that_hangs_is_told_to_be_silent_until_it_says_something_again(
    page: MadePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.outputs.page.feed._SILENT_S", 0.2)
    with page.viewer() as viewer:
        page.show(RUNNING)
        assert viewer.until("state", answers=True)["state"] == "live"
        silent = viewer.until("state", answers=False)
        assert (silent["state"], silent["says"]) == ("stalled", "The session does not answer")
        assert page.get("/streams").json()["streams"][0]["state"] == "stalled"
        page.show(RUNNING)
        assert viewer.until("state", answers=True)["state"] == "live"


def test_a_session_that_is_over_needs_say_nothing_more(page: MadePage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.outputs.page.feed._SILENT_S", 0.0)
    page.show(live(SessionState.ENDED))
    with page.viewer() as viewer:
        assert viewer.next("state").data["state"] == "ended"


def test_a_journal_that_is_damaged_is_reported_and_the_state_goes_on(page: MadePage) -> None:
    page.say(made_records()[0])
    with page.streams[0].journal.open("ab") as file:
        file.write(b"not a journal\n")
    page.streams[0].outputs[0].record("")
    page.show(RUNNING)
    with page.viewer() as viewer:
        assert viewer.next("state").data["state"] == "live"
        assert viewer.next("trouble").data["says"].startswith("its journal cannot be read")
    page.show(replace(RUNNING, media_s=201.0))
    assert page.streams[0].told[-1].state is OutputState.STOPPED
    assert page.streams[0].told[-1].reason == "its journal cannot be read: the page shows no verdicts any more"


def test_a_fault_of_our_own_is_one_line_is_told_to_viewers_and_is_over_when_it_is_over(
    page: MadePage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise ValueError

    with page.viewer() as viewer:
        with monkeypatch.context() as patched:
            patched.setattr("monitor.outputs.page.feed.state_payload", broken)
            page.show(RUNNING)
            said = "unexpected ValueError: the page is not up to date, please report it"
            assert viewer.next("trouble").data == {"says": said}
            page.show(RUNNING)
        down = page.streams[0].told[-1]
        assert (down.state, down.reason) == (OutputState.DOWN, said)
        page.show(RUNNING)
        assert {viewer.next("trouble", "state").kind for _ in range(2)} == {"trouble", "state"}
    page.show(RUNNING)
    assert page.streams[0].told[-1].state is OutputState.UP
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [f"interview: {said}"]
    assert "Traceback" not in "".join(record.exc_text or "" for record in caplog.records if record.levelno > 10)


def test_a_line_that_cannot_be_told_is_left_out_and_the_others_are_told(
    page: MadePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = History.take

    def broken(self: History, entry: Entry) -> object:
        if entry.seq == 2:
            raise KeyError
        return told(self, entry)

    monkeypatch.setattr(History, "take", broken)
    with page.viewer() as viewer:
        page.say(made_records()[0], *(records.MarkRecord(media_s=1.0, note=note) for note in "ab"))
        viewer.until("record", note="b")
        assert viewer.next("trouble").data["says"].startswith("unexpected KeyError: a line of its journal is not on")


def test_a_number_that_is_none_ends_nothing(page: MadePage) -> None:
    page.show(replace(RUNNING, next_window_s=math.inf, lag_s=math.nan))
    with page.viewer() as viewer:
        state = viewer.next("state").data
        assert (state["next_window_s"], state["lag_s"]) == (None, None)
