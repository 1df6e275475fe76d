"""The live feed with processes of its own: whoever asks when, whatever dies, it tells the same and leaves nothing."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from configs.errors import ModelUnavailable
from configs.settings import NfblSettings
from streams.nfbl.feed import Report
from streams.nfbl.live import LiveFeed
from tests.made_engine import Prank, Start, eventually, spawner_of
from tests.made_feed import (
    ROOM,
    Scene,
    blind_heads,
    closed,
    rules_that_see,
    show,
    spawn_with,
    speak,
    states,
    touching,
)

pytestmark = pytest.mark.unit


class Processes:
    """Makes feeds at max speed with processes of their own, and looks after what they leave behind."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self._feeds: list[LiveFeed] = []

    def __call__(self, begin: Start = Start.AT_ONCE) -> LiveFeed:
        folder = self._folder / str(len(self._feeds))
        folder.mkdir()
        spawn_with(self._monkeypatch, spawner_of(folder, begin))
        self._feeds.append(LiveFeed(NfblSettings(), paced=False))
        return self._feeds[-1]

    def close(self) -> list[int]:
        """Close them; the processes that are still there."""
        for feed in self._feeds:
            feed.close()
        pids = [int(pid) for lives in self._folder.glob("*/lives") for pid in lives.read_text().split()]
        return [pid for pid in pids if psutil.pid_exists(pid)]


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    made = Processes(tmp_path, monkeypatch)
    yield made
    assert made.close() == []


def film(luma: int) -> tuple[Scene, ...]:
    """A room, somebody who comes, a masker without an answer, an empty room, and somebody again."""
    return (
        Scene(0, 1, (), ROOM),
        Scene(1, 3, luma=luma),
        Scene(3, 3.5, None, luma),
        Scene(3.5, 5, (), ROOM),
        Scene(5, 7, luma=luma),
    )


def alone(feed: LiveFeed, scenes: Sequence[Scene]) -> list[Report]:
    speak(feed, 0, 7, 0.9)
    show(feed, *scenes)
    return feed.reports(math.inf)


def beset(feed: LiveFeed, scenes: Sequence[Scene], seed: int) -> list[Report]:
    """Reports that another thread asks for at any time, up to any time that was shown, while frames are shown."""
    speak(feed, 0, 7, 0.9)
    dice, told, shown_s, over = random.Random(seed), list[Report](), [0.0], threading.Event()

    def ask() -> None:
        until_s = 0.0
        while not over.is_set():
            until_s = dice.uniform(until_s, shown_s[0])
            told.extend(feed.reports(until_s))
            over.wait(dice.choice((0.0, 0.0, 0.001, 0.02)))

    asking = threading.Thread(target=ask)
    asking.start()
    for scene in scenes:
        for frame in scene.frames():
            feed.see(frame, scene.faces)
            shown_s[0] = frame.t_s
    over.set()
    asking.join(20.0)
    return told + feed.reports(math.inf)


@pytest.mark.parametrize("luma", [180, int(Prank.DIE_ONCE)], ids=["sound", "dies-once"])
def test_at_max_speed_equal_frames_give_equal_reports_whoever_asks_when(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, luma: int
) -> None:
    rules_that_see(monkeypatch, lambda t_s: touching(1.5, 2.5)(t_s) or touching(5.5, 99)(t_s))
    expected = alone(processes(), film(luma))
    assert closed(expected) == [("N7", 1.5, 2.4), ("N7", 5.5, 6.9)]
    assert len(states(expected)) == (3 if luma == Prank.DIE_ONCE else 1)
    assert [report.t_s for report in expected] == sorted(report.t_s for report in expected)
    for seed in range(3):
        assert beset(processes(), film(luma), seed) == expected


def test_a_view_that_kills_the_engine_again_and_again_turns_it_off_and_the_replay_goes_on(
    processes: Processes,
) -> None:
    feed = processes()
    show(feed, Scene(0, 4, luma=int(Prank.DIE)))
    told = feed.reports(math.inf)
    assert [state[1] for state in states(told)] == ["live", *["restarting", "live"] * 4, "off"]
    assert "lost 5 times" in blind_heads(told)[-1][2]
    assert blind_heads(told)[-1][1] == 3.95
    assert feed.counts.losses == 5


def test_closing_frees_whoever_waits_for_reports(processes: Processes) -> None:
    feed = processes()
    feed.wait_ready()
    told: list[list[Report]] = []
    show(feed, Scene(0, 0.3, luma=int(Prank.HANG)))
    waiting = threading.Thread(target=lambda: told.append(feed.reports(0.25)))
    waiting.start()
    assert not eventually(lambda: bool(told), 0.2)
    feed.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
    feed.close()
    show(feed, Scene(0.3, 1))


def test_an_engine_that_cannot_load_is_told_to_whoever_waits_for_it(processes: Processes) -> None:
    with pytest.raises(ModelUnavailable, match="made-up package is missing"):
        processes(Start.REFUSE).wait_ready()
