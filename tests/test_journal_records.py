from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import configs
from buffers.evidence import Cadence, Coverage, Window
from buffers.links import LinkChange, LinkState
from buffers.records import FeedState, Gap, Group, NfblEvent, NfblState, Phase, Track
from configs.settings import EstimateSettings
from monitor import records
from monitor.describers.base import Description, ModelInfo
from monitor.estimate import Estimator
from monitor.judges.base import Label, Verdict
from monitor.record import Record
from monitor.schema import schema_text
from monitor.snapshot import MediaHealth

pytestmark = pytest.mark.unit

PUBLISHED = Path(configs.__file__).with_name("journal.schema.json")
WINDOW = Window(3, 8.0, 40.0, Cadence.LOCAL)
COVERAGE = Coverage(0.9, 1.0, 0.25)
MODEL = ModelInfo("cues", heuristic=True, calibrated=False, notice="embedded heuristic")
POSITIVE = Verdict(
    Label.POSITIVE, 0.75, 7.5, "cues", "cues", calibrated=False, rationale="lively", raw='{"emotion": "positive"}'
)
EVENT = NfblEvent(
    id="e1",
    phase=Phase.CLOSE,
    group=Group.HANDS,
    class_id="11",
    name="rubbing hands",
    side="both",
    start_s=3.0,
    end_s=4.5,
    score=0.8,
    alternatives=(("12", 0.25), ("7", 0.125)),
    source="replay",
    speaking=True,
)


def estimated() -> records.EstimateRecord:
    estimator = Estimator(EstimateSettings(), judge=MODEL, stale_after_s=45.0)
    estimator.add(WINDOW, POSITIVE, COVERAGE)
    return records.EstimateRecord.of(estimator.at(40.0))


EVERY_KIND: dict[str, Record] = {
    "session": records.SessionRecord(
        media_s=0.0,
        source="interview.mp4",
        digest="ab" * 32,
        tracks=(
            records.TrackRecord(
                track=Track.VIDEO, codec="h264", start_s=0.04, rate_hz=25.0, width_px=640, height_px=480
            ),
            records.TrackRecord(track=Track.AUDIO, codec="aac", start_s=0.0, rate_hz=48000.0, channels=2),
        ),
        av_offset_s=0.04,
        duration_s=60.0,
        mode=records.Mode.MAX,
        profile="default",
        settings_digest="cd" * 32,
        nfbl="off",
        describer=MODEL,
        judge=MODEL,
        deidentification=records.DeidentificationRecord(detector="centerface", mask="solid", voice="level-matched"),
        version="0.1.0",
        notices=("damaged packet survived",),
    ),
    "gap": records.GapRecord.of(Gap(Track.AUDIO, 1.0, 2.5, "packets lost")),
    "link": records.LinkRecord.of(LinkChange(12.0, "rtsp://camera/1", LinkState.LOST, "connection refused")),
    "stall": records.StallRecord(media_s=13.0, stage="face masking", held_s=6.2, stack="push (faces.py:80)"),
    "nfbl": records.NfblRecord.of(EVENT),
    "nfbl_blind": records.BlindRecord(media_s=9.0, group=Group.HANDS, start_s=4.0, end_s=9.0, reason="out of view"),
    "nfbl_feed": records.FeedRecord.of(NfblState(9.0, FeedState.RESTARTING, "landmark engine lost")),
    "description": records.DescriptionRecord.of(WINDOW, Description("Two hands move. „Gut“", "cues")),
    "verdict": records.VerdictRecord.of(WINDOW, POSITIVE, COVERAGE),
    "estimate": estimated(),
    "health": records.HealthRecord(
        media_s=30.0,
        tracks=(
            records.TrackHealthRecord.of(
                MediaHealth(Track.VIDEO, received=750, released=748, dropped=2, gaps=0, rate_hz=24.9, ended=False)
            ),
        ),
        whole_frames=1,
        detector_failures=0,
        voice_failures=0,
        horizon_bytes=4_000_000,
        lag_s=0.4,
        rss_bytes=300_000_000,
        cpu_share=0.5,
    ),
    "mark": records.MarkRecord(media_s=12.0, note="laughter"),
    "end": records.EndRecord(
        media_s=60.0,
        reason=records.EndReason.ENDED,
        totals=records.TotalsRecord(judged=5, abstained=1, skipped=0, nfbl=7, gaps=1),
    ),
}


