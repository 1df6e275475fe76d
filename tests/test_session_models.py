"""Whole sessions with models behind servers: what they say, what they do wrong, and what the journal holds of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import jsonschema
import pytest

from configs.errors import ConfigError, ModelUnavailable
from monitor.schema import schema_text
from monitor.session.session import Session
from streams.synthetic import Interview
from tests.clips import Moving, write
from tests.made_server import Action, Asked, HangUp, Say, ScriptedServer, Send, refusal
from tests.sessions import Line, lines, plan, replay, run

pytestmark = pytest.mark.media

SHORT = ("windows.first_s=4", "windows.local_s=8", "windows.local_every_s=4", "windows.global_every_s=8")
VERDICT = json.dumps({"emotion": "negative", "confidence": 7, "evidence": ["leans away"], "insufficient": False})
SEEN = "The person leans back slowly and speaks with long pauses."


def judged(asked: Asked) -> bool:
    """Whether a request is the judge's: the describer's carry pictures."""
    return not asked.images


def plain(asked: Asked) -> Action:
    """A model that describes and judges as it is asked to."""
    return VERDICT if judged(asked) else SEEN


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(plain) as scripted:
        yield scripted


def of_kind(records: list[Line], kind: str) -> list[Line]:
    return [record for record in records if record["kind"] == kind]


def notices(records: list[Line]) -> str:
    return " | ".join([*of_kind(records, "session")[0]["notices"], *of_kind(records, "end")[0]["notices"]])


def test_a_server_describes_and_judges_a_recording(
    interview: Interview, server: ScriptedServer, tmp_path: Path
) -> None:
    records = replay(
        interview.video, tmp_path / "j.jsonl", f"mllm.url={server.url}", f"nfbl.source={interview.nfbl}", *SHORT
    )
    schema = json.loads(schema_text())
    for record in records:
        jsonschema.validate(record, schema)
    session = of_kind(records, "session")[0]
    assert (session["describer"]["model"], session["judge"]["model"]) == ("made-model", "made-model")
    descriptions, verdicts = of_kind(records, "description"), of_kind(records, "verdict")
    assert len(descriptions) == len(verdicts) == len(of_kind(records, "estimate")) >= 4
    assert {(record["text"], record["describer"]) for record in descriptions} == {(SEEN, "openai")}
    assert {(record["label"], record["confidence"], record["raw"]) for record in verdicts} == {("negative", 7, VERDICT)}
    assert all(abs(record["p_positive"] - 0.15) < 1e-9 for record in verdicts)
    assert of_kind(records, "estimate")[-1]["overall"]["p_positive"] < 0.5


def test_describers_see_pictures_that_windows_share_and_judges_read_what_was_said(
    interview: Interview, server: ScriptedServer, tmp_path: Path
) -> None:
    replay(interview.video, tmp_path / "j.jsonl", f"mllm.url={server.url}", *SHORT)
    described = [asked for asked in server.chats if not judged(asked)]
    assert len(described) >= 4
    assert all(3 <= len(asked.images) <= 32 and asked.clips for asked in described)
    last, before = ({json.dumps(image) for image in described[place].images} for place in (-1, -2))
    assert last & before
    asked_to_judge = [chat for chat in server.chats if judged(chat)]
    whole = [chat.text for chat in asked_to_judge if "whole session" in chat.text]
    assert any("windows described" in text and "leans back" in text for text in whole)
    assert not any("windows described" in chat.text for chat in asked_to_judge if chat.text not in whole)


def test_a_scene_in_which_nothing_happens_is_asked_about_seldom(
    models: None, server: ScriptedServer, tmp_path: Path
) -> None:
    windows = ("windows.local_every_s=4", "windows.global_every_s=0", "windows.local_s=8", "windows.first_s=4")
    asked = {}
    for name, still in (("still", True), ("moving", False)):
        clip = write(tmp_path / f"{name}.mp4", Moving(width_px=320, height_px=180, frames=200, rate_hz=5, still=still))
        before = len(server.chats)
        records = replay(clip, tmp_path / f"{name}.jsonl", f"mllm.url={server.url}", *windows)
        asked[name] = sum(not judged(chat) for chat in server.chats[before:])
        skipped = [record for record in of_kind(records, "verdict") if "nothing new" in record["rationale"]]
        assert bool(skipped) is still
        assert of_kind(records, "estimate")[-1]["overall"]["age_s"] is not None
    assert asked["still"] <= asked["moving"] / 2


FAILURES: tuple[Action, ...] = (
    Send(500, {"error": {"message": "out of memory"}}),
    Say("", refusal="I cannot describe people."),
    HangUp(),
    Say(""),
    Send(200, b"<html>gateway</html>"),
    refusal("this model is not for you"),
)

LIES = (
    '{"emotion": "joyful", "confidence": 11, "evidence": [], "insufficient": false}',
    "I feel that it may be either.",
    '{"emotion": "posit',
    "Emotion: positive, or negative. Confidence 5.",
    "",
)


def test_a_describer_that_fails_is_stood_in_for_and_the_journal_says_why(interview: Interview, tmp_path: Path) -> None:
    failures = cycle(FAILURES)
    with ScriptedServer(lambda asked: VERDICT if judged(asked) else next(failures)) as server:
        records = replay(interview.video, tmp_path / "j.jsonl", f"mllm.url={server.url}", *SHORT)
    descriptions = of_kind(records, "description")
    assert len(descriptions) >= 4
    assert {record["describer"] for record in descriptions} == {"cues"}
    assert all("described by cues instead" in record["note"] for record in descriptions)
    assert "described by cues instead" in notices(records)
    assert records[-1]["reason"] == "ended"


def test_a_server_that_comes_back_is_told_of(interview: Interview, tmp_path: Path) -> None:
    answers = iter([Say(""), Say("")])
    with ScriptedServer(lambda asked: VERDICT if judged(asked) else next(answers, Say(SEEN))) as server:
        records = replay(interview.video, tmp_path / "j.jsonl", f"mllm.url={server.url}", *SHORT)
    assert {record["describer"] for record in of_kind(records, "description")} == {"cues", "openai"}
    assert of_kind(records, "end")[0]["notices"][-1] == "models answer again"


def test_a_judge_that_lies_abstains_and_its_words_are_kept(interview: Interview, tmp_path: Path) -> None:
    lies = cycle(LIES)
    with ScriptedServer(lambda asked: next(lies) if judged(asked) else SEEN) as server:
        records = replay(interview.video, tmp_path / "j.jsonl", f"mllm.url={server.url}", *SHORT)
    verdicts = of_kind(records, "verdict")
    assert len(verdicts) >= 4
    assert {record["label"] for record in verdicts} == {"abstain"}
    assert all(record["p_positive"] is None and record["raw"] is not None for record in verdicts)
    assert of_kind(records, "estimate")[-1]["overall"]["p_positive"] == 0.5


def test_a_server_that_is_away_costs_descriptions_and_verdicts_and_not_the_session(
    interview: Interview, tmp_path: Path
) -> None:
    with ScriptedServer() as gone:
        address = gone.url
    records = replay(interview.video, tmp_path / "j.jsonl", f"mllm.url={address}", "mllm.model=m", *SHORT)
    assert {record["describer"] for record in of_kind(records, "description")} == {"cues"}
    assert {record["label"] for record in of_kind(records, "verdict")} == {"abstain"}
    assert "cannot be reached" in notices(records)
    assert {record["describer"] for record in of_kind(records, "verdict")} == {"cues"}
    assert records[-1]["reason"] == "ended"


@pytest.mark.parametrize(
    ("abilities", "error", "said"),
    [({"sees": False}, ModelUnavailable, "ignores images"), ({"key": "sesame"}, ModelUnavailable, "refuses the key")],
)
def test_a_server_that_can_never_do_ends_it_before_anything_is_written(
    interview: Interview,
    tmp_path: Path,
    abilities: dict[str, object],
    error: type[Exception],
    said: str,
) -> None:
    journal = tmp_path / "j.jsonl"
    with ScriptedServer(plain, **abilities) as server, pytest.raises(error, match=said):  # type: ignore[arg-type]
        run(Session(plan(interview.video, journal, f"mllm.url={server.url}", *SHORT)))
    assert not journal.exists()


def cassette(path: Path, mode: str) -> tuple[str, ...]:
    return (f"cassette.path={path}", f"cassette.mode={mode}", "seed=7")


def test_runs_from_a_cassette_are_equal_byte_for_byte_and_ask_nobody(
    interview: Interview, server: ScriptedServer, tmp_path: Path
) -> None:
    tape, first, again = tmp_path / "tape.jsonl", tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    address = (f"mllm.url={server.url}", *SHORT)
    recorded = replay(interview.video, tmp_path / "recorded.jsonl", *address, *cassette(tape, "record"))
    asked = len(server.asked)
    for journal in (first, again):
        replay(interview.video, journal, *address, *cassette(tape, "replay"))
    assert first.read_bytes() == again.read_bytes()
    assert len(server.asked) == asked
    for kind in ("description", "verdict", "estimate"):
        assert [{**line, "seq": 0} for line in of_kind(lines(first), kind)] == [
            {**line, "seq": 0} for line in of_kind(recorded, kind)
        ]


def test_a_window_that_is_not_on_the_cassette_abstains(
    interview: Interview, server: ScriptedServer, tmp_path: Path
) -> None:
    tape = tmp_path / "tape.jsonl"
    address = (f"mllm.url={server.url}", *SHORT)
    replay(interview.video, tmp_path / "recorded.jsonl", *address, *cassette(tape, "record"))
    wider = [option.replace("windows.local_s=8", "windows.local_s=6") for option in address]
    records = replay(interview.video, tmp_path / "wider.jsonl", *wider, *cassette(tape, "replay"))
    missed = [record for record in of_kind(records, "verdict") if "no recorded answer" in record["rationale"]]
    assert missed
    assert {record["label"] for record in missed} == {"abstain"}


def test_a_cassette_without_a_seed_is_refused(interview: Interview, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed"):
        Session(plan(interview.video, tmp_path / "j.jsonl", f"cassette.path={tmp_path / 'tape.jsonl'}"))


def test_a_real_clip_is_described_and_judged_as_it_plays(
    media_dir: Path, models: None, server: ScriptedServer, tmp_path: Path
) -> None:
    clip = media_dir / "video" / "liveportrait_s20.mp4"
    paced = plan(clip, tmp_path / "j.jsonl", f"mllm.url={server.url}", *SHORT, speed=4.0)
    assert run(Session(paced)) == 0
    records = lines(tmp_path / "j.jsonl")
    assert {record["text"] for record in of_kind(records, "description")} == {SEEN}
    assert "negative" in {record["label"] for record in of_kind(records, "verdict")}
