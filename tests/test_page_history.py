"""What is told of a session so far: bounded, evenly thinned, with words beside verdicts and no file's name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import cast

import pytest

from buffers.evidence import Cadence, Coverage, Window
from buffers.links import LinkState
from buffers.records import NFBL_GROUPS, FeedState, Group, Phase, Track
from monitor import records
from monitor.describers.base import Description, ModelInfo
from monitor.judges.base import Verdict
from monitor.outputs.page.history import MOST_EVENTS, MOST_SPANS, MOST_VERDICTS, History, Points
from monitor.outputs.page.told import MOST_CHARACTERS
from monitor.outputs.public import Payload
from monitor.reading import Entry
from monitor.record import Record
from monitor.records import AnyRecord
from monitor.snapshot import EstimateLabel, TrackEstimate
from tests.made_journal import SECRETS, SESSION, WORDS, made_records

pytestmark = pytest.mark.unit

_MODEL = ModelInfo("cues", heuristic=True, calibrated=False, notice="")


def told(made: Iterable[Record]) -> tuple[History, list[Payload]]:
    """A history of these records after a session's first, and what was told of each that is told."""
    history = History("interview", SESSION)
    lines = [made_records()[0], *made]
    said = [history.take(Entry(SESSION, seq, cast("AnyRecord", record))) for seq, record in enumerate(lines, start=1)]
    return history, [payload for payload in said if payload is not None]


def test_a_whole_session_is_told_without_its_secrets_but_with_the_words_of_its_models() -> None:
    history, _ = told(made_records()[1:])
    payload = history.payload()
    text = json.dumps(payload, ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in text.replace("she said yes", "")] == []
    assert payload["head"]["mode"] == "live"
    assert payload["end"]["reason"] == "ended"
    assert len(payload["verdicts"]) == 39
    assert payload["verdicts"][0]["description"] == WORDS
    assert [event["phase"] for event in payload["nfbl"]] == ["close"] * 4
    assert [mark["note"] for mark in payload["marks"]] == ["laughter"]
    assert payload["links"][0]["source"] == "rtsp"
    assert len(payload["gaps"]) == 2
    assert payload["stalls"][0]["stage"] == "face masking"


def test_the_estimate_is_columns_of_one_length() -> None:
    history, _ = told(made_records()[1:])
    columns = history.payload()["estimates"]
    lengths = {len(columns["media_s"])} | {
        len(one) for track in ("overall", "current") for one in columns[track].values()
    }
    assert lengths == {39}
    assert columns["overall"]["low"][-1] <= columns["overall"]["p"][-1] <= columns["overall"]["high"][-1]


def test_before_the_session_began_there_is_nothing() -> None:
    payload = History("interview", SESSION).payload()
    assert payload["head"] is None
    assert payload["estimates"]["media_s"] == ()


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 64, 1000, 12_345])
def test_points_are_thinned_evenly_and_the_latest_is_always_there(count: int) -> None:
    points = Points(most=10)
    for number in range(count):
        points.add((float(number),))
    kept = [number for (number,) in points.all()]
    assert len(kept) <= 10
    assert kept[-1:] == ([count - 1.0] if count else [])
    strides = {later - before for before, later in pairwise(kept[:-1])}
    assert len(strides) <= 1


def test_everything_is_bounded_however_long_a_session_lasts() -> None:
    made: list[AnyRecord] = []
    for number in range(3000):
        at_s = float(number)
        made += [event(str(number), at_s), gap(at_s), *judged(number, "words"), mark(at_s), estimate(at_s)]
    history, said = told(made)
    payload = history.payload()
    assert len(payload["nfbl"]) == MOST_EVENTS
    assert len(payload["verdicts"]) == MOST_VERDICTS
    assert len(payload["gaps"]) == MOST_SPANS
    assert 1000 <= len(payload["estimates"]["media_s"]) <= 2000
    assert payload["nfbl"][-1]["id"] == "2999"
    assert len(said) == 5 * 3000


def test_an_event_is_told_once_as_it_was_last_and_what_goes_on_is_forgotten_last() -> None:
    long = [event("long", 0.0, Phase.OPEN), *(event(str(n), float(n)) for n in range(MOST_EVENTS)), event("long", 0.0)]
    history, _ = told(long)
    events = history.payload()["nfbl"]
    assert events[-1]["id"] == "long"
    assert events[-1]["phase"] == "close"
    assert len({one["id"] for one in events}) == len(events) == MOST_EVENTS


def test_words_without_end_are_cut() -> None:
    _, (verdict,) = told(judged(1, "x" * 100_000))
    assert len(verdict["description"]) == len(verdict["rationale"]) == MOST_CHARACTERS


def test_descriptions_without_a_verdict_are_not_kept_for_ever() -> None:
    made = [record for number in range(1000) for record in judged(number, "words")[:1]]
    history, _ = told(made)
    assert len(history._described) <= 8


def test_an_outage_of_the_feed_is_a_span_in_which_nothing_could_be_seen() -> None:
    _, said = told(
        [
            feed(0.0, FeedState.STARTING),
            feed(5.0, FeedState.LIVE),
            feed(60.0, FeedState.RESTARTING, "/home/carol/m.onnx failed"),
            feed(75.0, FeedState.LIVE),
        ]
    )
    every = [group.value for group in NFBL_GROUPS]
    assert [(one["groups"], one["start_s"], one["end_s"], one["reason"]) for one in said] == [
        (every, 0.0, 5.0, "feed starting"),
        (every, 60.0, 75.0, "(path) failed"),
    ]


def test_a_link_is_told_by_its_kind_and_never_by_its_name() -> None:
    link = records.LinkRecord(
        media_s=1.0, link="camera:Carols Webcam", state=LinkState.LOST, reason="Carols Webcam was unplugged"
    )
    _, (said,) = told([link])
    assert said["source"] == "camera"
    assert "Carol" not in json.dumps(said)


def event(name: str, at_s: float, phase: Phase = Phase.CLOSE) -> records.NfblRecord:
    return records.NfblRecord(
        media_s=at_s + 1.0,
        id=name,
        phase=phase,
        group=Group.HEAD,
        class_id="N7",
        name="Touching nose",
        side="left",
        start_s=at_s,
        end_s=at_s + 1.0,
        score=0.7,
        alternatives=(),
        source="rules",
        speaking=None,
    )


def gap(at_s: float) -> records.GapRecord:
    return records.GapRecord(media_s=at_s, track=Track.VIDEO, start_s=at_s, end_s=at_s + 0.2, reason="lost")


def mark(at_s: float) -> records.MarkRecord:
    return records.MarkRecord(media_s=at_s, note="")


def feed(at_s: float, state: FeedState, reason: str = "") -> records.FeedRecord:
    return records.FeedRecord(media_s=at_s, state=state, reason=reason)


def judged(number: int, words: str) -> list[AnyRecord]:
    window = Window(number, float(number), number + 32.0, Cadence.LOCAL)
    verdict = Verdict.abstain(_MODEL, "cues", words)
    return [
        records.DescriptionRecord.of(window, Description(words, "cues")),
        records.VerdictRecord.of(window, verdict, Coverage(1.0, 1.0, 1.0)),
    ]


def estimate(at_s: float) -> records.EstimateRecord:
    one = TrackEstimate(0.5, (0.4, 0.6), EstimateLabel.UNCERTAIN, 1, 0.0, stale=False)
    return records.EstimateRecord(media_s=at_s, overall=one, current=one)
