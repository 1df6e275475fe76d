"""The client for OpenAI-compatible servers: whatever a server does ends as a reply or as one of the known errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import pytest

from configs.errors import ConfigError, ModelUnavailable
from monitor.remote.errors import (
    AnswerLate,
    BudgetSpent,
    NotServed,
    RemoteError,
    RequestRefused,
    ServerBusy,
    ServerFailed,
    Unauthorised,
    Unreachable,
)
from monitor.remote.replies import Reply, ServedModel
from monitor.remote.server import Server
from tests.made_server import Action, HangUp, Say, ScriptedServer, Send, Stall, refusal

pytestmark = pytest.mark.unit

HELLO = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello."}]
Found = TypeVar("Found")

WAIT_S = 0.2
"""Deadline where a server stalls."""


class Pauses:
    """Waits for nothing and remembers for how long."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waited_s.append(seconds)


def client(
    made: ScriptedServer,
    pauses: Pauses | None = None,
    *,
    url: str | None = None,
    model: str | None = None,
    key: str | None = None,
    timeout_s: float = 5.0,
    requests_per_hour: int = 0,
    seed: int = 1,
) -> Server:
    return Server(
        url=made.url if url is None else url,
        model=model,
        key=key,
        timeout_s=timeout_s,
        requests_per_hour=requests_per_hour,
        what="the tested server",
        seed=seed,
        wait=pauses or Pauses(),
    )


def run(server: Server, what: Callable[[Server], Coroutine[Any, Any, Found]]) -> Found:
    async def go() -> Found:
        try:
            return await what(server)
        finally:
            await server.close()

    return asyncio.run(go())


async def hello(server: Server, at_s: float = 0.0, options: Mapping[str, Any] | None = None) -> Reply:
    return await server.chat(HELLO, at_s=at_s, max_tokens=20, **(options or {}))


def test_an_answer_comes_with_its_counts_and_log_probabilities() -> None:
    said = Say("positive", tokens=[("positive", {"positive": -0.1, "negative": -2.4})])
    with ScriptedServer([said]) as made:
        reply = run(
            client(made),
            lambda server: hello(server, options={"logprobs": True, "top_logprobs": 2, "temperature": 0.0}),
        )
    assert (reply.text, reply.refusal, reply.finish, reply.completion_tokens) == ("positive", None, "stop", 1)
    assert reply.prompt_tokens is not None
    assert reply.tokens[0].rivals == (("positive", -0.1), ("negative", -2.4))
    assert made.chats[0].body == {
        "model": "made-model",
        "messages": HELLO,
        "max_tokens": 20,
        "temperature": 0.0,
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_several_answers_can_be_drawn_in_one_request() -> None:
    with ScriptedServer(["yes"]) as made:
        replies = run(client(made), lambda server: server.draw(HELLO, at_s=0.0, max_tokens=20, n=3))
    assert [reply.text for reply in replies] == ["yes"] * 3
    assert len(made.chats) == 1


def test_any_other_route_is_posted_to_as_it_is() -> None:
    with ScriptedServer(decide=lambda asked: Send(200, {"answers": [asked.body["question"]]})) as made:
        found = run(client(made), lambda server: server.post("/decisions", {"question": "which"}, at_s=0.0))
    assert found == {"answers": ["which"]}


def test_a_route_that_is_not_there_is_told_apart() -> None:
    with ScriptedServer() as made, pytest.raises(NotServed, match=r"no such model or route \(404\): Not Found"):
        run(client(made), lambda server: server.post("/decisions", {}, at_s=0.0))


@pytest.mark.parametrize("models", [None, ()])
def test_a_server_without_a_list_needs_the_models_name(models: tuple[str, ...] | None) -> None:
    with ScriptedServer(models=models) as made:
        assert run(client(made), lambda server: server.models()) == ()
        with pytest.raises(ConfigError, match="lists no model; set its model by name"):
            run(client(made), lambda server: server.resolve())
        assert run(client(made, model="mine"), hello).text


def test_of_several_models_one_must_be_named() -> None:
    with ScriptedServer(models=["one", "two"]) as made:
        with pytest.raises(ConfigError, match="set its model to one of: one, two"):
            run(client(made), lambda server: server.resolve())
        with pytest.raises(NotServed, match="one of: one, two"):
            run(client(made), hello)


def test_the_list_tells_when_a_model_ends() -> None:
    entries = [{"id": "old", "shutdown_date": "2027-01-14"}, {"id": 7}, "new"]
    with ScriptedServer(models=entries) as made:  # type: ignore[arg-type]
        assert run(client(made), lambda server: server.models()) == (
            ServedModel("old", "2027-01-14"),
            ServedModel("new"),
        )


def test_a_server_that_is_not_there_is_unreachable_and_named_without_its_password() -> None:
    with ScriptedServer() as made:
        gone = made.url.replace("//", "//me:hush@")
    pauses = Pauses()
    with pytest.raises(Unreachable, match=r"the tested server at http://127\.0\.0\.1:") as caught:
        run(client(made, pauses, url=gone, model="m"), hello)
    assert "hush" not in str(caught.value)
    assert len(pauses.waited_s) == 1


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://[", ""])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with ScriptedServer() as made, pytest.raises(ConfigError, match="is no http address"):
        client(made, url=url)


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openai", None)
    with ScriptedServer() as made, pytest.raises(ModelUnavailable, match=r"pip install 'emotion-monitor\[openai\]'"):
        client(made)


@pytest.mark.parametrize("first", [Send(500, b"oops"), Send(503), HangUp(), HangUp(b"\x00not http at all\r\n\r\n")])
def test_what_failed_once_is_asked_again_after_a_short_wait(first: Action) -> None:
    pauses = Pauses()
    with ScriptedServer([first, "well"]) as made:
        assert run(client(made, pauses), hello).text == "well"
    assert len(made.chats) == 2
    assert 0.25 <= pauses.waited_s[0] <= 0.75


def test_what_failed_twice_has_failed() -> None:
    with ScriptedServer([Send(500, {"error": {"message": "out of memory"}})]) as made:
        with pytest.raises(ServerFailed, match=r"failed \(500\): out of memory"):
            run(client(made), hello)
        assert len(made.chats) == 2


def test_the_same_seed_waits_the_same() -> None:
    one, two = Pauses(), Pauses()
    with ScriptedServer([Send(500)]) as made:
        for pauses in (one, two):
            with pytest.raises(ServerFailed):
                run(client(made, pauses, seed=7), hello)
    assert one.waited_s == two.waited_s


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"retry-after": "3"}, 3.0, 4.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:03 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 3.0, 4.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0.0, 1.0),
        ({"retry-after": "nan"}, 0.0, 1.0),
        ({"retry-after": "soon"}, 1.0, 2.0),
        ({}, 1.0, 2.0),
    ],
)
def test_a_busy_server_is_given_the_time_it_asks_for(headers: dict[str, str], least_s: float, most_s: float) -> None:
    pauses = Pauses()
    with ScriptedServer([Send(429, b"", headers), "well"]) as made:
        assert run(client(made, pauses), hello).text == "well"
    assert least_s <= pauses.waited_s[0] <= most_s