def parsed(record: Record, seq: int = 1) -> dict[str, Any]:
    line = json.loads(record.to_line("m-1", seq))
    assert isinstance(line, dict)
    return line


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(PUBLISHED.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_the_one_of_the_types() -> None:
    assert PUBLISHED.read_text("utf-8") == schema_text(), (
        "renew it: python -m monitor.schema > configs/journal.schema.json"
    )


def test_every_kind_has_an_example_here() -> None:
    types = get_args(get_args(records.AnyRecord)[0])
    assert {type(record) for record in EVERY_KIND.values()} == set(types)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_keeps_to_the_published_schema(kind: str) -> None:
    line = parsed(EVERY_KIND[kind])
    assert line["kind"] == kind
    validator().validate(line)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_no_field_of_any_kind_may_be_missing(kind: str) -> None:
    line = parsed(EVERY_KIND[kind])
    check = validator()
    for name in line:
        assert not check.is_valid({key: value for key, value in line.items() if key != name}), name


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_read_back_as_it_was(kind: str) -> None:
    record = EVERY_KIND[kind]
    again = records.record_types().validate_python(parsed(record))
    assert type(again) is type(record)
    assert again.to_line("m-1", 1) == record.to_line("m-1", 1)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_line_starts_alike(kind: str) -> None:
    line = EVERY_KIND[kind].to_line("m-1", 7)
    assert line.startswith(f'{{"schema":1,"session":"m-1","seq":7,"kind":"{kind}","media_s":')
    assert "\n" not in line


def test_a_body_language_line_has_the_fields_of_the_event_in_their_order() -> None:
    assert EVERY_KIND["nfbl"].to_line("m-1", 2) == (
        '{"schema":1,"session":"m-1","seq":2,"kind":"nfbl","media_s":4.5,"id":"e1","phase":"close","group":"hands",'
        '"class_id":"11","name":"rubbing hands","side":"both","start_s":3.0,"end_s":4.5,"score":0.8,'
        '"alternatives":[["12",0.25],["7",0.125]],"source":"replay","speaking":true,'
        '"quality":null,"calibrated":false}'
    )


def test_a_verdict_line_says_what_was_judged_by_whom_and_on_how_much() -> None:
    assert parsed(EVERY_KIND["verdict"]) == {
        "schema": 1,
        "session": "m-1",
        "seq": 1,
        "kind": "verdict",
        "media_s": 40.0,
        "window": {"id": 3, "start_s": 8.0, "end_s": 40.0, "cadence": "local"},
        "label": "positive",
        "p_positive": 0.75,
        "confidence": 7.5,
        "judge": "cues",
        "describer": "cues",
        "calibrated": False,
        "rationale": "lively",
        "coverage": {"video": 0.9, "audio": 1.0, "nfbl": 0.25, "nfbl_groups": []},
        "raw": '{"emotion": "positive"}',
        "p_stated": None,
    }


def test_an_abstention_has_no_numbers() -> None:
    line = parsed(records.VerdictRecord.of(WINDOW, Verdict.abstain(MODEL, "cues", "too dark"), COVERAGE))
    assert (line["label"], line["p_positive"], line["confidence"], line["raw"]) == ("abstain", None, None, None)
    validator().validate(line)


def test_an_estimate_line_has_both_tracks() -> None:
    line = parsed(EVERY_KIND["estimate"])
    for track in ("overall", "current"):
        assert list(line[track]) == ["p_positive", "interval", "label", "windows", "age_s", "stale"]
        assert line[track]["interval"][0] < line[track]["p_positive"] < line[track]["interval"][1]


def test_what_depends_on_the_machine_can_be_left_out() -> None:
    line = parsed(
        records.HealthRecord(
            media_s=30.0, tracks=(), whole_frames=0, detector_failures=0, voice_failures=0, horizon_bytes=0
        )
    )
    assert (line["lag_s"], line["rss_bytes"], line["cpu_share"]) == (None, None, None)


def test_text_is_written_as_it_is_and_never_breaks_the_line() -> None:
    line = records.MarkRecord(media_s=1.0, note='a "b"\nü 😀 \udfff').to_line("m-1", 1)
    assert "\n" not in line
    assert "ü 😀" in line
    line.encode("utf-8")
    assert json.loads(line)["note"] == 'a "b"\nü 😀 ?'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_has_not_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        records.MarkRecord(media_s=number).to_line("m-1", 1)


def test_the_negative_zero_is_written_like_the_other_one() -> None:
    assert parsed(records.MarkRecord(media_s=-1e-9)) == parsed(records.MarkRecord(media_s=0.0))
    assert '"media_s":0.0,' in records.MarkRecord(media_s=-1e-9).to_line("m-1", 1)


@given(st.floats(-1e6, 1e6))
def test_numbers_are_kept_to_six_decimals(number: float) -> None:
    assert parsed(records.MarkRecord(media_s=number))["media_s"] == pytest.approx(number, abs=5.1e-7)


def test_readers_of_the_schema_let_later_fields_pass() -> None:
    validator().validate({**parsed(EVERY_KIND["mark"]), "colour": "red"})
