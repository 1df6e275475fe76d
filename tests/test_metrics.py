"""Figures for Prometheus: what is told of which session, in forms that Prometheus reads, and what is not told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from configs.output_settings import MetricsSettings
from monitor.outputs.metrics.destination import MetricsDestination
from monitor.outputs.registry import SilentOutput
from monitor.session.session import Session
from monitor.session.shown import Shown
from monitor.snapshot import OutputState, OutputStatus, SessionState, Snapshot
from monitor.usage import ModelUse
from streams.synthetic import Interview
from tests.made_journal import SECRETS
from tests.made_metrics import Scraped, endpoint, families, samples, served
from tests.made_snapshot import EMPTY, LOST, MIC, RUNNING, live
from tests.sessions import plan

pytestmark = pytest.mark.unit

CAMERA = replace(LOST, name="rtsp://carol:hunter2@10.0.0.7/cam", invitation="https://me/#token=abc")

FULL = replace(
    live(SessionState.LOST, CAMERA, MIC),
    source="carol-interview.mp4",
    journal="/home/carol/run.jsonl",
    recording="/home/carol/clean.mkv",
    notices=("cannot read /home/carol/labels.csv",),
    loop_lag_s=0.02,
    rss_bytes=400_000_000,
    nfbl_looks=700,
    nfbl_skipped=4,
    models=(
        ModelUse("describer", "openai", 11, 2, 33.5, 3.0, 52_000, 900, 0.125),
        ModelUse("judge", "cues", 9, 0, 0.01, 0.001),
    ),
    outputs=(
        OutputStatus("mqtt", OutputState.DOWN, "broker.local refuses", waiting=7),
        OutputStatus("page", OutputState.UP, link="http://127.0.0.1:8765/#token=abc"),
    ),
)


def scraped(*snapshots: Snapshot, accept: str = "text/plain") -> Scraped:
    """What the endpoint tells after these were shown."""
    return served(lambda _: None, *snapshots, accept=accept)


def value(found: Mapping[str, Metric], name: str, /, **labels: str) -> float | None:
    return samples(found).get((f"emotion_monitor_{name}", frozenset({"stream": "interview", **labels}.items())))


def test_every_figure_of_a_session_is_told() -> None:
    found = families(scraped(FULL))
    told = {
        ("lag_seconds",): 0.4,
        ("loop_lag_seconds",): 0.02,
        ("media_time_seconds",): 200.0,
        ("masked_whole_frames_total",): 3.0,
        ("nfbl_looks_total",): 700.0,
        ("nfbl_looks_skipped_total",): 4.0,
        ("nfbl_rate_hertz",): 8.2 / 60,
    }
    assert {name: value(found, *name) for name in told} == pytest.approx(told)
    assert value(found, "media_received_total", track="video") == 5010
    assert value(found, "media_released_total", track="video") == 5000
    assert value(found, "media_dropped_total", track="video") == 10
    assert value(found, "media_gaps_total", track="audio") == 1
    assert value(found, "media_rate_hertz", track="video") == 24.9
    assert value(found, "windows_total", outcome="answered") == 11
    assert value(found, "windows_total", outcome="abstained") == 1
    assert value(found, "windows_total", outcome="skipped") == 2
    assert value(found, "estimate_positive_ratio", track="overall") == 0.64
    assert value(found, "estimate_lower_ratio", track="current") == 0.2
    assert value(found, "estimate_upper_ratio", track="current") == 0.44
    assert value(found, "estimate_age_seconds", track="current") == 90
    assert value(found, "estimate_stale", track="current") == 1
    assert value(found, "estimate_label", track="current", label="negative") == 1
    assert value(found, "estimate_label", track="current", label="positive") == 0
    assert value(found, "session_state", state="lost") == 1
    assert value(found, "session_state", state="live") == 0
    assert value(found, "link_state", link="0", state="lost") == 1
    assert value(found, "link_state", link="1", state="live") == 1
    assert value(found, "link_reconnects_total", link="1") == 2
    assert value(found, "model_requests_total", role="describer", name="openai") == 11
    assert value(found, "model_failures_total", role="describer", name="openai") == 2
    assert value(found, "model_seconds_total", role="describer", name="openai") == 33.5
    assert value(found, "model_tokens_total", role="describer", name="openai", direction="in") == 52_000
    assert value(found, "model_tokens_total", role="describer", name="openai", direction="out") == 900
    assert value(found, "model_cost_total", role="describer", name="openai") == 0.125
    assert value(found, "output_up", output="mqtt") == 0
    assert value(found, "output_waiting", output="mqtt") == 7
    assert value(found, "output_up", output="page") == 1
    assert samples(found)["emotion_monitor_resident_memory_bytes", frozenset()] == 400_000_000


def test_what_is_not_known_is_left_out() -> None:
    found = families(scraped(EMPTY))
    for name in ("lag_seconds", "loop_lag_seconds", "nfbl_rate_hertz"):
        assert value(found, name) is None
    assert value(found, "estimate_age_seconds", track="overall") is None
    assert value(found, "model_cost_total", role="judge", name="cues") is None
    assert ("emotion_monitor_resident_memory_bytes", frozenset()) not in samples(found)
    assert not found["emotion_monitor_lag_samples_seconds"].samples


def test_what_a_session_is_stands_in_one_sample() -> None:
    found = families(scraped(FULL))
    (sample,) = found["emotion_monitor_session_info"].samples
    assert sample.labels["stream"] == "interview"
    assert {name: sample.labels[name] for name in ("session", "mode", "calibrated", "heuristic")} == {
        "session": "s",
        "mode": "live",
        "calibrated": "false",
        "heuristic": "true",
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", sample.labels["version"])


def test_lags_are_counted_while_the_session_is_live() -> None:
    lags = (0.05, 0.3, 0.3, 40.0)
    shown = [replace(RUNNING, lag_s=lag_s) for lag_s in lags]
    found = samples(families(scraped(*shown, replace(RUNNING, state=SessionState.STALLED, lag_s=9.0))))
    buckets = {
        dict(labels)["le"]: count
        for (name, labels), count in found.items()
        if name.endswith("lag_samples_seconds_bucket")
    }
    assert (buckets["0.1"], buckets["0.5"], buckets["30.0"], buckets["+Inf"]) == (1, 3, 3, 4)
    assert found["emotion_monitor_lag_samples_seconds_sum", frozenset({("stream", "interview")})] == pytest.approx(
        40.65
    )


def test_nothing_that_names_a_person_a_place_or_a_secret_is_told() -> None:
    for accept in ("text/plain", "application/openmetrics-text"):
        text = scraped(FULL, accept=accept).text
        for secret in (*SECRETS, "carol", "10.0.0.7", "#token", "USB", "broker.local", "run.jsonl", "rtsp"):
            assert secret not in text


def test_two_streams_are_told_apart_and_share_the_memory_of_one_process() -> None:
    found = served(
        lambda outputs: outputs[1].show(replace(FULL, session="t", media_s=7.0, rss_bytes=1)),
        FULL,
        names=("interview", "camera"),
    )
    read = samples(families(found))
    times = {dict(labels)["stream"]: at for (name, labels), at in read.items() if name.endswith("media_time_seconds")}
    assert times == {"interview": 200.0, "camera": 7.0}
    assert read["emotion_monitor_resident_memory_bytes", frozenset()] == 400_000_000


def test_memory_is_what_a_session_that_still_runs_sees() -> None:
    def resident(one: Snapshot, other: Snapshot) -> float:
        found = served(lambda outputs: outputs[1].show(other), one, names=("interview", "camera"))
        return samples(families(found))["emotion_monitor_resident_memory_bytes", frozenset()]

    runs = replace(FULL, rss_bytes=300_000_000)
    over = replace(FULL, state=SessionState.ENDED, rss_bytes=900_000_000)
    assert resident(over, runs) == resident(runs, over) == 300_000_000
    assert resident(over, replace(over, state=SessionState.FAILED, rss_bytes=1)) == 900_000_000


class _Owing:
    """An output that takes its time to hand over what waits, and leaves one record."""

    def __init__(self, say: Callable[[int], None]) -> None:
        self._say = say

    async def start(self) -> None:
        self._say(7)

    def record(self, line: str) -> None:
        """Nothing of it matters here."""

    def show(self, snapshot: Snapshot) -> None:
        """Nothing of it matters here."""

    async def close(self, last: Snapshot | None) -> None:
        await asyncio.sleep(0.01)
        self._say(1)


def test_what_others_still_owed_at_the_end_of_a_stream_is_what_stays(tmp_path: Path) -> None:
    owed = 0

    def say(count: int) -> None:
        nonlocal owed
        owed = count

    def now() -> Snapshot:
        return replace(RUNNING, outputs=(OutputStatus("mqtt", OutputState.UP, waiting=owed),))

    async def main() -> Scraped:
        made = await endpoint(tmp_path)
        try:
            shown = Shown([SilentOutput(), made.outputs[0], _Owing(say)], now)
            await shown.start()
            shown.show()
            await shown.close()
            return await made.get()
        finally:
            await made.destination.close()
            made.streams[0].file.close()

    assert value(families(asyncio.run(main())), "output_waiting", output="mqtt") == 1


def test_openmetrics_is_spoken_to_who_asks_for_it() -> None:
    plain, open_metrics = scraped(FULL), scraped(FULL, accept="application/openmetrics-text; version=1.0.0")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")
    read = {family.name: family for family in read_open_metrics(open_metrics.text)}  # type: ignore[no-untyped-call]
    assert read["emotion_monitor_session"].type == "info"
    assert read["emotion_monitor_media_received"].type == "counter"
    assert len(list(read_text(plain.text))) == len(read)


def test_names_follow_prometheus_conventions() -> None:
    for family in families(scraped(FULL)).values():
        assert re.fullmatch(r"emotion_monitor(_[a-z]+)+", family.name)
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|minutes|percent|mbytes|gauge|counter|histogram)(_|$)", family.name)
        assert family.name.endswith("_total") == (family.type == "counter"), family.name
        if family.type == "gauge":
            assert not re.search(r"_(count|sum|bucket)$", family.name)
        for sample in family.samples:
            assert all(re.fullmatch(r"[a-z]+", label) for label in sample.labels)


def test_the_docs_explain_every_figure_and_no_other() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
    explained = dict(re.findall(r"^\| `([a-z_]+)` \|.*\| (.*) \|$", page, re.MULTILINE))
    told = families(scraped(FULL)).values()
    assert explained == {family.name.removeprefix("emotion_monitor_"): family.documentation for family in told}


def test_counters_only_rise_in_a_session() -> None:
    def counters(found: Scraped) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        rising = {name for name, family in families(found).items() if family.type == "counter"}
        return {key: count for key, count in samples(families(found)).items() if key[0] in rising}

    later = replace(FULL, seq=9, judged=13, media=tuple(replace(m, received=m.received + 5) for m in FULL.media))
    first, second = counters(scraped(FULL)), counters(scraped(FULL, later))
    assert first.keys() == second.keys()
    assert all(second[key] >= first[key] for key in first)
    assert any(second[key] > first[key] for key in first)


@pytest.mark.media
def test_a_real_session_is_scraped_while_it_runs_and_after_it(interview: Interview, tmp_path: Path) -> None:
    texts: list[str] = []

    async def session() -> None:
        destination = MetricsDestination(MetricsSettings(enabled=True, port=0), {})
        running = Session(plan(interview.video, tmp_path / "journal.jsonl"))
        stream = running.stream("recording")
        try:
            await destination.open([stream])
            over = asyncio.create_task(running.run(destination.output(stream)))
            async with httpx.AsyncClient(trust_env=False) as client:
                while not over.done():
                    texts.append((await client.get(destination.link)).text)
                    await asyncio.wait({over}, timeout=0.5)
                assert await over == 0
                texts.append((await client.get(destination.link)).text)
        finally:
            await destination.close()

    asyncio.run(session())
    read = [samples({family.name: family for family in read_text(text)}) for text in texts]
    stream = frozenset({("stream", "recording")})
    lines = [found["emotion_monitor_journal_lines_total", stream] for found in read if found]
    assert lines == sorted(lines)
    assert lines[-1] == len((tmp_path / "journal.jsonl").read_text().splitlines())
    last = read[-1]
    assert last["emotion_monitor_session_state", stream | {("state", "ended")}] == 1
    assert last["emotion_monitor_media_released_total", stream | {("track", "video")}] > 100
    asked = stream | {("role", "judge"), ("name", "cues")}
    outcome = {dict(labels)["outcome"]: n for (name, labels), n in last.items() if name.endswith("windows_total")}
    assert last["emotion_monitor_model_requests_total", asked] == outcome["answered"] > 0
    assert last["emotion_monitor_model_seconds_total", asked] > 0