@pytest.mark.parametrize("asked", ["60", "inf", "Sun, 22 Nov 2076 10:00:03 GMT"])
def test_a_busy_server_that_asks_for_too_long_is_not_waited_for(asked: str) -> None:
    pauses = Pauses()
    with ScriptedServer([Send(429, b"", {"retry-after": asked})]) as made:
        with pytest.raises(ServerBusy, match="asks for patience"):
            run(client(made, pauses), hello)
        assert (len(made.chats), pauses.waited_s) == (1, [])


def test_a_server_that_stays_busy_is_left_alone() -> None:
    with ScriptedServer([Send(429, {"error": {"message": "You exceeded your quota"}})]) as made:
        with pytest.raises(ServerBusy, match="You exceeded your quota"):
            run(client(made), hello)
        assert len(made.chats) == 2


@pytest.mark.parametrize(
    "stall", [Stall(headers_sent=False), Stall(), Stall(first=b'{"choices": [{"message": {"content": "half'), HangUp()]
)
def test_a_server_that_stalls_anywhere_costs_no_more_than_the_deadline(stall: Action) -> None:
    with ScriptedServer([stall]) as made, pytest.raises((AnswerLate, Unreachable)):
        run(client(made, timeout_s=WAIT_S), hello)


def test_the_deadline_covers_the_list_of_models_and_the_retry() -> None:
    with (
        ScriptedServer([Send(500), Stall()]) as made,
        pytest.raises(AnswerLate, match=r"no complete answer within 1 s"),
    ):
        run(client(made, timeout_s=1.0), hello)
    assert [asked.method for asked in made.asked] == ["GET", "POST", "POST"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html><title>Welcome</title></html>", "it is not JSON"),
        (b"", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        ([], "not a JSON object"),
        ({}, "holds no answer"),
        ({"choices": []}, "holds no answer"),
        ({"choices": "none"}, "holds no answer"),
        ({"choices": [None]}, "no message"),
        ({"choices": [{"message": "hello"}]}, "no message"),
        ({"error": {"message": "model\nis\x1b[31m loading"}}, r"holds no answer: model is \[31m loading"),
        (b'{"choices": [{"message": {"content": "' + b"x" * 1_100_000 + b'"}}]}', "longer than 1,048,576 bytes"),
    ],
)
def test_what_is_no_reply_fails_and_says_why(body: object, why: str) -> None:
    with ScriptedServer([Send(200, body)]) as made, pytest.raises(ServerFailed, match=why):
        run(client(made), hello)


