"""The describer behind a server: what it sends, what it says of itself, and when it cannot work."""

from __future__ import annotations

import base64
import io
import json
import wave
from dataclasses import replace

import numpy as np
import pytest

from buffers.evidence import Cadence
from buffers.records import MaskState
from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import MllmSettings
from configs.settings import Settings
from monitor.describers.base import Description
from monitor.describers.openai.describer import OpenAIDescriber
from monitor.evidence import nfbl_text
from monitor.remote.errors import AnswerLate, RequestRefused, Unauthorised
from tests.made_describer import StrictServer, clips, describe, describer, run, start, window
from tests.made_evidence import event, frames
from tests.made_server import Action, Asked, ScriptedServer, Stall, refusal

pytestmark = pytest.mark.unit
KEY_VARIABLE = "EMOTION_MONITOR_MLLM_KEY"


def test_a_window_is_sent_as_rules_pictures_sound_body_language_and_question_in_this_order() -> None:
    seen = window(events=(event(203.0),))
    with ScriptedServer(["  The person\nleans forward. "]) as made:
        description = describe(made, seen)
    assert description == Description("The person leans forward.", "openai")
    system, user = made.chats[0].body["messages"]
    assert system["role"] == "system"
    assert "INSUFFICIENT" in system["content"]
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text"] + ["text", "image_url"] * 4 + ["text", "input_audio"] * 2 + ["text", "text"]
    texts = [part["text"] for part in user["content"] if part["type"] == "text"]
    assert "a span of 30 s" in texts[0]
    assert texts[1:7] == ["t=0.0s", "t=7.5s", "t=15.0s", "t=22.5s", "t=1.0s, 2 s of sound", "t=21.0s, 2 s of sound"]
    assert texts[7] == nfbl_text(seen)
    assert texts[8].startswith("What do the person's body")


def test_pictures_are_sent_as_they_are_stored_and_sound_as_16_khz_wav() -> None:
    seen = window()
    with ScriptedServer() as made:
        describe(made, seen)
    urls = [part["image_url"]["url"] for part in made.chats[0].images]
    assert [base64.b64decode(url.removeprefix("data:image/jpeg;base64,")) for url in urls] == [
        frame.jpeg for frame in seen.frames
    ]
    with wave.open(io.BytesIO(made.chats[0].clips[0])) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(sound.readframes(40_000), "<i2")
    assert len(samples) == 32_000
    assert set(samples.tolist()) == {16_384}


def test_the_request_is_short_direct_and_has_no_video() -> None:
    with ScriptedServer() as made:
        describe(made)
    body = made.chats[0].body
    assert (body["max_tokens"], body["temperature"]) == (96, 0.0)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert "use_audio_in_video" not in json.dumps(body)
    assert "video" not in {part["type"] for part in made.chats[0].parts}


def test_a_setting_leaves_thinking_to_the_server() -> None:
    with ScriptedServer() as made:
        describe(made, thinking="leave")
    assert "chat_template_kwargs" not in made.chats[0].body


def test_the_whole_session_is_asked_about_as_such() -> None:
    with ScriptedServer() as made:
        describe(made, window(cadence=Cadence.GLOBAL))
    assert "the whole session so far" in made.chats[0].text


def test_equal_windows_are_asked_in_equal_words() -> None:
    async def twice(who: OpenAIDescriber) -> None:
        await who.start()
        await who.describe(window())
        await who.describe(window())

    with ScriptedServer() as made:
        run(describer(made), twice)
    assert made.chats[0].body == made.chats[1].body


def test_pictures_have_an_id_of_their_content_where_the_server_takes_one() -> None:
    with ScriptedServer() as made:
        describe(made)
        ids = [part["uuid"] for part in made.chats[0].images]
    assert len(set(ids)) == 4

    def strict(asked: Asked) -> Action:
        return refusal("messages[0].content[0].uuid: extra inputs") if "uuid" in json.dumps(asked.body) else "Well."

    with StrictServer(strict) as made:
        assert describe(made).text == "Well."
        assert not any("uuid" in part for part in made.chats[0].images)


