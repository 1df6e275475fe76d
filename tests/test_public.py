"""What may leave the machine: nothing but what is named here."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buffers.records import FeedState, MaskState, Track
from configs.taxonomy import taxonomy
from monitor.outbox import Parcel
from monitor.outputs import public
from monitor.outputs.public import Payload
from monitor.reading import Entry
from monitor.records import DescriptionRecord, EstimateRecord, Mode, NfblRecord, SessionRecord, VerdictRecord
from monitor.snapshot import MediaHealth, OutputState, OutputStatus, SessionState, Snapshot
from monitor.usage import ModelUse
from tests.made_journal import SECRETS, SESSION, WORDS, made_records
from tests.made_snapshot import EMPTY, RTSP, RUNNING

pytestmark = pytest.mark.unit

TS = "2026-11-22T10:00:00.000Z"

HEAD = {"schema", "session", "stream", "seq"}
EVENT = HEAD | {"kind", "mode", "ts", "media_s", "late"}
TRACK = {"label", "p_positive", "interval", "windows", "age_s", "stale"}
WINDOW = {"id", "start_s", "end_s", "cadence"}

SECRET = "/home/carol/hunter2"

HOSTILE: Snapshot = replace(
    RUNNING,
    source=SECRET,
    notices=(SECRET,),
    journal=SECRET,
    recording=SECRET,
    describer_model=SECRET,
    judge_model=SECRET,
    links=(replace(RTSP, name=SECRET, reason=SECRET),),
    windows=tuple(
        replace(judged, description=SECRET, verdict=replace(judged.verdict, rationale=SECRET, raw=SECRET))
        for judged in RUNNING.windows
    ),
    nfbl=tuple(replace(event, source=SECRET) for event in RUNNING.nfbl),
    outputs=(OutputStatus("page", OutputState.UP, reason=SECRET, link=f"http://x/#token={SECRET}"),),
    models=(ModelUse("judge", SECRET, asked=3),),
)
"""Holds a secret wherever a session may put one."""


def parcels(*, mode: Mode = Mode.LIVE, late: bool = False) -> list[Parcel]:
    first, *rest = made_records(mode=mode)
    assert isinstance(first, SessionRecord)
    return [
        Parcel("interview", first, Entry(SESSION, seq, record), late)  # type: ignore[arg-type]
        for seq, record in enumerate(rest, start=2)
    ]


def payloads(parcel: Parcel, *, words: bool) -> list[Payload]:
    match parcel.entry.record:
        case NfblRecord() as record:
            return [public.nfbl_payload(parcel, record)]
        case VerdictRecord() as record:
            return [public.verdict_payload(parcel, record, rationale=words)]
        case EstimateRecord() as record:
            return [public.estimate_record_payload(parcel, record)]
        case DescriptionRecord() as record if words:
            return [public.description_payload(parcel, record)]
    return []


def of_snapshot(snapshot: Snapshot) -> list[Payload]:
    shown = {"interview": snapshot}
    return [
        public.estimate_payload(snapshot, "interview", TS),
        public.stats_payload(shown, TS),
        public.info_payload(shown, version="0.1.0", node="a1b2c3", instance="i", ts=TS, stopped=None),
    ]


def text(payload: Payload) -> str:
    return json.dumps(payload, ensure_ascii=False, allow_nan=False)


@pytest.mark.parametrize("mode", list(Mode))
def test_no_path_address_notice_consent_or_words_are_in_what_is_made_of_a_journal(mode: Mode) -> None:
    made = [payload for parcel in parcels(mode=mode) for payload in payloads(parcel, words=False)]
    assert len(made) == 39 + 39 + 9
    for payload in made:
        assert not [secret for secret in (*SECRETS, WORDS) if secret in text(payload)]


def test_words_are_there_only_where_they_are_asked_for_and_nothing_else_then() -> None:
    made = [payload for parcel in parcels() for payload in payloads(parcel, words=True)]
    said = [payload.get("rationale") or payload.get("text") for payload in made]
    assert WORDS in said
    assert "“she said yes”" in said
    others = [secret for secret in SECRETS if secret != "she said yes"]
    for payload in made:
        assert not [secret for secret in others if secret in text(payload)]


@pytest.mark.parametrize("index", range(3))
def test_no_path_address_notice_words_or_link_are_in_what_is_made_of_a_snapshot(index: int) -> None:
    assert SECRET not in text(of_snapshot(HOSTILE)[index])
    assert "hunter2" not in text(of_snapshot(HOSTILE)[index])


def test_a_verdict_is_told_by_these_fields() -> None:
    parcel = next(one for one in parcels() if isinstance(one.entry.record, VerdictRecord))
    assert isinstance(parcel.entry.record, VerdictRecord)
    payload = public.verdict_payload(parcel, parcel.entry.record, rationale=False)
    assert set(payload) == EVENT | {
        "event_type",
        "window",
        "label",
        "p_positive",
        "confidence",
        "judge",
        "describer",
        "calibrated",
        "coverage",
        "rationale",
    }
    assert set(payload["window"]) == WINDOW
    assert set(payload["coverage"]) == {"video", "audio", "nfbl"}
    assert (payload["event_type"], payload["rationale"]) == (payload["label"], None)
    assert (payload["session"], payload["stream"], payload["seq"]) == (SESSION, "interview", parcel.entry.seq)


def test_body_language_is_told_by_these_fields() -> None:
    parcel = next(one for one in parcels(late=True) if isinstance(one.entry.record, NfblRecord))
    assert isinstance(parcel.entry.record, NfblRecord)
    payload = public.nfbl_payload(parcel, parcel.entry.record)
    assert set(payload) == EVENT | {
        "event_type",
        "id",
        "phase",
        "group",
        "class_id",
        "name",
        "side",
        "start_s",
        "end_s",
        "score",
        "calibrated",
        "speaking",
    }
    assert payload["late"] is True
    assert payload["ts"] == "2026-11-22T09:01:01.600Z"


def test_the_estimate_is_told_by_these_fields() -> None:
    payload = public.estimate_payload(RUNNING, "interview", TS)
    assert set(payload) == HEAD | TRACK | {
        "mode",
        "ts",
        "media_s",
        "confidence",
        "current",
        "last_window",
        "judged",
        "abstained",
        "nfbl_rate_per_min",
        "calibrated",
        "heuristic",
        "degraded",
    }
    assert set(payload["current"]) == TRACK
    assert set(payload["last_window"]) == WINDOW | {"label", "p_positive", "confidence"}
    assert payload["label"] == "positive"
    assert payload["current"]["label"] == "negative"


def test_the_confidence_is_that_of_the_last_window_that_was_answered() -> None:
    answered = RUNNING.windows[0]
    abstained = replace(RUNNING, windows=RUNNING.windows[:2])
    assert public.estimate_payload(abstained, "x", TS)["confidence"] == answered.verdict.confidence
    assert public.estimate_payload(abstained, "x", TS)["last_window"]["label"] == "abstain"
    assert public.estimate_payload(EMPTY, "x", TS)["confidence"] is None


@pytest.mark.parametrize(
    ("started_at", "media_s"), [("when carol came", 1.0), ("", 1.0), ("2026-11-22T10:00:00Z", 1e30)]
)
def test_a_wall_time_that_nobody_knows_is_none(started_at: str, media_s: float) -> None:
    first = made_records()[0]
    assert isinstance(first, SessionRecord)
    assert public.ts_of(replace(first, started_at=started_at), media_s) is None


def test_recordings_have_media_time_and_no_wall_time() -> None:
    for mode in (Mode.PACED, Mode.MAX):
        made = [payload for parcel in parcels(mode=mode) for payload in payloads(parcel, words=False)]
        assert {payload["ts"] for payload in made} == {None}
        assert None not in {payload["media_s"] for payload in made}


def test_names_of_classes_as_slugs_are_plain_and_differ() -> None:
    slugs = [public.event_type(known.name) for known in taxonomy().classes]
    assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", slug) for slug in slugs)
    assert len(set(slugs)) == len(slugs)
    assert public.event_type("Touching nose") == "touching_nose"


DEAD = MediaHealth(Track.AUDIO, 1, 1, 0, 0, None, ended=True)


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (RUNNING, ()),
        (replace(RUNNING, state=SessionState.PAUSED), ("paused for privacy",)),
        (replace(RUNNING, state=SessionState.LOST, media=(DEAD,)), ("source lost", "no sound any more")),
        (replace(RUNNING, overall=replace(RUNNING.overall, stale=True)), ("estimate stale",)),
        (
            replace(RUNNING, privacy=replace(RUNNING.privacy, state=MaskState.WHOLE_FRAME)),
            ("whole picture masked",),
        ),
        (replace(RUNNING, nfbl_state=f"{FeedState.RESTARTING}: {SECRET}"), ("body language not watched",)),
        (replace(RUNNING, state=SessionState.ENDED, media=(DEAD,)), ()),
    ],
    ids=range(7),
)
def test_what_is_amiss_is_said_in_a_few_words(snapshot: Snapshot, said: tuple[str, ...]) -> None:
    assert public.degraded(snapshot) == said


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_has_not_are_told_as_unknown(odd: float) -> None:
    snapshot = replace(
        RUNNING,
        media_s=odd,
        lag_s=odd,
        loop_lag_s=odd,
        nfbl_per_min=odd,
        overall=replace(RUNNING.overall, p_positive=odd, interval=(odd, odd), age_s=odd),
        media=(replace(RUNNING.media[0], rate_hz=odd),),
        models=(ModelUse("judge", "x", seconds=odd, last_s=odd, cost=odd),),
    )
    for payload in of_snapshot(snapshot):
        text(payload)
    assert public.estimate_payload(snapshot, "x", TS)["interval"] == [None, None]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_rounded_to_what_they_mean(value: float) -> None:
    told: Any = public.track_payload(replace(RUNNING.overall, p_positive=value))["p_positive"]
    assert told == round(value, 6)
    assert math.copysign(1.0, told) == 1.0 or told != 0.0