@pytest.mark.parametrize(
    ("message", "text", "refused"),
    [
        ({"content": None}, "", None),
        ({}, "", None),
        ({"content": 7}, "", None),
        ({"content": [{"type": "text", "text": "two "}, {"type": "image"}, "parts", 3]}, "two parts", None),
        ({"content": "half a \ud83d pair"}, "half a ? pair", None),
        ({"content": None, "refusal": "I may not."}, "", "I may not."),
        ({"content": "yes", "refusal": " "}, "yes", None),
    ],
)
def test_odd_messages_are_read_as_far_as_they_go(message: object, text: str, refused: str | None) -> None:
    with ScriptedServer([Send(200, {"choices": [{"message": message}]})]) as made:
        reply = run(client(made), hello)
    assert (reply.text, reply.refusal, reply.finish, reply.prompt_tokens) == (text, refused, "", None)


def test_counts_and_log_probabilities_that_are_none_are_left_out() -> None:
    entries = [
        {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": "x"}, 3]},
        {"token": "c", "logprob": float("nan")},
        {"token": "d", "logprob": 4.0},
        {"token": "e", "logprob": True},
        {"token": None, "logprob": -1},
        "f",
    ]
    body = {
        "choices": [{"message": {"content": "a"}, "finish_reason": 3, "logprobs": {"content": entries}}],
        "usage": {"prompt_tokens": "12", "completion_tokens": -4},
    }
    with ScriptedServer([Send(200, body)]) as made:
        reply = run(client(made), hello)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.finish) == (12, None, "")
    assert [(token.token, token.rivals) for token in reply.tokens] == [("a", ())]


def test_what_an_answer_of_no_use_used_up_is_counted() -> None:
    used = {"usage": {"prompt_tokens": 12, "completion_tokens": 3}}
    said = [Send(200, {**used, "choices": []}), Send(200, {**used, "choices": [{"text": "x"}]}), Send(200, b"<html>")]
    said += [Send(200, {"error": "quota"}), Send(200, {"choices": [], "usage": {"prompt_tokens": 10**400}})]

    async def asked(server: Server) -> None:
        for _ in said:
            with pytest.raises(ServerFailed):
                await hello(server)

    with ScriptedServer(said) as made:
        server = client(made)
        run(server, asked)
    assert (server.spent.prompt_tokens, server.spent.completion_tokens, server.spent.uncounted) == (24, 6, 0)


@pytest.mark.parametrize("count", ["1" + "0" * 400, "1e400", "-1", "true", "NaN"])
def test_a_count_that_cannot_be_is_none(count: str) -> None:
    body = f'{{"choices": [{{"message": {{"content": "x"}}}}], "usage": {{"prompt_tokens": {count}}}}}'
    with ScriptedServer([Send(200, body.encode())]) as made:
        reply = run(client(made), hello)
    assert (reply.text, reply.prompt_tokens) == ("x", None)


def test_a_packed_body_is_not_unpacked() -> None:
    with ScriptedServer([Send(200, b"\x1f\x8b", {"content-encoding": "gzip"})]) as made:
        with pytest.raises(ServerFailed, match="its body is packed"):
            run(client(made), hello)
        assert made.chats[0].headers["accept-encoding"] == "identity"


def test_nothing_is_sent_to_where_a_server_points() -> None:
    with ScriptedServer() as other:
        elsewhere = Send(307, b"", {"location": f"{other.url}/chat/completions"})
        with ScriptedServer([elsewhere]) as made, pytest.raises(ServerFailed, match=r"sends elsewhere \(307\)"):
            run(client(made), hello)
        assert other.asked == []


