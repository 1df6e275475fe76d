"""What the describer finds out of its server, at the start and later, and what it does about it."""

from __future__ import annotations

import pytest

from configs.errors import ModelUnavailable
from monitor.describers.base import Description
from monitor.describers.openai.describer import OpenAIDescriber
from monitor.remote.errors import BudgetSpent
from tests.made_describer import StrictServer, describe, describer, run, start, window
from tests.made_server import Action, Asked, Say, ScriptedServer, Send, refusal

pytestmark = pytest.mark.unit


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


def test_probes_count_against_the_budget() -> None:
    with ScriptedServer() as made:
        with pytest.raises(BudgetSpent):
            describe(made, requests_per_hour=3)
        assert (len(made.probes), len(made.chats)) == (3, 0)
