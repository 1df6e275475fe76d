"""The cues over a recording, in a real browser: what is shown when, and that cues of one moment do not cover others."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from buffers.records import Track
from monitor.export.export import export
from monitor.export.order import Form, Order
from monitor.record import Record
from monitor.records import MarkRecord
from streams.recording.live import LiveRecorder
from tests.made_browser import CHROMIUM, Browser
from tests.made_clean import numbered_frames
from tests.made_journal import made_journal, made_records

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]

PAGE = """<!doctype html><title>cues</title>
<video src="{clip}" width="640" muted><track default src="cues.vtt"></video>
<script>
  const video = document.querySelector("video"), track = document.querySelector("track");
  const shown = () => [...track.track.activeCues].map(cue => [cue.id, cue.getCueAsHTML().textContent, cue.line]);
</script>"""

BEGIN_S = 236.0
"""When the recording's first picture was taken: a judged window is about to end, and arms are about to be folded."""


def test_the_cues_of_a_moment_are_shown_over_the_recording(tmp_path: Path) -> None:
    clip = recorded(tmp_path / "clean.mkv")
    hostile = MarkRecord(media_s=241.5, note="<b>a</b> & --> c\n\n00:00.000 --> 00:09.000\nd")
    journal = made_journal(tmp_path / "session.jsonl", in_order([*made_records(), hostile]))
    out = tmp_path / "cues.vtt"
    export(Order(journal=journal, to=Form.VTT, kinds=("verdict", "nfbl", "mark"), out=out))
    (tmp_path / "page.html").write_text(PAGE.replace("{clip}", clip.name))
    # The cues of a file are another origin's unless the browser is told otherwise.
    with Browser(profile=tmp_path / "profile", more=("--allow-file-access-from-files",)) as browser:
        browser.open((tmp_path / "page.html").as_uri())
        browser.wait("video.readyState >= 2 && track.readyState === 2")
        assert browser.tell("video.duration") == pytest.approx(BEGIN_S + 7.0, abs=0.2), "file time is media time"
        assert browser.tell("track.track.cues.length") == cues_in(out)
        assert texts_at(browser, 239.8) == {"Verdict: abstains", WHOLE}
        assert texts_at(browser, 241.0) == {
            "Verdict: positive, p(positive) 0.700, uncalibrated",
            WHOLE,
            "arms: Folding arms (both)",
        }
        assert texts_at(browser, 241.8) >= {"Mark: <b>a</b> & --> c 00:00.000 --> 00:09.000 d"}
        assert {name.split()[0]: line for name, _, line in browser.tell("shown()")} == {
            "verdict": 0,
            "nfbl": -1,
            "mark": 0,
        }
        assert browser.console == []


WHOLE = "Verdict on the session so far: positive, p(positive) 0.700, uncalibrated"


def recorded(path: Path) -> Path:
    """Seven seconds of a session that began minutes ago, as `watch --record` writes them."""
    recorder = LiveRecorder(path, tracks=(Track.VIDEO,), rate_hz=10.0)
    for frame in numbered_frames(BEGIN_S + n / 10.0 for n in range(70)):
        recorder.take(frame)
    recorder.close()
    assert recorder.failure is None
    return path


def texts_at(browser: Browser, time_s: float) -> set[str]:
    browser.tell(f"video.currentTime = {time_s}")
    browser.wait(f"!video.seeking && Math.abs(video.currentTime - {time_s}) < 0.05")
    threading.Event().wait(0.2)
    return {text for _, text, _ in browser.tell("shown()")}


def cues_in(path: Path) -> int:
    return path.read_text().count(" --> ")


def in_order(made: list[Record]) -> list[Record]:
    return [made[0], *sorted(made[1:], key=lambda record: record.media_s)]
