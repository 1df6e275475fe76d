"""One recording played once, and evidence cut for any parts of it."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from buffers.evidence import Cadence, EvidencePlan, Window
from buffers.thinning import Thinned
from configs.errors import ConfigError, SourceUnreadable
from configs.load import load_settings
from configs.settings import Settings
from monitor.evaluate.dataset.trials import Spans, parts_of
from monitor.evidence import evidence_digest
from monitor.harvest import LEAST_SHARE, Harvest, harvest
from tests.made_dataset import number_in, write_clip

PLAN = EvidencePlan(32, 8)


def settings(*overrides: str) -> Settings:
    return load_settings(None, ("nfbl.source=off", "seed=0", *overrides), {}).settings


def played(path: Path, *lengths: int, seeds: int = 2, overrides: tuple[str, ...] = ()) -> Harvest:
    spans = Spans(path.name, parts_of(lengths, seeds))
    return harvest(str(path), settings(*overrides), spans, PLAN, lambda *_: None)


@pytest.fixture(scope="module")
def recording(models: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "long.mp4"
    write_clip(path, 37, seconds=45.0)
    return path


@pytest.mark.media
def test_a_fifth_of_a_recording_has_all_its_frames_and_clips_and_nothing_from_outside(recording: Path) -> None:
    found = played(recording, 20, 100)
    assert found.length_s == pytest.approx(45.0, abs=0.1)
    for evidence in found.evidence:
        window = evidence.window
        assert (len(evidence.frames), len(evidence.clips)) == (32, 8)
        assert all(window.start_s <= frame.t_s < window.end_s for frame in evidence.frames)
        assert all(window.start_s <= clip.t_s < window.end_s for clip in evidence.clips)
        assert all(window.start_s <= one.t_s < window.end_s for one in evidence.prosody)
        assert evidence.coverage.video > 0.95
        assert evidence.coverage.audio > 0.95
        assert evidence.baseline.observed_s == 0.0
        assert number_in(evidence) == 37


@pytest.mark.media
def test_the_same_part_is_the_same_evidence_whatever_else_was_asked_for(recording: Path) -> None:
    alone = played(recording, 20, seeds=1).evidence[0]
    among = played(recording, 20, 50, 100, seeds=3).evidence[0]
    assert evidence_digest(alone) == evidence_digest(among) == evidence_digest(pickle.loads(pickle.dumps(alone)))


@pytest.mark.media
def test_annotations_are_told_where_they_are(recording: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_text("start_s,end_s,class\n10.0,12.0,N7\n", encoding="utf-8")
    first = Window(1, 0.0, 20.0, Cadence.GLOBAL)
    last = Window(2, 25.0, 45.0, Cadence.GLOBAL)
    used = settings(f"nfbl.source={notes}")
    found = harvest(str(recording), used, lambda _: [first, last], PLAN, lambda *_: None)
    assert [len(one.events) for one in found.evidence] == [1, 0]
    assert all(one.coverage.nfbl > 0.9 for one in found.evidence)


@pytest.mark.media
def test_whoever_watches_the_progress_may_end_it(recording: Path) -> None:
    def enough(done_s: float, total_s: float | None) -> None:
        assert total_s == pytest.approx(45.0, abs=0.1)
        if done_s > 1.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harvest(str(recording), settings(), lambda _: [], PLAN, enough)


@pytest.mark.media
def test_what_cannot_be_played_is_told(models: None, tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(SourceUnreadable):
        played(tmp_path / "no.mp4", 100)
    with pytest.raises(ConfigError):
        played(tmp_path / "missing.mp4", 100)


@pytest.mark.unit
@pytest.mark.parametrize("minutes", [7, 30, 61, 240])
def test_beyond_the_ceiling_the_whole_session_part_still_fills_the_shortest_part(minutes: int) -> None:
    times_s = [place / 4 for place in range(minutes * 60 * 4)]
    kept: Thinned[float] = Thinned(capacity=math.ceil(2 * (PLAN.frames + 1) / LEAST_SHARE), spacing_s=0.25)
    for t_s in times_s:
        kept.offer(t_s, t_s)
    part_s = LEAST_SHARE * minutes * 60
    starts_s = [place * (minutes * 60 - part_s) / 200 for place in range(201)]
    least = min(len(kept.between(start_s, start_s + part_s)) for start_s in starts_s)
    assert least >= min(PLAN.frames, math.floor(4 * part_s))