@pytest.mark.parametrize(
    ("parameter", "said", "options"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model.", {"temperature": 0.0}),
        ("logprobs", "You are not allowed to request logprobs from this model", {"logprobs": True, "top_logprobs": 5}),
        ("reasoning_effort", "Unknown parameter: reasoning_effort", {"extra": {"reasoning_effort": "none"}}),
        ("chat_template_kwargs", "body.chat_template_kwargs: not permitted", {"extra": {"chat_template_kwargs": {}}}),
    ],
)
def test_a_parameter_that_is_refused_is_dropped_and_never_sent_again(
    parameter: str, said: str, options: dict[str, Any]
) -> None:
    async def twice(server: Server) -> frozenset[str]:
        await hello(server, options=options)
        await hello(server, options=options)
        return server.capabilities.refused

    with ScriptedServer(refuses={parameter: said}) as made:
        assert parameter in run(client(made), twice)
    assert [parameter in asked.body for asked in made.chats] == [True, False, False]
    assert "top_logprobs" not in made.chats[-1].body


def test_several_refused_parameters_are_dropped_one_after_the_other() -> None:
    refuses = {
        "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "temperature": "Unsupported value: 'temperature'",
    }
    with ScriptedServer(["well"], refuses=refuses) as made:
        assert run(client(made), lambda server: hello(server, options={"temperature": 0.5})).text == "well"
    assert made.chats[-1].body == {"model": "made-model", "messages": HELLO, "max_completion_tokens": 20}


def test_a_403_that_names_log_probabilities_is_about_them_and_not_about_the_key() -> None:
    script: list[Action] = [refusal("You are not allowed to request logprobs from this model", 403), "well"]
    with ScriptedServer(script) as made:
        assert run(client(made), lambda server: hello(server, options={"logprobs": True})).text == "well"


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_request_that_will_never_work_is_not_repeated(status: int) -> None:
    said = "max_completion_tokens is too large: the maximum context length is 4096"
    with ScriptedServer([refusal(said, status)]) as made:
        with pytest.raises(RequestRefused, match="the maximum context length") as caught:
            run(client(made), lambda server: hello(server, options={"temperature": 0.0}))
        assert (caught.value.status, caught.value.said, len(made.chats)) == (status, said, 1)


def test_a_refusal_in_the_shape_of_a_validation_library_is_read() -> None:
    detail = [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]
    with ScriptedServer([Send(422, {"detail": detail}), "well"]) as made:
        assert run(client(made), lambda server: hello(server, options={"temperature": 0.0})).text == "well"


def test_a_wrong_key_is_told_apart() -> None:
    with ScriptedServer(key="right") as made:
        with pytest.raises(Unauthorised, match="check key_env or key_file"):
            run(client(made, key="wrong"), hello)
        assert run(client(made, key="right"), hello).text


def test_the_budget_counts_retries_and_slides_with_media_time() -> None:
    async def spend(server: Server) -> None:
        for at_s in (0.0, 10.0):
            await hello(server, at_s=at_s)
        for at_s in (20.0, 3599.0):
            with pytest.raises(BudgetSpent, match="the 3 requests of this hour are used up"):
                await hello(server, at_s=at_s)
        await hello(server, at_s=3600.0)

    with ScriptedServer([Send(500), "one", "two", "three"]) as made:
        run(client(made, requests_per_hour=3), spend)
    assert len(made.chats) == 4


def test_a_retry_that_the_budget_does_not_allow_is_not_made() -> None:
    with ScriptedServer([Send(500)]) as made:
        with pytest.raises(ServerFailed):
            run(client(made, requests_per_hour=1), hello)
        assert len(made.chats) == 1


def test_thinking_is_switched_off_in_the_servers_own_way() -> None:
    with ScriptedServer() as made:
        own, hosted = client(made), client(made, url="https://api.openai.com/v1")
        assert own.thinking_off == {"chat_template_kwargs": {"enable_thinking": False}}
        assert hosted.thinking_off == {"reasoning_effort": "none"}
        assert hosted.is_openai
        asyncio.run(own.close())
        asyncio.run(hosted.close())


ODD_CONTENTS: list[object] = [None, {}, [[]], [{"text": {}}], 1e999]
ODD_STATUSES = [300, 304, 400, 402, 409, 418, 451, 501, 599]


@pytest.mark.parametrize("content", ODD_CONTENTS)
def test_odd_contents_are_empty_answers(content: object) -> None:
    with ScriptedServer([Send(200, {"choices": [{"message": {"content": content}}]})]) as made:
        assert run(client(made), hello).text == ""


@pytest.mark.parametrize("status", ODD_STATUSES)
def test_any_other_status_is_an_error_of_the_family_on_one_line(status: int) -> None:
    with ScriptedServer([Send(status, b"\xf0\x00<script>\n")]) as made:
        with pytest.raises(RemoteError, match=f"{status}") as caught:
            run(client(made), hello)
        assert str(caught.value).isprintable()
