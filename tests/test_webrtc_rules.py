"""The rules around a publisher, as tables: tokens, addresses, offers, and when a connection is given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from buffers.records import Track
from configs.errors import ConfigError
from configs.live_settings import WebrtcSettings
from serving.address import Place
from serving.token import Access, Guard, Token, read_token
from streams.sources.webrtc.ice import ice_servers
from streams.sources.webrtc.offer import BadOffer, check_offer, codecs
from streams.sources.webrtc.place import place_of
from streams.sources.webrtc.pulse import Pulse

pytestmark = pytest.mark.unit

VARIABLE = WebrtcSettings().token_env
GOOD = "0123456789abcdef"
BOTH = frozenset(Track)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("", Place("127.0.0.1", 8889)),
        (":9000", Place("127.0.0.1", 9000)),
        ("0.0.0.0", Place("0.0.0.0", 8889)),
        ("box.local:80", Place("box.local", 80)),
        ("[::1]:9000", Place("::1", 9000)),
    ],
)
def test_an_address_fills_up_from_the_settings(address: str, place: Place) -> None:
    assert place_of(address, WebrtcSettings()) == place


@pytest.mark.parametrize("address", ["//127.0.0.1:9", "a b", "host:99999", "host:x", "::1", "user@host:1"])
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"^webrtc: takes the address to listen on"):
        place_of(address, WebrtcSettings())


def test_a_place_is_written_as_a_browser_wants_it() -> None:
    assert Place("::1", 80, tls=True).url == "https://[::1]:80/"
    assert Place("::1", 80).at == "[::1]:80"
    assert Place("::1", 80).loopback
    assert Place("localhost", 80).loopback
    assert not Place("192.168.0.9", 80).loopback
    assert "0.0.0.0" not in Place("0.0.0.0", 80).url


def test_the_token_comes_from_the_file_then_the_variable_then_chance(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(GOOD + "\n")
    assert read_token(WebrtcSettings(token_file=str(path)), {VARIABLE: "x" * 20}) == Token(GOOD, drawn=False)
    assert read_token(WebrtcSettings(), {VARIABLE: GOOD}) == Token(GOOD, drawn=False)
    first, second = read_token(WebrtcSettings(), {}), read_token(WebrtcSettings(), {VARIABLE: ""})
    assert first.drawn
    assert len(first.value) >= 32
    assert first.value != second.value


@pytest.mark.parametrize(
    "value", ["short", "x" * 600, "sixteen letters long", "ümlauts-are-no-tokens", "two\nlines-of-a-file"]
)
def test_what_cannot_be_a_token_is_refused_without_telling_it(tmp_path: Path, value: str) -> None:
    path = tmp_path / "token"
    path.write_text(value)
    for settings, environ in ((WebrtcSettings(token_file=str(path)), {}), (WebrtcSettings(), {VARIABLE: value})):
        with pytest.raises(ConfigError, match="holds no token") as caught:
            read_token(settings, environ)
        assert value not in str(caught.value)


def test_a_token_file_that_is_missing_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^cannot read the token file /nowhere/token: No such file"):
        read_token(WebrtcSettings(token_file="/nowhere/token"), {})


def test_a_token_does_not_show_itself() -> None:
    assert GOOD not in repr(Token(GOOD, drawn=True))


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {GOOD}", GOOD, "Bearer wrong", "Bearer \xff"]
)
def test_only_the_whole_token_opens(header: str | None) -> None:
    guard = Guard(Token(GOOD, drawn=False))
    assert guard.check(header, "a", 0.0) is Access.DENIED
    assert guard.check(f"bearer {GOOD}", "a", 0.0) is Access.GRANTED


def test_guessing_closes_the_door_for_that_address_for_a_minute() -> None:
    guard = Guard(Token(GOOD, drawn=False))
    for second in range(10):
        assert guard.check("Bearer wrong", "a", float(second)) is Access.DENIED
    assert guard.check(f"Bearer {GOOD}", "a", 10.0) is Access.TOO_MANY
    assert guard.check(f"Bearer {GOOD}", "b", 10.0) is Access.GRANTED
    assert guard.check(f"Bearer {GOOD}", "a", 60.0) is Access.GRANTED


def test_a_missing_token_is_no_guess_and_addresses_are_forgotten() -> None:
    guard = Guard(Token(GOOD, drawn=False))
    for _ in range(20):
        assert guard.check(None, "a", 0.0) is Access.DENIED
    for number in range(1000):
        guard.check("Bearer wrong", str(number), 0.0)
    assert len(guard._wrong) <= 256


def test_ice_servers_are_read_with_their_secrets_and_shown_without() -> None:
    stun, turn = ice_servers(["stun:stun.example:3478", "turn:me:s3cret@turn.example:3478?transport=tcp"])
    assert (stun.url, stun.user, stun.secret) == ("stun:stun.example:3478", None, None)
    assert (turn.url, turn.user, turn.secret) == ("turn:turn.example:3478?transport=tcp", "me", "s3cret")
    assert "s3cret" not in repr(turn)


@pytest.mark.parametrize("written", ["stun.example", "http://x", "turn:host:3478", "stun:me:s3cret@host", ""])
def test_what_is_no_ice_server_is_refused_without_its_secret(written: str) -> None:
    with pytest.raises(ConfigError, match=r"^webrtc.ice_servers: entry 2 is no server") as caught:
        ice_servers(["stun:ok", written])
    assert "s3cret" not in str(caught.value)


def test_an_offer_promises_what_it_sends() -> None:
    offer = "v=0\r\nm=audio 9 X 111\r\na=sendrecv\r\nm=video 9 X 96\r\na=recvonly\r\nm=application 9 X y\r\n"
    assert check_offer(offer) == {Track.AUDIO}
    assert check_offer("v=0\nm=video 9 X 96\n") == {Track.VIDEO}
    with pytest.raises(BadOffer, match="neither"):
        check_offer("v=0\nm=video 9 X 96\na=inactive\n")


def test_a_bundle_of_sections_that_are_not_there_is_refused() -> None:
    assert check_offer("v=0\na=group:BUNDLE 0\nm=video 9 X 96\na=mid:0\n") == {Track.VIDEO}
    with pytest.raises(BadOffer, match="bundles"):
        check_offer("v=0\na=group:BUNDLE 0 1\nm=video 9 X 96\na=mid:0\n")


def test_codecs_are_those_that_were_accepted() -> None:
    answer = "v=0\r\nm=video 9 X 97 96\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\nm=audio 0 X 0\r\n"
    assert codecs(answer) == {Track.VIDEO: "h264"}


def test_all_silent_for_five_seconds_is_the_end() -> None:
    pulse = Pulse(BOTH, 0.0)
    pulse.beat(Track.AUDIO, 1.0, 0.0)
    pulse.beat(Track.VIDEO, 2.0, 0.0)
    assert pulse.fault(6.9) is None
    assert pulse.fault(7.1) == "nothing came from the publisher for 5 s"
    pulse.beat(Track.AUDIO, 7.0, 6.0)
    assert pulse.fault(7.1) is None


def test_video_packets_that_make_no_picture_are_a_freeze() -> None:
    pulse = Pulse(BOTH, 0.0)
    packets, t_s = 0, 0.0
    while t_s < 10.0:
        pulse.beat(Track.VIDEO, t_s, t_s)
        pulse.beat(Track.AUDIO, t_s, t_s)
        packets += 30
        pulse.packets(packets, t_s)
        assert pulse.fault(t_s) is None
        t_s += 0.25
    # The link is cut for 4 s: neither packets nor pictures, and that is no freeze.
    t_s += 4.0
    pulse.packets(packets, t_s)
    assert pulse.fault(t_s) is None
    frozen_s = t_s
    while pulse.fault(t_s) is None:
        t_s += 0.25
        packets += 7
        pulse.packets(packets, t_s)
        pulse.beat(Track.AUDIO, t_s, t_s)
    assert t_s - frozen_s == pytest.approx(1.75, abs=0.01)
    assert pulse.fault(t_s) == "the picture froze: packets were lost on the way"


def test_a_camera_that_is_switched_off_is_no_freeze() -> None:
    pulse = Pulse(BOTH, 0.0)
    pulse.beat(Track.VIDEO, 0.0, 0.0)
    for second in range(1, 9):
        pulse.packets(second, float(second))
        pulse.beat(Track.AUDIO, float(second), float(second))
        assert pulse.fault(float(second)) is None


def test_pictures_that_stay_late_are_given_up() -> None:
    pulse = Pulse(BOTH, 0.0)
    pulse.beat(Track.VIDEO, 10.0, 10.0)
    pulse.beat(Track.VIDEO, 20.0, 16.5)
    assert pulse.fault(20.0) is None
    pulse.beat(Track.VIDEO, 21.0, 16.6)
    assert pulse.fault(21.0) == "pictures came 4.4 s late"


def test_clocks_that_drift_for_a_day_are_not_lateness() -> None:
    pulse = Pulse(BOTH, 0.0)
    for minute in range(24 * 60):
        t_s = minute * 60.0
        pulse.beat(Track.VIDEO, t_s, t_s * (1 - 200e-6))
        assert pulse.fault(t_s) is None


def test_a_publisher_that_counts_anew_is_not_late() -> None:
    pulse = Pulse(BOTH, 0.0)
    pulse.beat(Track.VIDEO, 1000.0, 1000.0)
    pulse.beat(Track.VIDEO, 1000.1, 0.0)
    assert pulse.fault(1000.1) is None
    pulse.beat(Track.VIDEO, 1000.2, 0.1)
    assert pulse.fault(1000.2) is None


def test_a_port_alone_is_told_how_to_be_written() -> None:
    with pytest.raises(ConfigError, match=r"^webrtc: 9000 is a port alone; write webrtc::9000$"):
        place_of("9000", WebrtcSettings())
    assert place_of(":9000", WebrtcSettings()).port == 9000
