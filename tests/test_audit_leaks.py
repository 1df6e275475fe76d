"""Counting leaks, reading annotations and measuring times, on tables of cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import Box
from configs.errors import ConfigError
from streams.audit.faces.annotations import load_annotations
from streams.audit.faces.leaks import LeakCounter
from streams.audit.timing import TimingMeter
from streams.media import SourceInfo

pytestmark = pytest.mark.unit

BOX = Box(0, 0, 40, 40)
ALL, NONE = np.ones((20, 20), np.bool_), np.zeros((20, 20), np.bool_)


def counted(shown: dict[int, bool], grown_px: int = 0) -> LeakCounter:
    counter = LeakCounter(dict.fromkeys(shown, (BOX,)), grown_px)
    for index, visible in shown.items():
        counter.add(index, index / 10, NONE if visible else ALL)
    return counter


def test_the_longest_run_is_counted_in_frames_and_seconds() -> None:
    shown = {index: index in {2, 3, 4, 7, 9} for index in range(12)}
    figures = counted(shown).figures()
    assert (figures.leak_frames, figures.exposed_frames, figures.longest_run_frames) == (5, 5, 3)
    assert figures.longest_run_s == pytest.approx(0.3)
    assert (figures.worst_share, figures.worst_frame) == (0.0, 2)


def test_a_run_at_the_end_lasts_one_more_frame() -> None:
    assert counted({0: False, 1: True, 2: True}).figures().longest_run_s == pytest.approx(0.2)


def test_nothing_leaks_where_all_is_hidden() -> None:
    figures = counted(dict.fromkeys(range(5), False)).figures()
    assert (figures.leak_frames, figures.longest_run_s, figures.worst_share) == (0, 0.0, 1.0)


def test_the_worst_of_several_showings_of_one_frame_counts() -> None:
    counter = LeakCounter({0: (BOX,)})
    for cells in (ALL, NONE, ALL):
        counter.add(0, 0.0, cells)
    assert counter.figures().leak_frames == 1


def test_annotated_frames_that_never_come_are_absent() -> None:
    counter = LeakCounter({0: (BOX,), 1: (BOX,), 2: ()})
    counter.add(0, 0.0, ALL)
    counter.add(2, 0.2, NONE)
    figures = counter.figures()
    assert (figures.frames, figures.absent_frames, figures.leak_frames) == (1, 1, 0)


def test_a_grown_box_needs_a_larger_mask() -> None:
    cells = np.zeros((30, 30), np.bool_)
    cells[5:15, 5:15] = True
    plain, wide = (LeakCounter({0: (Box(20, 20, 60, 60),)}, grown_px) for grown_px in (0, 12))
    assert plain.add(0, 0.0, cells) == 1.0
    assert wide.add(0, 0.0, cells) == pytest.approx(40**2 / 64**2)


@given(st.sets(st.integers(0, 60)))
def test_runs_never_exceed_leaks(leaking: set[int]) -> None:
    figures = counted({index: index in leaking for index in range(61)}).figures()
    assert figures.leak_frames == len(leaking)
    assert (figures.longest_run_frames > 0) == bool(leaking)
    assert figures.longest_run_frames <= figures.leak_frames
    assert figures.longest_run_s == pytest.approx(figures.longest_run_frames / 10)


def test_one_box_or_several_a_frame_are_read(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(
        json.dumps({"by": "hand", "boxes": {"3": [0, 0, 4, 5.5], "4": [[0, 0, 4, 4], [8, 8, 9, 9]], "5": []}})
    )
    boxes = load_annotations(path).boxes
    assert boxes == {3: (Box(0, 0, 4, 5.5),), 4: (Box(0, 0, 4, 4), Box(8, 8, 9, 9)), 5: ()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"frame": 0, "boxes": []}\n{"frame": 1, "boxes": []}\n', "says it hid"),
        ("no json", "is not JSON"),
        ("[1, 2]", "holds no boxes"),
        ('{"boxes": {}}', "holds no boxes"),
        ('{"boxes": {"first": [0, 0, 1, 1]}}', "no frame number"),
        ('{"boxes": {"1": [0, 0, 1]}}', "frame 1 has no box"),
        ('{"boxes": {"1": [5, 0, 1, 1]}}', "frame 1 has no box"),
        ('{"boxes": {"1": [0, 0, 1, true]}}', "frame 1 has no box"),
        ('{"boxes": {"1": "face"}}', "frame 1 has no box"),
        ('{"boxes": {"1": [0, 0, 1, NaN]}}', "frame 1 has no box"),
    ],
)
def test_what_is_no_annotation_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as error:
        load_annotations(path)
    assert "\n" not in str(error.value)


def test_a_missing_annotation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_annotations(tmp_path / "none.json")


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_the_mean_error_never_exceeds_the_largest(late_s: list[float]) -> None:
    meter = TimingMeter()
    for each in late_s:
        meter.add(each, repeats=False)
    meter.add(9.0, repeats=True)
    info = SourceInfo("clip", (), None)
    figures = meter.figures(
        source_frames=len(late_s),
        output_frames=len(late_s) + 1,
        missing_frames=0,
        end_error_s=0.0,
        shift_s=0.0,
        infos=(info, info),
    )
    assert figures.extra_frames == 1
    assert figures.largest_error_ms == pytest.approx(1000 * max(map(abs, late_s)))
    assert figures.mean_error_ms <= figures.largest_error_ms + 1e-9
    assert figures.sound_moved_ms is None
    assert figures.times_kept == (figures.largest_error_ms <= 1.0)
