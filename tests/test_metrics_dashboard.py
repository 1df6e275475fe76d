"""The dashboard for Grafana in docs/: it asks only for figures that there are, and its panels fit together."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from monitor.snapshot import OutputState, OutputStatus, SessionState
from monitor.usage import ModelUse
from tests.made_metrics import families, served
from tests.made_snapshot import CAMERA, live

pytestmark = pytest.mark.unit

FILE = Path(__file__).resolve().parents[1] / "docs" / "grafana" / "emotion-monitor.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS: list[dict[str, Any]] = [target for panel in PANELS for target in panel.get("targets", ())]
KINDS = {"row", "stat", "table", "timeseries"}

FULL = replace(
    live(SessionState.LIVE, CAMERA),
    loop_lag_s=0.01,
    rss_bytes=1,
    models=(ModelUse("judge", "openai", 1, 0, 1.0, 1.0, 10, 2, 0.1),),
    outputs=(OutputStatus("mqtt", OutputState.UP, waiting=0),),
)


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    found: dict[str, set[str]] = {}
    for family in families(served(lambda _: None, FULL)).values():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_figure_that_is_asked_for_is_there_with_the_labels_it_is_asked_by(exposed: dict[str, set[str]]) -> None:
    assert len(TARGETS) > 20
    for target in TARGETS:
        names = re.findall(r"emotion_monitor_[a-z_]+", target["expr"])
        assert names
        for name in names:
            assert name in exposed, name
        labels = set.union(*(exposed[name] for name in names))
        asked = {*re.findall(r"([a-z]+)=~?\"", target["expr"]), *re.findall(r"{{([a-z]+)}}", target["legendFormat"])}
        grouped = re.search(r"by \(([^)]*)\)", target["expr"])
        asked |= set(grouped[1].split(", ")) if grouped else set()
        assert asked <= labels, (target["expr"], asked - labels)


def test_counters_are_asked_for_as_rates_and_nothing_else_is() -> None:
    for target in TARGETS:
        risen = re.findall(r"(?:rate|increase)\((emotion_monitor_[a-z_]+)", target["expr"])
        counters = re.findall(r"emotion_monitor_[a-z_]+_(?:total|bucket)", target["expr"])
        if "cost" not in target["expr"]:  # what was spent so far is meant
            assert sorted(risen) == sorted(counters)


def test_streams_can_be_chosen_and_the_data_source_too() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables.keys() == {"datasource", "stream"}
    assert variables["datasource"]["type"] == "datasource"
    own = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["stream"]["datasource"] == own
    assert all(thing["datasource"] == own for thing in [*TARGETS, *(p for p in PANELS if p["type"] != "row")])
    for target in TARGETS:
        assert 'stream=~"$stream"' in target["expr"] or target["expr"] == "emotion_monitor_resident_memory_bytes"


def test_panels_have_names_explanations_and_ids_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert {panel["type"] for panel in PANELS} == KINDS
    for panel in PANELS:
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"].endswith(".")
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(references)) == len(references)


def test_panels_do_not_overlap_and_stay_on_the_page() -> None:
    boxes = [panel["gridPos"] for panel in PANELS]
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["w"] <= 24
        assert min(box["w"], box["h"]) > 0
    for one, other in combinations(boxes, 2):
        across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
        down = one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
        assert not (across and down)


def test_it_is_a_dashboard_that_grafana_imports_and_names_no_installation() -> None:
    assert DASHBOARD["id"] is None
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["title"] == "emotion-monitor"
    assert "http" not in FILE.read_text(encoding="utf-8")
