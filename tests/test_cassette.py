from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from buffers.evidence import Cadence, Evidence
from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import CassetteSettings
from configs.settings import Settings
from monitor.cassette.file import Cassette, Mode, description_key, open_cassette, verdict_key
from monitor.cassette.models import with_cassette
from monitor.describers.base import Description
from monitor.judges.base import NO_MEMORY, Memory, MemoryLine, Verdict
from monitor.models import make_models
from tests.made_answers import DESCRIBER, JUDGE, MadeDescriber, MadeJudge
from tests.made_evidence import event, evidence, frames

pytestmark = pytest.mark.unit

FIRST = evidence(0.0, 30.0)
SECOND = evidence(15.0, 45.0, window_id=2)
THIRD = evidence(30.0, 60.0, window_id=3)

Answers = list[tuple[Description, Verdict]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


def run(
    path: Path,
    mode: Mode,
    windows: Sequence[Evidence],
    describer: MadeDescriber | None = None,
    judge: MadeJudge | None = None,
) -> Answers:
    """Ask both stages for each window; a fresh process in all but name."""

    async def asking() -> Answers:
        models = with_cassette(describer, judge, Cassette(path, mode))
        answers = []
        try:
            for model in models:
                await model.start()
            for window in windows:
                description = await models[0].describe(window)
                answers.append((description, await models[1].judge(description, window)))
        finally:
            for model in models:
                await model.close()
        return answers

    return asyncio.run(asking())


def record(path: Path, *windows: Evidence) -> Answers:
    return run(path, Mode.RECORD, windows, MadeDescriber(), MadeJudge())


def test_what_was_recorded_is_answered_again_without_a_model(path: Path) -> None:
    recorded = record(path, FIRST, SECOND)
    assert run(path, Mode.REPLAY, [FIRST, SECOND]) == recorded
    assert recorded[0][1].raw == '{"emotion": "?"}'  # half a surrogate pair, which no file can hold


def test_a_replay_says_what_models_answered_when_it_was_recorded(path: Path) -> None:
    record(path, FIRST)
    describer, judge = with_cassette(None, None, Cassette(path, Mode.REPLAY))
    assert (describer.info, judge.info) == (DESCRIBER, JUDGE)


def test_the_number_of_a_window_does_not_matter_but_what_it_holds_does(path: Path) -> None:
    recorded = record(path, FIRST)
    assert run(path, Mode.REPLAY, [replace(FIRST, window=replace(FIRST.window, id=9))]) == recorded
    for other in (
        replace(FIRST, events=(event(3.0),)),
        replace(FIRST, frames=frames([1.0], [7])),
        replace(FIRST, window=replace(FIRST.window, cadence=Cadence.GLOBAL)),
    ):
        with pytest.raises(ModelUnavailable, match=r"^no recorded answer for this window: cassette answers\.jsonl"):
            run(path, Mode.REPLAY, [other])


def test_a_verdict_is_of_one_description_after_one_past_by_one_judge() -> None:
    description = Description("calm", "seer")
    line = MemoryLine(0.0, 30.0, "calm", 2, None, 0.6)
    keys = {
        verdict_key(description, FIRST, NO_MEMORY, JUDGE),
        verdict_key(Description("calm", "seer", insufficient=True), FIRST, NO_MEMORY, JUDGE),
        verdict_key(Description("calm.", "seer"), FIRST, NO_MEMORY, JUDGE),
        verdict_key(Description("calm", "cues"), FIRST, NO_MEMORY, JUDGE),
        verdict_key(description, SECOND, NO_MEMORY, JUDGE),
        verdict_key(description, FIRST, Memory((line,), 1), JUDGE),
        verdict_key(description, FIRST, NO_MEMORY, replace(JUDGE, fingerprint="other")),
    }
    assert len(keys) == 7
    assert description_key(FIRST, DESCRIBER) != description_key(FIRST, replace(DESCRIBER, fingerprint="other"))


def test_filling_asks_only_what_is_missing(path: Path) -> None:
    record(path, FIRST, SECOND)
    before = path.read_bytes()
    describer, judge = MadeDescriber(), MadeJudge()
    run(path, Mode.FILL, [FIRST, THIRD, SECOND], describer, judge)
    assert (describer.asked, judge.asked) == ([30.0], ["seen from 30 s"])
    assert path.read_bytes().startswith(before)
    run(path, Mode.REPLAY, [FIRST, SECOND, THIRD])


def test_filling_begins_where_there_is_nothing_yet(path: Path) -> None:
    run(path, Mode.FILL, [FIRST], MadeDescriber(), MadeJudge())
    run(path, Mode.REPLAY, [FIRST])


def test_filling_with_another_model_is_refused_and_both_are_named(path: Path) -> None:
    record(path, FIRST)
    other = MadeDescriber(replace(DESCRIBER, model="seer-2", fingerprint="beef" * 16))
    with pytest.raises(
        ConfigError, match=r"holds answers of describer seer seer-1 \(5ee55ee55ee5\), but seer seer-2 \(beefbeefbeef\)"
    ):
        run(path, Mode.FILL, [FIRST], other, MadeJudge())
    with pytest.raises(ConfigError, match="holds answers of judge sage sage-1"):
        run(path, Mode.FILL, [FIRST], MadeDescriber(), MadeJudge(replace(JUDGE, fingerprint="")))


def test_recording_begins_anew(path: Path) -> None:
    record(path, FIRST, SECOND)
    record(path, THIRD)
    assert len(Cassette(path, Mode.REPLAY)) == 2
    with pytest.raises(ModelUnavailable):
        run(path, Mode.REPLAY, [FIRST])


def test_a_recording_that_never_gets_an_answer_leaves_the_old_ones(path: Path) -> None:
    record(path, FIRST)
    before = path.read_bytes()
    with pytest.raises(ModelUnavailable):
        run(path, Mode.RECORD, [FIRST], MadeDescriber(away=True), MadeJudge())
    assert path.read_bytes() == before


def test_a_failure_is_not_recorded(path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="the sage is away"):
        run(path, Mode.RECORD, [FIRST], MadeDescriber(), MadeJudge(away=True))
    judge = MadeJudge()
    describer = MadeDescriber()
    run(path, Mode.FILL, [FIRST], describer, judge)
    assert (describer.asked, judge.asked) == ([], ["seen from 0 s"])


def test_what_another_said_for_a_model_that_was_away_is_replayed_but_asked_again_when_filling(path: Path) -> None:
    stood_in = run(path, Mode.RECORD, [FIRST], MadeDescriber(as_whom="cues"), MadeJudge())
    assert run(path, Mode.REPLAY, [FIRST]) == stood_in
    filled = run(path, Mode.FILL, [FIRST], MadeDescriber(), MadeJudge())
    assert filled[0][0].describer == "seer"
    assert run(path, Mode.REPLAY, [FIRST]) == filled


def test_closing_releases_the_models_and_the_file(path: Path) -> None:
    describer, judge = MadeDescriber(), MadeJudge()
    run(path, Mode.RECORD, [FIRST], describer, judge)
    assert describer.closed
    assert judge.closed
    Cassette(path, Mode.FILL).close()


def test_a_file_that_is_no_cassette_is_never_touched(path: Path) -> None:
    for text in ('{"schema":1}\n', "video,label\n", "no line end"):
        path.write_text(text)
        for mode in Mode:
            with pytest.raises(ConfigError, match=r"answers\.jsonl is no cassette of this version and stays as it is"):
                Cassette(path, mode)
        assert path.read_text() == text


def test_a_torn_last_line_is_cut(path: Path) -> None:
    record(path, FIRST, SECOND)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    run(path, Mode.FILL, [FIRST, SECOND], MadeDescriber(), MadeJudge())
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{}",
        '{"stage":"judge","key":"k","answer":{"text":"t","describer":"d"}}',
        '{"stage":"describer","key":"k","answer":{"text":1,"describer":"d"}}',
        '{"stage":"describer","key":"k","answer":{"text":"t","describer":"d"},"more":1}',
        (
            '{"stage":"judge","key":"k","answer":{"label":"positive","p_positive":0.2,"confidence":1.0,"judge":"j",'
            '"describer":"d","calibrated":false,"rationale":"r"}}'
        ),
    ],
)
def test_a_damaged_line_is_named_by_its_number(path: Path, line: str) -> None:
    record(path, FIRST)
    path.write_text(path.read_text() + line + "\n")
    for mode in (Mode.REPLAY, Mode.FILL):
        with pytest.raises(ConfigError, match="is damaged at line 4: keep the 3 lines before it") as raised:
            Cassette(path, mode)
        assert "\n" not in str(raised.value)


