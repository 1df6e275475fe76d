"""Keys: where they come from, and that no message, log or object ever shows one."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from configs.errors import ConfigError
from configs.secrets import read_secret
from monitor.remote.errors import RemoteError
from monitor.remote.server import Server
from tests.made_server import Action, HangUp, ScriptedServer, Send, Stall, refusal

pytestmark = pytest.mark.unit

KEY = "sk-made-0123456789abcdef"
PICTURE = "data:image/jpeg;base64,AAAA"
MESSAGES = [{"role": "system", "content": PICTURE}]


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return str(path)


def test_a_key_comes_from_the_environment_and_a_file_goes_first(tmp_path: Path) -> None:
    assert read_secret("key", "MY_KEY", None, {}) is None
    assert read_secret("key", "MY_KEY", None, {"MY_KEY": "  "}) is None
    assert read_secret("key", "MY_KEY", None, {"MY_KEY": KEY}) == KEY
    assert read_secret("key", "MY_KEY", written(tmp_path, f"{KEY}\n"), {"MY_KEY": "other"}) == KEY


def test_a_file_without_a_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is empty"):
        read_secret("key", "MY_KEY", written(tmp_path, " \n"), {})
    with pytest.raises(ConfigError, match=r"cannot read the key file .*No such file"):
        read_secret("key", "MY_KEY", str(tmp_path / "none"), {})
    with pytest.raises(ConfigError, match="cannot read the key file"):
        read_secret("key", "MY_KEY", str(tmp_path), {})


@pytest.mark.parametrize("text", [f"{KEY}\nsecond line", f"{KEY} and words", "schlüssel", "k" * 20_000])
def test_what_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="holds no key") as caught:
        read_secret("key", "MY_KEY", written(tmp_path, text), {})
    assert text[:12] not in str(caught.value)
    with pytest.raises(ConfigError, match="the variable MY_KEY holds no key"):
        read_secret("key", "MY_KEY", None, {"MY_KEY": text})


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_secret("key", "MY_KEY", written(tmp_path, KEY, 0o644), {}) == KEY
    assert "chmod 600" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "action",
    [
        "well",
        refusal(f"Incorrect API key provided: {KEY}", 401),
        refusal(f"bad header Bearer {KEY}"),
        Send(500, f"<html>{KEY}</html>".encode()),
        Send(200, {"error": KEY}),
        Send(307, b"", {"location": f"http://elsewhere/?key={KEY}"}),
        HangUp(KEY.encode()),
        Stall(),
    ],
)
def test_the_key_is_in_the_request_and_nowhere_else(action: Action, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []

    async def ask(url: str) -> None:
        server = Server(
            url=url,
            model="m",
            key=KEY,
            timeout_s=0.9,
            requests_per_hour=0,
            what="the tested server",
            seed=1,
            wait=no_wait,
        )
        shown.extend((repr(server), server.name))
        try:
            await server.chat(MESSAGES, at_s=0.0, max_tokens=5)
        except RemoteError as error:
            shown.extend((repr(error), *traceback.format_exception(error), *related(error)))
        finally:
            await server.close()

    with ScriptedServer([action]) as made:
        asyncio.run(ask(made.url.replace("//", "//me:sesame@")))
        assert made.asked[0].headers["authorization"] == f"Bearer {KEY}"
    for secret in (KEY, "sesame", PICTURE):
        assert secret not in "\n".join(shown)
        assert secret not in caplog.text


def test_no_key_sends_none_whatever_the_environment_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", f"X-Mine: {KEY}")

    async def ask(url: str) -> None:
        server = Server(url=url, model="m", key=None, timeout_s=5.0, requests_per_hour=0, what="the tested server")
        await server.chat([{"role": "system", "content": "Hello."}], at_s=0.0, max_tokens=5)
        await server.close()

    with ScriptedServer() as made:
        asyncio.run(ask(made.url))
        asyncio.run(ask(made.url.replace("//", "//me:sesame@")))
        without, with_password = (asked.headers for asked in made.asked)
    assert set(without) == {
        "host",
        "accept",
        "content-type",
        "content-length",
        "connection",
        "user-agent",
        "accept-encoding",
    }
    assert with_password["authorization"].startswith("Basic ")
    assert KEY not in str(without) + str(with_password)


async def no_wait(_seconds: float) -> None:
    """Do not wait."""


def related(error: BaseException) -> list[str]:
    """Everything that hangs on an error and could be printed with it."""
    found: list[str] = []
    inner: Any = error
    while inner is not None:
        found.append(f"{inner!r} {getattr(inner, '__dict__', {})}")
        inner = inner.__cause__ or inner.__context__
    return found
