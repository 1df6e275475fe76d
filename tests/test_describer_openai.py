"""The describer behind a server: what it sends, what it finds out first, and what it makes of every kind of answer."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from buffers.records import AudioClip, Cadence, Evidence, MaskState, NfblEvent, StoredFrame
from configs.errors import ConfigError, ModelUnavailable
from configs.model_settings import MllmSettings
from configs.settings import Settings
from monitor.describers.base import Description
from monitor.describers.openai.describer import OpenAIDescriber
from monitor.evidence import nfbl_text
from monitor.remote.errors import AnswerLate, BudgetSpent, RequestRefused, Unauthorised
from monitor.remote.server import Server
from tests.made_evidence import event, evidence, frames
from tests.made_server import Action, Asked, Say, ScriptedServer, Send, Stall, refusal

pytestmark = pytest.mark.unit

Found = TypeVar("Found")
KEY_VARIABLE = "EMOTION_MONITOR_MLLM_KEY"


async def no_wait(_seconds: float) -> None:
    """Do not wait."""


def describer(made: ScriptedServer, **changed: object) -> OpenAIDescriber:
    mllm = MllmSettings.model_validate({"url": made.url, **changed})
    server = Server(
        url=made.url,
        model=mllm.model,
        key=None,
        timeout_s=mllm.timeout_s,
        requests_per_hour=mllm.requests_per_hour,
        what="the describer's server",
        seed=1,
        wait=no_wait,
    )
    return OpenAIDescriber(Settings(mllm=mllm), server)


def run(who: OpenAIDescriber, what: Callable[[OpenAIDescriber], Coroutine[Any, Any, Found]]) -> Found:
    async def go() -> Found:
        try:
            return await what(who)
        finally:
            await who.close()

    return asyncio.run(go())


def clips(*times_s: float, coverage: float = 1.0) -> tuple[AudioClip, ...]:
    return tuple(AudioClip(t_s, np.full(32_000, 0.5, np.float32), coverage) for t_s in times_s)


def window(
    pictures: int = 4,
    *,
    shown: tuple[StoredFrame, ...] | None = None,
    heard: tuple[AudioClip, ...] | None = None,
    events: tuple[NfblEvent, ...] = (),
    cadence: Cadence = Cadence.LOCAL,
) -> Evidence:
    times_s = [200.0 + 7.5 * place for place in range(pictures)]
    return evidence(
        shown=frames(times_s, [10 + place for place in range(pictures)]) if shown is None else shown,
        clips=clips(201.0, 221.0) if heard is None else heard,
        events=events,
        cadence=cadence,
    )


def describe(made: ScriptedServer, what: Evidence | None = None, **changed: object) -> Description:
    async def started(who: OpenAIDescriber) -> Description:
        await who.start()
        return await who.describe(what or window())

    return run(describer(made, **changed), started)


def start(made: ScriptedServer, **changed: object) -> tuple[str, ...]:
    return run(describer(made, **changed), lambda who: who.start())


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


class StrictServer(ScriptedServer):
    """One whose script answers the probes too."""

    def answer(self, asked: Asked) -> Action:
        if asked.path == "/v1/chat/completions":
            self.asked.append(asked)
            return self._scripted(asked)
        return super().answer(asked)


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


def test_a_server_that_ignores_sound_is_found_out_and_told_of() -> None:
    with ScriptedServer(hears=False) as made:
        assert "does not hear; the clips are left out" in " ".join(start(made))
        describe(made)
    assert made.chats[0].clips == []
    assert "No sound is available" in made.chats[0].text


@pytest.mark.parametrize("answer", [refusal("audio input is not supported"), Send(500, b"no torchcodec")])
def test_a_server_that_refuses_sound_is_used_without(answer: Send) -> None:
    def script(asked: Asked) -> Action:
        return answer if asked.clips else Send(200, made.reply(asked, Say("Well.")))

    with StrictServer(script) as made:
        assert describe(made).text == "Well."


@pytest.mark.parametrize(("audio", "sent"), [("on", 2), ("off", 0)])
def test_sound_can_be_switched_on_and_off_without_asking(audio: str, sent: int) -> None:
    with ScriptedServer(hears=False) as made:
        assert start(made, audio=audio) == ()
        describe(made, audio=audio)
        assert not any(probe.clips for probe in made.probes)
    assert len(made.chats[0].clips) == sent


def test_a_server_that_ignores_pictures_may_not_describe() -> None:
    with ScriptedServer(sees=False) as made:
        with pytest.raises(ModelUnavailable, match="ignores images, so it could only invent"):
            start(made)
        assert made.chats == []


def test_a_server_that_refuses_every_picture_may_not_describe() -> None:
    def script(asked: Asked) -> Action:
        return refusal("At most 0 image(s) may be provided") if asked.images else "ok"

    with StrictServer(script) as made, pytest.raises(ModelUnavailable, match="it takes no images"):
        start(made)


def test_a_server_that_does_not_count_is_used_with_a_notice_and_without_sound() -> None:
    with ScriptedServer(counts=False) as made:
        notices = " ".join(start(made))
    assert "whether it looks at pictures is unknown" in notices
    assert "does not hear" in notices


def test_a_limit_of_pictures_is_learned_at_the_start() -> None:
    with ScriptedServer(most_images=2) as made:
        assert "takes 2 images at once" in " ".join(start(made))
        describe(made)
    assert [len(asked.images) for asked in made.chats] == [2]


@pytest.mark.parametrize(
    ("said", "images"),
    [
        ("At most 1 image(s) may be provided in one prompt.", 1),
        ("Too many images in request; the maximum is 3", 3),
        ("You may send up to 2 images per message", 2),
        ("This model's maximum context length is 4096 tokens", 2),
    ],
)
def test_a_limit_met_later_is_learned_then_and_noted_once(said: str, images: int) -> None:
    script: list[Action] = [refusal(said), "First.", "Second."]

    async def twice(who: OpenAIDescriber) -> list[Description]:
        await who.start()
        return [await who.describe(window()), await who.describe(window())]

    with ScriptedServer(script) as made:
        first, second = run(describer(made), twice)
    assert [len(asked.images) for asked in made.chats] == [4, images, images]
    assert first.note is not None
    assert f"takes {images} images at once" in first.note
    assert second.note is None


def test_sound_that_is_refused_later_is_left_out_then() -> None:
    with ScriptedServer([refusal("At most 0 audio(s) may be provided in one request."), "Well."]) as made:
        description = describe(made)
    assert description.note == "the server takes no sound; it is left out"
    assert [len(asked.clips) for asked in made.chats] == [2, 0]


def test_a_refusal_that_less_does_not_mend_is_one() -> None:
    with ScriptedServer([refusal("the moon is in the wrong quarter")]) as made:
        with pytest.raises(RequestRefused, match="wrong quarter"):
            describe(made)
        assert len(made.chats) == 2


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("<think>They seem\n calm.</think>Sits still.", "Sits still."),
        ("seem calm.</think> Sits still.", "Sits still."),
        ("Sits\tstill.\x1b[2J\u202e", "Sits still. [2J"),
        (Say("Sits still. Then the left ha", finish="length"), "Sits still."),
        (Say("Sits and then", finish="length"), "Sits and then"),
        ("Cannot be seen: the face. I cannot help noticing the hands.", None),
    ],
)
def test_an_answer_becomes_one_plain_line(answer: Action, text: str | None) -> None:
    with ScriptedServer([answer]) as made:
        said = answer.text if isinstance(answer, Say) else answer
        assert describe(made).text == (text or said)


def test_an_endless_answer_is_cut() -> None:
    with ScriptedServer(["la " * 5000]) as made:
        assert len(describe(made).text) == 1500


@pytest.mark.parametrize("answer", ["INSUFFICIENT", "insufficient.", '"Insufficient"', "INSUFFICIENT: an empty room."])
def test_the_agreed_word_says_that_there_is_too_little(answer: str) -> None:
    with ScriptedServer([answer]) as made:
        assert describe(made).insufficient


def test_a_description_that_uses_the_word_is_none_of_that() -> None:
    with ScriptedServer(["Insufficient light, but the hands move quickly."]) as made:
        assert not describe(made).insufficient


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   ",
        "<think>What is this",
        Say(None),
        Say(None, refusal="I will not describe people."),
        Say("The", finish="content_filter"),
        "I'm sorry, but I can't assist with that.",
        "I cannot help with describing people.",
        "Sorry, I\u2019m unable to comply.",
    ],
)
def test_refusals_and_silence_are_no_descriptions(answer: Action) -> None:
    with ScriptedServer([answer]) as made, pytest.raises(ModelUnavailable, match="refused to describe"):
        describe(made)


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


def test_what_the_server_refuses_of_a_window_is_known_when_the_session_begins() -> None:
    async def go(who: OpenAIDescriber) -> tuple[str, str]:
        await who.start()
        before = who.info.fingerprint
        await who.describe(window())
        return before, who.info.fingerprint

    refuses = {"temperature": "Unsupported value: 'temperature'", "chat_template_kwargs": "chat_template_kwargs: extra"}
    with ScriptedServer(refuses=refuses) as made:
        before, after = run(describer(made), go)
        assert before == after
        assert len(made.chats) == 1


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


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("2026-12-01", "shut down on 2026-12-01, in 10 days"),
        ("2026-10-23", "shut down on 2026-10-23, which is past"),
        ("soon", "shut down on soon; choose"),
        ("2028-01-01", None),
    ],
)
def test_a_model_that_ends_soon_is_told_of(date: str, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests import made_server

    monkeypatch.setattr(made_server._Handler, "date_time_string", lambda _self: "Sat, 21 Nov 2026 10:00:00 GMT")
    with ScriptedServer(models=[{"id": "m", "shutdown_date": date}]) as made:
        notices = " ".join(start(made))
    assert (told in notices) if told else not notices


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


def test_a_server_that_is_away_at_the_start_is_asked_what_it_can_do_later() -> None:
    class Waking(ScriptedServer):
        """Fails until it was asked twice."""

        def answer(self, asked: Asked) -> Action:
            action = super().answer(asked)
            return Send(503) if len(self.asked) <= 2 else action

    with Waking(hears=False) as made:
        who = describer(made)

        async def go(who: OpenAIDescriber) -> tuple[tuple[str, ...], Description]:
            return await who.start(), await who.describe(window())

        notices, description = run(who, go)
    assert "the session goes on and asks again" in notices[0]
    assert description.note is not None
    assert "does not hear" in description.note
    assert made.chats[0].clips == []


def test_a_server_found_blind_in_the_middle_is_not_asked_again() -> None:
    async def go(who: OpenAIDescriber) -> None:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="ignores images"):
                await who.describe(window())

    with ScriptedServer(sees=False) as made:
        run(describer(made), go)
        assert len(made.probes) == 2


def test_a_wrong_setting_met_in_the_middle_does_not_end_the_session() -> None:
    with ScriptedServer(models=["one", "two"]) as made, pytest.raises(ModelUnavailable, match="one of: one, two"):
        run(describer(made), lambda who: who.describe(window()))


def test_a_stalling_server_costs_a_window_no_more_than_its_time() -> None:
    async def go(who: OpenAIDescriber) -> None:
        await who.start()
        with pytest.raises(AnswerLate):
            await who.describe(window())

    with ScriptedServer([Stall()]) as made:
        run(describer(made, timeout_s=0.5), go)


def test_probes_count_against_the_budget() -> None:
    with ScriptedServer() as made:
        with pytest.raises(BudgetSpent):
            describe(made, requests_per_hour=3)
        assert (len(made.probes), len(made.chats)) == (3, 0)
