"""Which feed the settings open, and what is left where the live one cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from buffers.records import NfblEvent
from configs.errors import ConfigError, MonitorError
from configs.settings import NfblSettings
from streams.media import SourceInfo
from streams.nfbl.live import LiveFeed
from streams.nfbl.open import FeedOpening, Opened
from streams.nfbl.replay import ReplayedFeed
from tests.made_engine import Start, spawner_of
from tests.made_feed import Scene, show, spawn_with
from tests.made_skeleton import made_model

pytestmark = pytest.mark.unit

INFO = SourceInfo("clip.mp4", (), 10.0)

MISSING = "body language is not watched live: the made-up package is missing: pip install it"
"""What the made-up engine says where it refuses, in one line."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "engine"
    made.mkdir()
    return made


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("start_s,end_s,class\n1,3,N7\n", encoding="utf-8")
    return path


Begin = Callable[..., FeedOpening]


@pytest.fixture
def begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begins to open a feed whose engine is made up; whatever was begun leaves no process."""
    begun: list[FeedOpening] = []

    def make(
        source: str, start: Start = Start.AT_ONCE, *, video: bool = True, paced: bool = False, **settings: object
    ) -> FeedOpening:
        spawn_with(monkeypatch, spawner_of(folder, start))
        found = NfblSettings.model_validate({"source": source, **settings})
        begun.append(FeedOpening(found, INFO, video=video, paced=paced))
        return begun[-1]

    yield make
    for opening in begun:
        opening.close()
    assert not [pid for pid in lives(folder) if psutil.pid_exists(pid)]


def lives(folder: Path) -> list[int]:
    """Processes that were started."""
    file = folder / "lives"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def names(opened: Opened) -> str | None:
    return None if opened.feed is None else opened.feed.source


def test_off_opens_nothing_and_is_no_lack(begin: Begin, folder: Path) -> None:
    assert begin("off").ready() == Opened(None, None)
    assert lives(folder) == []


@pytest.mark.parametrize("paced", [True, False])
def test_live_is_the_detector_with_its_engine_at_work(begin: Begin, folder: Path, paced: bool) -> None:
    opened = begin("live", paced=paced).ready()
    assert isinstance(opened.feed, LiveFeed)
    assert (names(opened), opened.lacks) == ("live (rules)", None)
    assert len(lives(folder)) == 1


def test_a_path_is_a_replay_and_starts_no_engine(begin: Begin, labels: Path, folder: Path) -> None:
    opened = begin(str(labels)).ready()
    assert isinstance(opened.feed, ReplayedFeed)
    assert (names(opened), opened.lacks) == ("replay:labels.csv", None)
    assert lives(folder) == []


def test_live_and_a_path_are_joined(begin: Begin, labels: Path) -> None:
    opened = begin(f"live+{labels}").ready()
    assert (names(opened), opened.lacks) == ("live (rules)+replay:labels.csv", None)
    assert opened.feed is not None
    show(opened.feed, Scene(0, 4))
    told = [report.item for report in opened.feed.reports(3.5)]
    assert [event.id for event in told if isinstance(event, NfblEvent)] == ["r1", "r1"]


def test_live_without_its_package_is_off_and_says_why_in_one_line(begin: Begin) -> None:
    assert begin("live", Start.REFUSE).ready() == Opened(None, MISSING)


def test_live_with_an_engine_that_dies_while_it_loads_is_off_and_says_why(begin: Begin) -> None:
    opened = begin("live", Start.DIE).ready()
    assert opened.feed is None
    assert opened.lacks is not None
    assert "signal 11" in opened.lacks
    assert "\n" not in opened.lacks


def test_a_replay_remains_where_live_fails_beside_it(begin: Begin, labels: Path) -> None:
    opened = begin(f"live+{labels}", Start.REFUSE).ready()
    assert isinstance(opened.feed, ReplayedFeed)
    assert opened.lacks == MISSING


@pytest.mark.parametrize("joined", [False, True])
def test_without_a_picture_nothing_is_watched_live(begin: Begin, labels: Path, folder: Path, joined: bool) -> None:
    opened = begin(f"live+{labels}" if joined else "live", video=False).ready()
    assert names(opened) == ("replay:labels.csv" if joined else None)
    assert opened.lacks == "body language is not watched live: there is no picture"
    assert lives(folder) == []


@pytest.mark.parametrize("source", ["{}/none.csv", "live+{}/none.csv", "live+", "{}"])
def test_a_file_that_cannot_be_read_is_refused_before_any_engine_starts(
    begin: Begin, tmp_path: Path, folder: Path, source: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        begin(source.format(tmp_path))
    assert "\n" not in str(caught.value)
    assert lives(folder) == []


def test_a_declaration_that_cannot_be_meant_is_refused(begin: Begin, labels: Path) -> None:
    with pytest.raises(ConfigError):
        begin(str(labels), annotations="fps=often")


def test_a_skeleton_model_takes_the_place_of_the_rules(begin: Begin, tmp_path: Path) -> None:
    opened = begin("live", model=str(made_model(tmp_path / "model"))).ready()
    assert names(opened) == "live (model:tiny+rules)"


def test_a_skeleton_model_that_is_not_there_starts_no_engine(begin: Begin, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(MonitorError):
        begin("live", model=str(tmp_path / "none"))
    assert lives(folder) == []


def test_what_was_begun_can_be_let_go_before_it_is_ready(begin: Begin, folder: Path) -> None:
    opening = begin("live", Start.GATED)
    opening.close()
    assert not [pid for pid in lives(folder) if psutil.pid_exists(pid)]
    opening.close()
