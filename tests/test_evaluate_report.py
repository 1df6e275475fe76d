"""A whole evaluation: what is put together, the table, the JSON and the picture."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from buffers.records import Group
from configs.errors import ConfigError
from monitor.evaluate.evaluation import Evaluation, clips_of, evaluate, headline
from monitor.evaluate.figures import Options
from monitor.evaluate.journals import Run
from monitor.evaluate.labels import Label, LabelFile
from monitor.evaluate.segments import Blind, Clip, Prediction
from monitor.evaluate.table import SCHEMA, WIDTH, as_json, table
from monitor.evaluate.timeline import Fate, fates, timeline
from monitor.records import Mode
from tests.made_runs import clip, label, label_file, report

pytestmark = pytest.mark.unit

LABELS = [label("N7", 2, 4, "N34"), label("N10", 4.2, 6), label("N25", 20, 30), label("N16", 40, 44)]
REPORTS = [report("N34", 2, 6), report("N22", 21, 25), report("N30", 50, 51), report("N31", 55, 56)]
CLIPS = (
    clip(*REPORTS, labels=LABELS, name="a.mp4", blind=[Blind(Group.HANDS, 0, 30, "hands <out> of view")]),
    clip(report("N7", 1, 2), report("N31", 5, 6), name="none.mp4", negative=True, length_s=120.0),
)


def evaluated(clips: tuple[Clip, ...] = CLIPS, *raters: str) -> Evaluation:
    return evaluate(label_file(clips, *raters), clips, ("rules",), Options())


def run(source: str, *reports: Prediction, length_s: float = 60.0) -> Run:
    return Run(source, "rules", Mode.MAX, length_s, reports, ())


def labels_of(*labels: Label) -> LabelFile:
    return LabelFile("labels.csv", labels, tuple(dict.fromkeys(one.clip for one in labels)), (), ())


def test_clips_are_put_together_by_name() -> None:
    labels = labels_of(label("N7", 1, 2, clip="a.mp4"), label("N10", 1, 2, clip="b.mp4"))
    runs = {name: run(name, report("N7", 1, 2)) for name in ("x.mp4", "b.mp4", "a.mp4")}
    found = clips_of(labels, runs, ("x.mp4",))
    assert [(one.name, one.negative, len(one.labels), len(one.predictions)) for one in found] == [
        ("a.mp4", False, 1, 1),
        ("b.mp4", False, 1, 1),
        ("x.mp4", True, 0, 1),
    ]


def test_a_journal_of_another_clip_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the journal for a\.mp4 is of b\.mp4"):
        clips_of(labels_of(label("N7", 1, 2)), {"a.mp4": run("b.mp4")})


def test_labels_and_runs_that_have_no_clip_in_common_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"labels a\.mp4, but what was run is b\.mp4"):
        clips_of(labels_of(label("N7", 1, 2)), {"b.mp4": run("b.mp4")})


@pytest.mark.parametrize(("end_s", "right"), [(60.0, True), (60.5, True), (61.0, False)])
def test_a_label_beyond_the_end_of_its_clip_is_refused(end_s: float, right: bool) -> None:
    labels, runs = labels_of(label("N7", 1, end_s)), {"a.mp4": run("a.mp4")}
    if right:
        clips_of(labels, runs)
        return
    with pytest.raises(ConfigError, match=r"ends at 61 s, but a\.mp4 lasts 60\.00 s"):
        clips_of(labels, runs)


def test_labelled_clips_that_were_not_run_are_told() -> None:
    labels = labels_of(label("N7", 1, 2), label("N7", 1, 2, clip="b.mp4"))
    clips = clips_of(labels, {"a.mp4": run("a.mp4")})
    found = evaluate(labels, clips, (), Options())
    assert found.notices == ("labelled, but not evaluated: b.mp4",)
    assert found.clips == 1


def test_the_first_line_says_how_little_there_is() -> None:
    expected = "3 events on 1 clip (60 s), 1 negative (120 s), raters not named: a smoke test, not a benchmark"
    assert headline(evaluated()) == expected
    assert table(evaluated()).splitlines()[0] == expected
    assert "2 raters" in headline(evaluated(CLIPS, "eva", "kim"))


@pytest.mark.parametrize(("events", "benchmark"), [(99, False), (100, True)])
def test_a_hundred_events_are_a_benchmark(events: int, benchmark: bool) -> None:
    labels = [label("N7", 10 * n, 10 * n + 1) for n in range(events)]
    found = evaluated((clip(labels=labels, length_s=2000.0),))
    assert ("not a benchmark" not in headline(found)) is benchmark


def test_each_class_and_each_clip_has_its_row() -> None:
    found = evaluated()
    classes = {one.class_id: one for one in found.classes}
    assert (classes["N7"].labels, classes["N7"].found_exact, classes["N7"].found_alternatives) == (1, 0, 1)
    assert (classes["N34"].reports, classes["N34"].right_exact, classes["N34"].right_alternatives) == (1, 0, 1)
    assert "N25" not in classes
    first, negative = found.per_clip
    assert (first.labels, first.left_out, first.found, first.missed, first.false, first.excused) == (3, 1, 1, 1, 1, 1)
    assert first.blind_share == pytest.approx(0.5 / 4)
    assert (negative.negative, negative.false, negative.illustrative) == (True, 1, 1)
    assert found.left_out == (("N25", 1),)


def test_illustrative_gestures_are_told_apart_until_asked_for() -> None:
    alarms = dict(evaluated().alarms)
    assert (alarms["nfbl"].events, alarms["illustrative"].events) == (1, 1)
    assert Group.ILLUSTRATIVE not in [one.group for one in evaluated().groups]
    asked = evaluate(label_file(CLIPS), CLIPS, (), Options(left_out=frozenset()))
    assert Group.ILLUSTRATIVE in [one.group for one in asked.groups]


def test_the_table_fits_its_width_and_names_every_part() -> None:
    long = clip(name="x" * 150 + ".mp4", negative=True)
    text = table(evaluated((*CLIPS, long)))
    assert max(map(len, text.splitlines())) <= WIDTH
    for part in ("exact class", "alternatives accepted", "onset 0.5 s", "posture", "all body language", "p90", "N34"):
        assert part in text
    assert "No intervals: fewer than 3 clips" in text
    assert "max speed" in text


def test_the_json_holds_every_figure_under_stable_names() -> None:
    found = json.loads(as_json(evaluated()))
    assert found["schema"] == SCHEMA == 1
    assert set(found) == {
        "schema", "headline", "labels", "raters", "events", "left_out", "clips", "labelled_s", "negatives",
        "negative_s", "feeds", "modes", "options", "segments", "onsets", "groups", "mean_average_precision", "rate",
        "alarms", "delay", "classes", "per_clip", "notices",
    }  # fmt: skip
    assert [(one["level"], one["iou"]) for one in found["segments"]] == [
        (level, iou) for level in ("exact", "alternatives", "group") for iou in (0.1, 0.25, 0.5)
    ]
    assert found["options"]["left_out"] == ["N1", "N25", "N28", "N31", "N32", "N33"]
    assert found["left_out"] == {"N25": 1}
    assert found["alarms"]["nfbl"]["per_min"] == 0.5
    assert found["segments"][0]["score"]["f1_interval"] is None


def test_labels_and_reports_have_their_fates() -> None:
    labels, reports = fates(CLIPS[0], evaluated())
    assert labels == (Fate.MATCHED, Fate.MATCHED, Fate.APART, Fate.MISSED)
    assert reports == (Fate.MATCHED, Fate.APART, Fate.FALSE, Fate.APART)
    assert fates(CLIPS[1], evaluated())[1] == (Fate.FALSE, Fate.APART)


def test_the_picture_is_sound_and_shows_every_event() -> None:
    strange = clip(report("N7", 1, 2), name='a<b>&"c\x01.mp4', labels=[label("N7", 1, 2)])
    clips = (*CLIPS, strange)
    root = ET.fromstring(timeline(clips, evaluated(clips)))
    hints = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert sum(hint.startswith("label ") for hint in hints) == len(LABELS) + 1
    assert sum(hint.startswith("report ") for hint in hints) == len(REPORTS) + 3
    assert "hands not seen, 0.00-30.00 s: hands <out> of view" in hints


def test_no_bar_leaves_the_picture() -> None:
    made = clip(report("N7", 59.9, 75.0), report("N7", 70.0, 71.0), length_s=60.0)
    root = ET.fromstring(timeline((made,), evaluated((made,))))
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        if rect.get("rx"):
            assert float(rect.get("x", "0")) + float(rect.get("width", "0")) <= 1200