def test_more_pictures_than_are_asked_for_are_thinned_evenly() -> None:
    with ScriptedServer() as made:
        describe(made, window(12), images=4)
    assert [text for text in made.chats[0].text.splitlines() if text.startswith("t=") and "sound" not in text] == [
        "t=7.5s",
        "t=30.0s",
        "t=52.5s",
        "t=75.0s",
    ]


def test_pictures_that_show_nothing_and_clips_without_sound_are_not_sent() -> None:
    hidden = tuple(replace(frame, state=MaskState.WHOLE_FRAME) for frame in frames([200.0, 210.0], [1, 2]))
    with ScriptedServer() as made:
        describe(made, window(shown=hidden, heard=(*clips(201.0), *clips(203.0, coverage=0.0))))
    assert (len(made.chats[0].images), len(made.chats[0].clips)) == (0, 1)
    assert "No picture is available" in made.chats[0].text


def test_a_window_with_neither_is_not_asked_about() -> None:
    with ScriptedServer() as made:
        with pytest.raises(ModelUnavailable, match="no picture and no sound"):
            describe(made, window(0, heard=()))
        assert made.chats == []


def test_a_refusal_that_less_does_not_mend_is_one() -> None:
    with ScriptedServer([refusal("the moon is in the wrong quarter")]) as made:
        with pytest.raises(RequestRefused, match="wrong quarter"):
            describe(made)
        assert len(made.chats) == 2


def test_what_it_is_names_model_and_server_and_says_what_is_unverified() -> None:
    with ScriptedServer() as made:
        who = describer(made)
        before = who.info
        run(who, lambda who: who.start())
    assert "not reached yet" in before.notice
    assert who.info.notice == "made-model on 127.0.0.1: its words are unverified; it sees and hears"
    assert (who.info.name, who.info.model, who.info.heuristic, who.info.calibrated) == (
        "openai",
        "made-model",
        False,
        False,
    )
    assert who.info.on_grid


def test_the_fingerprint_changes_with_whatever_changes_the_answers() -> None:
    def fingerprint(made: ScriptedServer, **changed: object) -> str:
        who = describer(made, **changed)
        run(who, lambda who: who.start())
        return who.info.fingerprint

    with ScriptedServer() as hearing, ScriptedServer(hears=False) as deaf, ScriptedServer(models=["other"]) as other:
        usual = fingerprint(hearing)
        assert fingerprint(hearing) == usual
        changed = [
            fingerprint(deaf),
            fingerprint(other),
            fingerprint(hearing, max_tokens=64),
            fingerprint(hearing, temperature=0.7),
            fingerprint(hearing, images=8),
            fingerprint(hearing, thinking="leave"),
        ]
    assert len({usual, *changed}) == 7


def test_settings_that_cannot_work_end_the_session_with_one_line() -> None:
    with pytest.raises(ConfigError, match=r"set mllm\.url"):
        OpenAIDescriber(Settings())
    with ScriptedServer(key="right") as made, pytest.raises(Unauthorised, match="refuses the key"):
        start(made)
    with ScriptedServer(models=["one", "two"]) as made, pytest.raises(ConfigError, match="one of: one, two"):
        start(made)
    with ScriptedServer() as made:

        def unknown(_asked: Asked) -> Action:
            return refusal("The model `mine` does not exist.", 404)

        with StrictServer(unknown) as strict, pytest.raises(ConfigError, match="`mine` does not exist"):
            start(strict, model="mine")


def test_the_key_comes_from_the_named_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "right")
    with ScriptedServer(key="right") as made:
        who = OpenAIDescriber(Settings(mllm=MllmSettings(url=made.url)))
        assert run(who, lambda who: who.start()) == ()


def test_a_stalling_server_costs_a_window_no_more_than_its_time() -> None:
    async def go(who: OpenAIDescriber) -> None:
        await who.start()
        with pytest.raises(AnswerLate):
            await who.describe(window())

    with ScriptedServer([Stall()]) as made:
        run(describer(made, timeout_s=0.5), go)