def test_there_must_be_something_to_replay(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cassette answers\.jsonl is not there: record it"):
        Cassette(path, Mode.REPLAY)
    path.touch()
    with pytest.raises(ConfigError, match="holds no answers"):
        Cassette(path, Mode.REPLAY)
    with pytest.raises(ConfigError, match="no ordinary file"):
        Cassette(path.parent, Mode.REPLAY)
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="no ordinary file"):
        Cassette(pipe, Mode.FILL)
    with pytest.raises(ConfigError, match="Not a directory: check the path"):
        Cassette(path / "below", Mode.RECORD)


def test_two_sessions_do_not_write_one_cassette(path: Path) -> None:
    first = Cassette(path, Mode.FILL)
    with pytest.raises(ConfigError, match="is being written by another session"):
        Cassette(path, Mode.RECORD)
    first.close()
    Cassette(path, Mode.RECORD).close()


def test_it_belongs_to_its_user_alone_and_holds_neither_pictures_nor_sound(path: Path) -> None:
    path.touch(0o644)
    record(path, replace(FIRST, frames=frames([1.0, 2.0], [100, 120])))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header, *answers = (json.loads(line) for line in path.read_text("ascii").splitlines())
    assert header["format"] == "emotion-monitor cassette"
    assert [sorted(answer["answer"]) for answer in answers] == [
        ["describer", "insufficient", "note", "text"],
        [
            *("calibrated", "confidence", "describer", "judge", "label"),
            *("p_positive", "p_stated", "rationale", "raw"),
        ],
    ]


