"""The rules of webhooks: what is signed, what a status means, how long is waited."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.output_settings import WebhookSettings
from monitor.outputs.webhook.answers import Fate, answer_of, asked_wait_s, pause_s
from monitor.outputs.webhook.events import journal_kinds
from monitor.outputs.webhook.signing import read_key, signed

pytestmark = pytest.mark.unit

NOW = "Sun, 22 Nov 2026 10:00:00 GMT"


def test_a_signature_is_the_one_that_standard_webhooks_publishes_as_an_example() -> None:
    settings = WebhookSettings(secret_env="HOOK")
    key = read_key(settings, {"HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
    headers = signed(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_a_secret_without_the_prefix_is_taken_as_it_is() -> None:
    assert read_key(WebhookSettings(secret_env="HOOK"), {"HOOK": "x" * 24}) == b"x" * 24


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_" + base64.b64encode(bytes(24)).decode() + "\n")
    file.chmod(0o600)
    assert read_key(WebhookSettings(secret_file=str(file)), {}) == bytes(24)
    file.write_text("short")
    with pytest.raises(ConfigError, match="guessed"):
        read_key(WebhookSettings(secret_file=str(file)), {})


@pytest.mark.parametrize(
    ("statuses", "fate"),
    [
        ((200, 201, 204, 299), Fate.TAKEN),
        ((301, 302, 307, 308, 401, 403, 404, 405, 408, 425, 429, 500, 502, 503, 504, 599, 100, 999), Fate.AGAIN),
        ((400, 402, 409, 413, 415, 422), Fate.REFUSED),
        ((410,), Fate.GONE),
    ],
)
def test_a_status_decides_what_becomes_of_a_record(statuses: tuple[int, ...], fate: Fate) -> None:
    for status in statuses:
        answer = answer_of(status, {}, "hooks.example")
        assert answer.fate is fate
        assert (answer.reason == "") == (fate is Fate.TAKEN)
        assert answer.reason == "" or answer.reason.startswith("hooks.example ")


@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("99999999999999", 3600.0),
        ("Sun, 22 Nov 2026 10:02:00 GMT", 120.0),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 09:00:00 GMT", 3600.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        ("1e9", None),
        ("١٢", None),
    ],
)
def test_a_receiver_may_ask_for_patience_within_bounds(asked: str, wait_s: float | None) -> None:
    assert asked_wait_s({"retry-after": asked, "date": NOW}) == wait_s
    assert answer_of(429, {"retry-after": asked, "date": NOW}, "h").wait_s == wait_s


def test_a_date_is_not_believed_without_the_receivers_own() -> None:
    assert asked_wait_s({"retry-after": "Sun, 22 Nov 2026 10:02:00 GMT"}) is None


def test_waits_double_up_to_a_bound() -> None:
    waits = [pause_s(failures, first_s=1.0, most_s=300.0, chance=1.0) for failures in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1))
def test_a_wait_is_never_longer_than_asked_for_nor_much_shorter(failures: int, chance: float) -> None:
    wait_s = pause_s(failures, first_s=1.0, most_s=300.0, chance=chance)
    assert 0.75 * min(300.0, 2.0 ** min(failures - 1, 30)) <= wait_s <= 300.0


def test_kinds_of_the_settings_name_kinds_of_the_journal() -> None:
    assert journal_kinds(("verdict",), rationale=False) == {"verdict"}
    assert journal_kinds(("verdict",), rationale=True) == {"verdict", "description"}
    assert journal_kinds(("nfbl",), rationale=True) == {"nfbl"}
    assert journal_kinds(("state", "estimate"), rationale=False) == {
        "estimate",
        "session",
        "link",
        "gap",
        "stall",
        "end",
    }
    assert journal_kinds((), rationale=False) == frozenset()
