"""A page's server over made streams, and what a browser shows of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.evidence import Cadence, Coverage, StoredFrame, Window
from configs.output_settings import WebSettings
from monitor.describers.base import Description
from monitor.judges.base import Label, Verdict
from monitor.outputs.page.destination import PageDestination
from monitor.outputs.page.wire import KEEPALIVE_S
from monitor.record import Record
from monitor.records import DescriptionRecord, EstimateRecord, VerdictRecord
from monitor.snapshot import EstimateLabel, SessionState, Snapshot, TrackEstimate
from tests.made_browser import Browser
from tests.made_journal import SESSION
from tests.made_snapshot import CAMERA, MIC, live
from tests.made_stream import MadeStream

OVERALL = TrackEstimate(0.81, (0.7, 0.9), EstimateLabel.POSITIVE, 32, 3.0, stale=False)
CURRENT = TrackEstimate(0.24, (0.1, 0.44), EstimateLabel.NEGATIVE, 24, 90.0, stale=True)
LIVE = replace(
    live(SessionState.LIVE, CAMERA, MIC), session=SESSION, media_s=600.0, overall=OVERALL, current=CURRENT, judged=39
)

COUNT: Final = """(selector, name) => {
  const canvas = document.querySelector(selector);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const rgb = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    const off = rgb.reduce((sum, one, place) => sum + Math.abs(data[at + place] - one), 0);
    if (data[at + 3] > 250 && off < 60) count += 1;
  }
  return count;
}"""


class Monitor:
    """A page's server with made streams behind it."""

    def __init__(
        self,
        folder: Path,
        *,
        names: tuple[str, ...] = ("interview",),
        environ: Mapping[str, str] | None = None,
        beat_s: float = KEEPALIVE_S,
        **settings: object,
    ) -> None:
        """Serve on a port of its own."""
        self._beat_s = beat_s
        self._settings = settings
        self.made = [MadeStream(folder / f"{name}.jsonl", name=name) for name in names]
        self._environ = environ or {}
        self._port = 0
        self.begin()

    def restart(self, folder: Path, session: str) -> None:
        """End, and serve another session of the same name at the same place."""
        self.end()
        name = self.made[0].name
        self.close_journals()
        self.made = [MadeStream(folder / f"{session}.jsonl", name=name, session=session)]
        self.begin()

    def begin(self) -> None:
        """Serve, at the place of before."""
        settings = WebSettings.model_validate({"port": self._port, **self._settings})
        self._page = PageDestination(settings, self._environ, period_s=0.05, beat_s=self._beat_s)
        asyncio.run(self._page.open([one.stream for one in self.made]))
        for one in self.made:
            one.outputs[:] = [self._page.output(one.stream)]
            asyncio.run(one.outputs[0].start())
        self.url, self._port = self._page.place.url, self._page.place.port

    def hang(self, seconds: float) -> None:
        """Have the server's thread stand still for so long (s): connections stay, and nothing is said."""
        assert self._page._server is not None
        never = threading.Event()

        def stand() -> None:
            never.wait(seconds)

        self._page._server.tell(stand)

    def end(self) -> None:
        """End the server; the journals stay."""
        asyncio.run(self._page.close())

    def say(self, *records: Record, stream: int = 0) -> None:
        """Write such records."""
        self.made[stream].say(*records)

    def show(self, snapshot: Snapshot = LIVE, picture: StoredFrame | None = None, *, stream: int = 0) -> None:
        """Show such a session."""
        made = self.made[stream]
        made.picture = picture
        made.outputs[0].show(replace(snapshot, seq=made.file.seq))

    def close(self) -> None:
        """End everything."""
        self.end()
        self.close_journals()

    def close_journals(self) -> None:
        """No line more."""
        for one in self.made:
            one.file.close()


def look(browser: Browser, width: int = 1280, *, dark: bool = False, still: bool = False) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    features = {
        "prefers-color-scheme": "dark" if dark else "light",
        "prefers-reduced-motion": "reduce" if still else "",
    }
    browser.send(
        "Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features.items()]
    )


def text(browser: Browser, selector: str) -> str:
    """What an element says, in one line."""
    return " ".join(str(browser.tell(f"document.querySelector({json.dumps(selector)}).innerText")).split())


def says(browser: Browser, selector: str, words: str) -> None:
    """Wait until an element has such words in it."""
    browser.wait(f"document.querySelector({json.dumps(selector)}).innerText.includes({json.dumps(words)})")


def opened(browser: Browser, monitor: Monitor) -> None:
    """Open the page and wait for the history and the state."""
    browser.open(monitor.url)
    browser.wait("document.querySelectorAll('#verdicts li').length > 0")
    says(browser, "#health", "journal")


def drawn(browser: Browser, canvas: str, colour: str) -> int:
    """Count the pixels that have, about, one of the style sheet's colours in a chart."""
    return int(browser.tell(f"({COUNT})({json.dumps(canvas)}, {json.dumps(f'--{colour}')})"))


def verdict(number: int, end_s: float, *, description: str = "Calm.", rationale: str = "Why not.") -> list[Record]:
    window = Window(number, end_s - 30.0, end_s, Cadence.LOCAL)
    said = Verdict(Label.NEGATIVE, 0.2, 8.0, "cues", "cues", calibrated=False, rationale=rationale)
    return [
        DescriptionRecord.of(window, Description(description, "cues")),
        VerdictRecord.of(window, said, Coverage(1.0, 1.0, 1.0)),
        EstimateRecord(media_s=end_s, overall=OVERALL, current=CURRENT),
    ]


def shot(browser: Browser) -> NDArray[np.uint8]:
    """The pixels of the page's picture, uint8[H, W, 3] RGB."""
    flat, width, height = browser.tell(
        "(() => { const c = document.getElementById('preview');"
        " const all = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return [Array.from(all), c.width, c.height]; })()"
    )
    return np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]


def settled(browser: Browser) -> None:
    """Wait longer than a picture takes (0.25 s)."""
    browser.tell("new Promise((done) => setTimeout(done, 700))")
