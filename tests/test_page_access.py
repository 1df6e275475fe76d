"""Who may see the page: whoever is on this machine, and elsewhere who has the token; pages of other origins never."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.made_page import MadePage, served, until
from tests.made_snapshot import RUNNING
from tests.made_stream import made_picture

pytestmark = pytest.mark.unit

TOKEN = "a-token-made-for-tests"
DATA = ("/streams", "/streams/interview/events", "/streams/interview/preview.jpg")
SET = {"EMOTION_MONITOR_WEB_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadePage]:
    """On loopback, without a token."""
    with served(tmp_path_factory.mktemp("local")) as made:
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MadePage]:
    """Reachable from the network, with a token that was set."""
    with served(tmp_path_factory.mktemp("guarded"), environ=SET, host="0.0.0.0") as made:
        made.streams[0].picture = made_picture()
        made.show(RUNNING)
        yield made


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", DATA[:1])
def test_on_loopback_no_token_is_asked_for(local: MadePage, path: str) -> None:
    assert local.get(path).status_code == 200
    with local.client() as client:
        answer = client.post("/session")
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "", "[::1"])
@pytest.mark.parametrize("path", [*DATA, "/", "/static/page.js"])
def test_on_loopback_a_name_that_others_had_resolve_there_reads_nothing(local: MadePage, path: str, host: str) -> None:
    answer = local.get(path, Host=host.format(port=local.port))
    assert answer.status_code in {400, 421}
    assert len(answer.content) < 100


def test_no_answer_leads_elsewhere(local: MadePage) -> None:
    answer = local.get("/streams/", Host="evil.example")
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_on_loopback_it_is_called_by_the_names_of_loopback(local: MadePage, host: str) -> None:
    assert local.get("/streams", Host=f"{host}:{local.port}").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize("path", DATA)
def test_pages_of_other_origins_get_nothing(local: MadePage, path: str, site: str) -> None:
    answer = local.get(path, Sec_Fetch_Site=site, Origin="http://localhost:3000")
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_page_itself_is_answered(local: MadePage, site: str) -> None:
    assert local.get("/streams", Sec_Fetch_Site=site).status_code == 200


@pytest.mark.parametrize("path", DATA)
def test_from_the_network_nothing_is_told_without_the_token(guarded: MadePage, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 401
    assert answer.text == "the token is missing or wrong: open the link on the monitor's own screen\n"


def test_the_page_without_data_is_there_for_everybody(guarded: MadePage) -> None:
    assert guarded.get("/").status_code == 200
    assert guarded.get("/static/uPlot.iife.js").status_code == 200


def test_the_token_is_exchanged_for_a_cookie_that_opens_everything(guarded: MadePage) -> None:
    with guarded.client() as client:
        answer = client.post("/session", headers=bearer(TOKEN))
        assert answer.status_code == 204
        words = answer.headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(words)
        assert not {"Secure"} & set(words)
        assert TOKEN not in answer.headers["set-cookie"]
        assert client.get("/streams").status_code == 200
        until(lambda: client.get("/streams/interview/preview.jpg").status_code == 200)
        with client.stream("GET", "/streams/interview/events") as events:
            assert events.status_code == 200


def test_a_script_may_show_the_token_each_time(guarded: MadePage) -> None:
    assert guarded.get("/streams", **bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize("cookie", ["", "guess", TOKEN, "x" * 5000])
def test_a_cookie_that_was_never_given_opens_nothing(guarded: MadePage, cookie: str) -> None:
    assert guarded.get("/streams", Cookie=f"emotion-monitor-{guarded.port}={cookie}").status_code == 401


def test_cookies_of_two_monitors_on_one_host_do_not_meet(guarded: MadePage, tmp_path: Path) -> None:
    with served(tmp_path, environ=SET) as other, httpx.Client(trust_env=False) as browser:
        for page in (guarded, other):
            assert browser.post(f"{page.url}/session", headers=bearer(TOKEN)).status_code == 204
        for page in (guarded, other):
            assert browser.get(f"{page.url}/streams").status_code == 200


def test_who_guesses_tokens_is_not_listened_to_any_more(tmp_path: Path) -> None:
    with served(tmp_path, environ=SET) as page, page.client() as client:
        told = [client.post("/session", headers=bearer(f"guess-{number}")) for number in range(12)]
        assert [answer.status_code for answer in told] == [401] * 10 + [429] * 2
        assert told[-1].headers["retry-after"] == "60"
        assert client.post("/session", headers=bearer(TOKEN)).status_code == 429
        assert client.get("/").status_code == 200


def test_a_browser_that_was_let_in_stays_while_others_guess(tmp_path: Path) -> None:
    with served(tmp_path, environ=SET) as page, page.client() as client:
        client.post("/session", headers=bearer(TOKEN))
        for number in range(12):
            page.get("/streams", **bearer(f"guess-{number}"))
        assert client.get("/streams").status_code == 200


def test_cookies_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.outputs.page.door._COOKIES", 2)
    with served(tmp_path, environ=SET) as page, page.client() as first, page.client() as second, page.client() as third:
        for client in (first, second):
            client.post("/session", headers=bearer(TOKEN))
        assert first.get("/streams").status_code == 200
        third.post("/session", headers=bearer(TOKEN))
        # The second has not come for longest.
        assert [client.get("/streams").status_code for client in (first, second, third)] == [200, 401, 200]


def test_a_token_that_was_set_is_asked_for_on_loopback_too_and_told_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, environ=SET) as page:
        assert page.get("/streams").status_code == 401
        assert page.destination.link == f"{page.url}/"
        assert page.streams[0].told[0].link == f"{page.url}/"
    assert TOKEN not in caplog.text


def test_a_drawn_token_is_told_with_the_link_on_the_operators_own_screen_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(tmp_path, host="0.0.0.0") as page:
        link = page.streams[0].told[0].link
        token = link.partition("#token=")[2]
        assert len(token) >= 20
        assert token not in caplog.text
        assert f"the page is at {page.url.replace('127.0.0.1', socket.gethostname())}/" in caplog.text
        assert "set a token in the variable EMOTION_MONITOR_WEB_TOKEN" in caplog.text
        assert "can read along" in caplog.text
        page.show(RUNNING)
        assert page.get("/streams", **bearer(token)).status_code == 200
        with page.viewer(headers=bearer(token)) as viewer:
            assert token not in str([viewer.next(), viewer.next()])


def test_a_token_in_the_address_opens_nothing(guarded: MadePage) -> None:
    assert guarded.get(f"/streams?token={TOKEN}").status_code == 401


def test_a_token_in_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with served(tmp_path, token_file=str(file)) as page:
        assert page.get("/streams", **bearer(TOKEN)).status_code == 200


def test_over_https_the_cookie_is_for_https_alone(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    with served(tmp_path, environ=SET, certificate=str(certificate), key=str(key)) as page:
        assert page.destination.link.startswith("https://127.0.0.1:")
        with httpx.Client(verify=False, trust_env=False) as client:
            answer = client.post(f"{page.url}/session", headers=bearer(TOKEN))
            assert "Secure" in answer.headers["set-cookie"].split("; ")
            assert client.get(f"{page.url}/streams").status_code == 200


PROTECTING = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/static/uPlot.min.css", *DATA, "/elsewhere", "/session"])
def test_every_answer_has_the_headers_that_protect_it(guarded: MadePage, path: str) -> None:
    headers = guarded.get(path, **(bearer(TOKEN) if "events" not in path else {})).headers
    assert {name: headers[name] for name in PROTECTING} == PROTECTING
    policy = {part.split()[0]: part.split()[1:] for part in headers["content-security-policy"].split(";")}
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["img-src"] == ["'self'"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control")]