def settings(path: Path | None, mode: str = "replay", **more: object) -> Settings:
    cassette = CassetteSettings.model_validate({"path": None if path is None else str(path), "mode": mode})
    return Settings.model_validate({"cassette": cassette, **more})


def test_a_cassette_needs_a_seed(path: Path) -> None:
    assert open_cassette(settings(None)) is None
    with pytest.raises(ConfigError, match="needs --seed N"):
        open_cassette(settings(path, "record"))


def test_a_replay_makes_no_model_at_all(path: Path) -> None:
    record(path, FIRST)
    # Neither a server nor a folder: making these models would fail.
    describer, judge = make_models(settings(path, seed=1, describer="video_llama", judge="openai"))
    assert (describer.info, judge.info) == (DESCRIBER, JUDGE)
    assert asyncio.run(describer.start()) == ("answers come from answers.jsonl (2); no model is asked",)


def test_the_embedded_heuristics_can_be_recorded_too(path: Path) -> None:
    async def ask(mode: str) -> Verdict:
        describer, judge = make_models(settings(path, mode, seed=1))
        await describer.start()
        await judge.start()
        described = await describer.describe(FIRST)
        said = await judge.judge(described, FIRST)
        await describer.close()
        await judge.close()
        return said

    recorded = asyncio.run(ask("record"))
    assert recorded.judge == "cues"
    assert asyncio.run(ask("replay")) == recorded
