"""Addresses of network streams are checked before anything is opened, and never show what is secret."""

from __future__ import annotations

import pytest

from configs.errors import ConfigError
from configs.live_settings import LiveSettings, NetworkSettings
from streams.sources.network.address import parse
from streams.sources.network.captor import NetworkCaptor

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://cam.local/stream1", "rtsp://cam.local/stream1"),
        ("rtsp://admin:s3cret@cam.local:8554/Streaming/Channels/101", "rtsp://cam.local:8554/Streaming/Channels/101"),
        ("RTSP://Cam/x?token=s3cret", "rtsp://cam/x"),
        ("rtsp://cam/user=admin_password=s3cret_channel=1.sdp", "rtsp://cam/..."),
        ("rtsps://192.168.1.1:7441/s3cretAbCd12345678", "rtsps://192.168.1.1:7441/..."),
        ("rtsp://cam/h264Preview_01_main", "rtsp://cam/h264Preview_01_main"),
        ("rtmp://server/live/s3cret", "rtmp://server/live/..."),
        ("http://[::1]:8080/live.ts#s3cret", "http://[::1]:8080/live.ts"),
        ("https://u:s3cret%40x@host/a/b.m3u8?sig=s3cret", "https://host/a/b.m3u8"),
        ("http://host/@channel/live.m3u8", "http://host/@channel/live.m3u8"),
        ("http://host/live?user=a@b", "http://host/live"),
        ("udp://@:5000", "udp://:5000"),
        ("udp://239.1.2.3:5000?localaddr=10.0.0.1", "udp://239.1.2.3:5000"),
        ("tcp://127.0.0.1:9000?listen=1", "tcp://127.0.0.1:9000"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(address: str, shown: str) -> None:
    parsed = parse(address)
    assert parsed.shown == shown
    assert "s3cret" not in repr(parsed)
    assert NetworkCaptor(address, NetworkSettings(), LiveSettings()).name == shown


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("rtsp:cam/stream", "looks like rtsp://"),
        ("rtsp://", "names no host"),
        ("rtsp:///s3cret", "names no host"),
        ("rtsp://user:s3cret@/x", "names no host"),
        ("rtsp://cam:99999/x", "is not one"),
        ("rtsp://cam:0/x", "is 0"),
        ("rtsp://[::1/x", "is not one"),
        ("rtsp://user:s3cret/more@cam/x", "%2F"),
        ("rtsp://user:12/s3cret@cam/x", "%2F"),
        ("rtsp://user:s3cret?more@cam/x", "%3F"),
        ("rtsp://user:12?s3cret@cam/x", "%3F"),
        ("rtsp://user:12#s3cret@cam/x", "%23"),
        ("rtsp://s3cret/more@cam/x", "%2F"),
        ("rtsp://cam/a b", "%20"),
        ("rtsp://cam/a\nb", "%20"),
        ("tcp://host", "no port"),
        ("udp://239.1.2.3", "no port"),
        ("https://host/x?listen=1", "cannot listen"),
        ("srt://host:9000?passphrase=s3cret", "ffmpeg -i"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_in_one_line_without_secrets(address: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        NetworkCaptor(address, NetworkSettings(), LiveSettings())
    text = str(refused.value)
    assert says in text
    assert "s3cret" not in text
    assert "\n" not in text


def test_listening_is_asked_for_in_the_query_and_taken_out_of_it() -> None:
    parsed = parse("tcp://127.0.0.1:9000?listen=1&recv_buffer_size=65536")
    assert parsed.listens
    assert parsed.url == "tcp://127.0.0.1:9000?recv_buffer_size=65536"
    assert not parse("tcp://127.0.0.1:9000").listens


def test_what_libav_is_given_keeps_everything_that_was_written() -> None:
    assert parse("rtsp://u:p%40x@cam:554/a/b?token=1&x=2").url == "rtsp://u:p%40x@cam:554/a/b?token=1&x=2"


def test_both_tracks_may_come_before_anything_was_opened() -> None:
    captor = NetworkCaptor("rtsp://cam/x", NetworkSettings(), LiveSettings())
    assert {info.track for info in captor.tracks} == {"video", "audio"}
    assert {info.codec for info in captor.tracks} == {"unknown"}
    assert captor.one_clock


def test_a_sender_on_this_machine_is_listened_to_on_this_machine_alone_however_it_is_named() -> None:
    address = parse("udp://localhost:9000?fifo_size=7")
    assert (address.host, address.url) == ("127.0.0.1", "udp://127.0.0.1:9000?fifo_size=7")
    assert address.shown == "udp://127.0.0.1:9000"
