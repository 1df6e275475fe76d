"""What the WHIP endpoint answers to requests that are wrong, too long, too many, or none of its business."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from configs.errors import ConfigError
from configs.live_settings import WebrtcSettings
from streams.clock import monotonic_s
from streams.sources.webrtc.captor import WebrtcCaptor
from tests.made_whip import SDP, TOKEN, Attempt, ask, made_captor, state, until

pytestmark = pytest.mark.media


@pytest.fixture
def captor() -> Iterator[WebrtcCaptor]:
    with made_captor() as made:
        attempt = Attempt(made)
        yield made
        attempt.end()


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x"])
def test_without_the_token_nothing_is_told_and_nobody_is_let_in(captor: WebrtcCaptor, token: str | None) -> None:
    for method, path in (("POST", "/whip"), ("DELETE", "/whip/somebody"), ("GET", "/state")):
        answer = ask(captor, method, path, token=token, body="v=0\r\n")
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.text == "the token is missing or wrong: open the link on the monitor's own screen\n"


def test_who_guesses_tokens_is_not_listened_to_any_more(captor: WebrtcCaptor) -> None:
    answers = [ask(captor, "GET", "/state", token=f"guess-{number}") for number in range(12)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
    assert ask(captor, "GET", "/state").status == 429


def test_an_offer_without_consent_is_refused(captor: WebrtcCaptor) -> None:
    answer = ask(captor, body="v=0\r\n", headers={"Content-Type": SDP})
    assert answer.status == 403
    assert "consent" in answer.text
    assert ask(captor, path="/whip?consent=yes", body="v=0\r\n", headers={"Content-Type": SDP}).status == 400


def test_an_offer_of_another_type_is_refused(captor: WebrtcCaptor) -> None:
    assert ask(captor, headers={"Content-Type": "application/json", "X-Consent": "yes"}).status == 415


BAD_OFFERS = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no SDP": b"hello\r\n",
    "no media": b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
    "data only": b"v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
    "nothing sent": b"v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n",
    "no ICE": b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n",
    "half a line": b"v=0\r\nm=video",
    "numbers": b"v=0\r\nm=video x UDP/TLS/RTP/SAVPF y\r\na=rtpmap:z\r\n",
    "many sections": b"v=0\r\n" + 9 * b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
    "many candidates": b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
    + 129 * b"a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n",
}


@pytest.mark.parametrize("body", BAD_OFFERS.values(), ids=BAD_OFFERS)
def test_a_bad_offer_is_refused_in_one_line(captor: WebrtcCaptor, body: bytes) -> None:
    answer = ask(captor, body=body)
    assert answer.status == 400
    assert answer.text.count("\n") == 1
    assert state(captor)["monitor"] == "waiting"


def test_a_broken_copy_of_a_real_offer_is_refused_or_answered_but_never_breaks_anything(captor: WebrtcCaptor) -> None:
    lines = REAL_OFFER.splitlines()
    for left_out in range(1, len(lines)):
        body = "\r\n".join([*lines[:left_out], *lines[left_out + 1 :], ""])
        answer = ask(captor, body=body)
        assert answer.status in {201, 400, 409}, (lines[left_out], answer.status)
        if answer.status == 201:
            assert ask(captor, "DELETE", answer.headers["location"]).status == 200
    assert ask(captor, "GET", "/state").status == 200


def test_a_long_offer_is_refused_by_its_length_alone(captor: WebrtcCaptor) -> None:
    begun_s = monotonic_s()
    with closing(_opened(captor, f"Content-Length: {10 * 1024 * 1024}")) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert monotonic_s() - begun_s < 1.0


def test_a_long_offer_in_pieces_is_refused_once_it_is_too_long(captor: WebrtcCaptor) -> None:
    with closing(_opened(captor, "Transfer-Encoding: chunked")) as connection:
        sent = 0
        try:
            while sent < 10 * 1024 * 1024:
                connection.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
                sent += 0x4000
        except OSError:
            pass
        # What the kernel holds on both sides goes on for a while; the rest was never taken.
        assert sent < 8 * 1024 * 1024


def test_an_offer_that_does_not_come_is_not_waited_for(captor: WebrtcCaptor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.requests._BODY_S", 0.3)
    with closing(_opened(captor, "Content-Length: 100")) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_candidates_come_with_the_offer_and_not_later(captor: WebrtcCaptor) -> None:
    assert ask(captor, "PATCH", "/whip/somebody").status == 405


def test_publishers_that_ask_are_told_the_methods_and_pages_elsewhere_nothing(captor: WebrtcCaptor) -> None:
    answer = ask(captor, "OPTIONS", "/whip", token=None, headers={"Origin": "https://elsewhere.example"})
    assert answer.status == 204
    assert answer.headers["accept-post"] == SDP
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_needs_nothing_from_elsewhere_and_may_not_be_framed(captor: WebrtcCaptor) -> None:
    for path in ("/", "/page.css", "/page.js", "/sharing.js"):
        answer = ask(captor, "GET", path, token=None)
        assert answer.status == 200
        assert "//" not in answer.text.replace("// ", "").replace("//\n", ""), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert ask(captor, "GET", "/../captor.py", token=None).status == 404


def test_a_port_that_is_taken_is_told_with_the_setting_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"^webrtc.port: cannot listen on 127.0.0.1 port {port} \(Address already"
        ):
            WebrtcCaptor(f"127.0.0.1:{port}", WebrtcSettings(), {})


def test_a_drawn_token_is_logged_with_the_link_and_a_given_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    WebrtcCaptor("", WebrtcSettings(port=0), {}).close()
    assert "/#token=" in caplog.text
    caplog.clear()
    WebrtcCaptor("", WebrtcSettings(port=0), {"EMOTION_MONITOR_WEBRTC_TOKEN": TOKEN}).close()
    assert "share a camera" in caplog.text
    assert TOKEN not in caplog.text


def test_listening_beyond_this_machine_without_tls_is_told_about(caplog: pytest.LogCaptureFixture) -> None:
    captor = WebrtcCaptor("0.0.0.0:0", WebrtcSettings(), {})
    captor.close()
    assert "only over https" in caplog.text
    assert "ssh -L" in caplog.text


def test_a_certificate_that_cannot_be_used_is_told() -> None:
    settings = WebrtcSettings(port=0, certificate="/nowhere/cert.pem", key="/nowhere/key.pem")
    with pytest.raises(ConfigError, match=r"webrtc.certificate, webrtc.key: No such file"):
        WebrtcCaptor("", settings, {})


def test_missing_packages_are_told_with_the_extra_that_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "streams.sources.webrtc.room", None)
    with pytest.raises(ConfigError, match=r"pip install 'emotion-monitor\[webrtc\]'"):
        WebrtcCaptor("", WebrtcSettings(port=0), {})


def _opened(captor: WebrtcCaptor, header: str) -> socket.socket:
    """A connection on which an offer was begun."""
    host, _, port = captor.name.removeprefix("webrtc:").rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    lines = ("POST /whip HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {TOKEN}", "X-Consent: yes")
    connection.sendall("\r\n".join([*lines, f"Content-Type: {SDP}", header, "", ""]).encode())
    return connection


REAL_OFFER = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host generation 0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=ssrc:1 cname:made
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:1
a=sendonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=ssrc:2 cname:made
"""


def test_an_offer_that_aiortc_stumbles_over_is_a_bad_offer(captor: WebrtcCaptor) -> None:
    lines = ["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=sendonly", "a=mid:0"]
    lines += ["a=rtpmap:96 VP8/90000", "a=fmtp:97 x=1", "a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 24}", "a=setup:actpass"]
    answer = ask(captor, body="\r\n".join([*lines, ""]))
    assert (answer.status, answer.text) == (400, "the offer could not be understood\n")


def test_connections_that_ask_for_nothing_keep_nobody_out_for_long(
    captor: WebrtcCaptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.server._REQUEST_S", 0.3)
    host, _, port = captor.name.removeprefix("webrtc:").rpartition(":")

    def answered() -> bool:
        try:
            return ask(captor, "GET", "/state").status == 200
        except ConnectionError:
            return False

    idle = [socket.create_connection((host, int(port))) for _ in range(60)]
    try:
        assert until(answered) < 5.0
    finally:
        for one in idle:
            one.close()
