"""A session's state as the page is told it: privacy in words, and nothing of what the operator's files are called."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from buffers.records import Group, MaskState, NfblWatch
from monitor.outputs.page.state import state_payload
from monitor.outputs.public import Payload
from monitor.snapshot import OutputState, OutputStatus, SessionState, Snapshot
from monitor.usage import ModelUse
from tests.made_snapshot import EMPTY, LOST, MIC, RTSP, RUNNING, live

pytestmark = pytest.mark.unit


def told(snapshot: Snapshot) -> Payload:
    return state_payload(snapshot, "interview", shown=True, picture=False)


def test_nothing_is_told_of_paths_addresses_devices_and_links() -> None:
    snapshot = replace(
        live(
            SessionState.LIVE,
            replace(LOST, reason="rtsp://cam/1 refused 10.0.0.7"),
            replace(MIC, invitation="http://h/#t"),
        ),
        source="/home/carol/carol.mp4",
        journal="/home/carol/run.jsonl",
        recording="/home/carol/clean.mkv",
        describer_model="/home/carol/llava",
        notices=("cannot read /home/carol/x", "carol.mp4 is short", "USB Audio is away"),
        nfbl_state="restarting: /home/carol/m.onnx",
        outputs=(OutputStatus("page", OutputState.DOWN, "10.0.0.7:1883 is away", link="http://127.0.0.1/#token=abc"),),
        models=(ModelUse("judge", "http://10.0.0.7/v1 model"),),
    )
    text = json.dumps(told(snapshot))
    assert [word for word in ("carol", "home", "10.0.0.7", "cam/1", "USB Audio", "token=", "://") if word in text] == []
    assert '"recording": true' in text
    assert '"model": "llava"' in text


@pytest.mark.parametrize("state", [SessionState.PAUSED, SessionState.LOST, SessionState.ENDED, SessionState.FAILED])
def test_while_nothing_is_captured_it_says_so(state: SessionState) -> None:
    privacy = told(live(state, RTSP))["privacy"]
    assert privacy["capturing"] is False
    assert privacy["faces"] == "No picture is captured now."
    assert privacy["voice"] == "No sound is captured now."


def test_a_pause_is_told_in_words() -> None:
    assert told(live(SessionState.PAUSED, RTSP))["says"] == "Paused for privacy: nothing is captured"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "Faces will be masked (solid); no picture yet."),
        (MaskState.CLEAR, "No face is in view; one would be masked (solid)."),
        (MaskState.MASKED, "Faces are masked (solid)."),
        (MaskState.HELD, "Masks are held where faces were last seen (solid)."),
        (MaskState.WHOLE_FRAME, "The whole picture is masked: a safe mask was not certain."),
    ],
)
def test_what_is_done_to_the_picture_is_told_in_words(state: MaskState | None, said: str) -> None:
    assert told(replace(RUNNING, privacy=replace(RUNNING.privacy, state=state)))["privacy"]["faces"] == said


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        ("level-matched", "Voices are altered, which is not anonymous."),
        ("features-only", "No sound is kept: only pitch, level and pauses are measured."),
        ("none", "There is no sound."),
    ],
)
def test_what_is_done_to_the_voice_is_told_in_words(voice: str, said: str) -> None:
    assert told(replace(RUNNING, privacy=replace(RUNNING.privacy, voice=voice)))["privacy"]["voice"] == said


def test_without_a_picture_no_mask_is_promised() -> None:
    assert told(replace(RUNNING, media=RUNNING.media[1:]))["privacy"]["faces"] == "There is no picture."


def test_what_is_written_is_told() -> None:
    assert told(RUNNING)["privacy"]["kept"] == "No picture and no sound is written; nothing raw is kept."
    assert told(replace(RUNNING, recording="x.mkv"))["privacy"]["kept"].startswith("A masked recording is written")


def test_what_cannot_be_seen_is_told_while_it_goes_on() -> None:
    watch = NfblWatch(0.0, 1.0, ((Group.ARMS, "elbows out of view"),), person=1, people=2)
    assert told(replace(RUNNING, nfbl_watch=watch))["nfbl"]["unseen"] == [
        {"group": "arms", "reason": "elbows out of view"}
    ]
    assert told(replace(RUNNING, nfbl_watch=watch, state=SessionState.ENDED))["nfbl"]["unseen"] == []


def test_heuristic_and_uncalibrated_is_said_wherever_the_numbers_are() -> None:
    payload = told(RUNNING)
    assert payload["heuristic"] is True
    assert payload["calibrated"] is False
    assert any("no measurement" in caution for caution in payload["cautions"])


@pytest.mark.parametrize("snapshot", [EMPTY, RUNNING, *(live(state) for state in SessionState)])
def test_every_state_is_one_json_object_with_the_same_fields(snapshot: Snapshot) -> None:
    payload = json.loads(json.dumps(told(snapshot), allow_nan=False))
    assert payload.keys() == told(RUNNING).keys()
