"""The parts of a network captor alone: its words for failures, its pace, and what it gives libav."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import av.error
import pytest

from configs.live_settings import LiveSettings, NetworkSettings
from streams.sources.network import opening
from streams.sources.network.address import parse
from streams.sources.network.failures import phrase, unknown_host
from streams.sources.network.opening import libav_options, libav_url
from streams.sources.network.pace import Pace
from tests.clips import Moving, Tone, write
from tests.made_streams import Recorded, web_server

pytestmark = pytest.mark.unit


class Ticking(Recorded):
    """A `Post` whose time passes only by waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s = 50.0

    def now_s(self) -> float:
        return self.at_s

    def wait(self, timeout_s: float) -> bool:
        self.at_s += timeout_s
        return not self.wanted


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (av.error.HTTPUnauthorizedError(1, "s3cret", "rtsp://u:s3cret@cam"), "(401)"),
        (av.error.HTTPForbiddenError(1, "s3cret", "rtsp://u:s3cret@cam"), "(403)"),
        (av.error.HTTPServerError(1, "s3cret", "rtsp://u:s3cret@cam"), "(5xx)"),
        (av.error.InvalidDataError(1, "s3cret", "rtsp://u:s3cret@cam"), "no stream"),
        (av.error.ExitError(1, "s3cret", "rtsp://u:s3cret@cam"), "nothing came for 10 s"),
        (av.error.TimeoutError(errno.ETIMEDOUT, "s3cret", "s3cret"), "nothing came for 10 s"),
        (OSError(errno.EHOSTUNREACH, "s3cret", "s3cret"), "cannot be reached"),
        (OSError(errno.EADDRINUSE, "s3cret", "s3cret"), "another program"),
        (OSError(errno.EMFILE, "s3cret", "s3cret"), "too many open files"),
        (ValueError("s3cret"), "cannot be read (ValueError)"),
    ],
)
def test_each_failure_has_a_phrase_without_libavs_own_words(error: Exception, says: str) -> None:
    text = phrase(error, waited_s=0.1, limit_s=10.0)
    assert says in text
    assert "s3cret" not in text


def test_whatever_fails_when_its_time_is_up_is_a_failure_of_time() -> None:
    error = av.error.InvalidDataError(1, "x", "y")
    assert phrase(error, waited_s=3.0, limit_s=3.0) == "nothing came for 3 s"
    assert phrase(error, waited_s=1.0, limit_s=3.0) == "what comes is no stream that can be read"


def test_a_host_is_known_by_its_number() -> None:
    assert not unknown_host("127.0.0.1")


def test_a_segment_that_comes_at_once_lasts_as_long_as_it_is() -> None:
    post = Ticking()
    pace = Pace(post)
    passed_s = []
    for pts_s in (7.0, 7.5, 8.0, 8.5):
        assert not pace.hold(pts_s)
        passed_s.append(post.at_s)
    assert passed_s == pytest.approx([50.0, 50.5, 51.0, 51.5])


def test_what_comes_late_catches_up_and_does_not_stay_late() -> None:
    post = Ticking()
    pace = Pace(post)
    pace.hold(0.0)
    post.at_s = 53.0
    for pts_s in (1.0, 2.0, 3.0, 3.5):
        pace.hold(pts_s)
    assert post.at_s == pytest.approx(53.5)


def test_a_jump_begins_the_pace_anew() -> None:
    post = Ticking()
    pace = Pace(post)
    for pts_s in (0.0, 1.0, 9000.0, 9001.0, 3.0, 4.0):
        pace.hold(pts_s)
    assert post.at_s == pytest.approx(53.0)


def test_nothing_is_held_for_one_who_wants_nothing_any_more() -> None:
    post = Ticking()
    pace = Pace(post)
    assert not pace.hold(None)
    post.end()
    assert pace.hold(0.0)
    assert pace.hold(None)
    assert pace.hold(1.0)


def test_libav_is_given_the_limits_that_work_and_may_not_leave_the_network() -> None:
    network, live = NetworkSettings(rtsp_transport="udp"), LiveSettings(open_timeout_s=7.0)
    options = libav_options(parse("rtsp://cam/x"), network, live)
    assert options["rtsp_transport"] == "udp"
    assert options["timeout"] == "7000000"
    assert "file" not in options["protocol_whitelist"].split(",")
    assert set(libav_options(parse("rtmp://cam/x"), network, live)) == {"protocol_whitelist"}


def test_a_datagram_stream_has_a_large_buffer_and_its_own_parameters_are_kept() -> None:
    assert libav_url(parse("udp://@:5000")) == "udp://@:5000?fifo_size=50000&overrun_nonfatal=1"
    assert libav_url(parse("udp://127.0.0.1:5000?fifo_size=9&x=1")) == (
        "udp://127.0.0.1:5000?fifo_size=9&x=1&overrun_nonfatal=1&localaddr=127.0.0.1"
    )


@pytest.mark.media
def test_a_stream_of_which_a_quick_look_shows_too_little_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Announced at once, but the sound begins behind four seconds of pictures.
    write(tmp_path / "a.ts", Moving(codec="mpeg2video", frames=100), Tone(start_s=4.0, codec="mp2"))
    looks: list[str] = []
    genuine = av.open

    def counted(*args: object, options: dict[str, str], **rest: object) -> object:
        looks.append(options.get("analyzeduration", "all"))
        return genuine(*args, options=options, **rest)  # type: ignore[call-overload] # handed on as it came

    monkeypatch.setattr("av.open", counted)
    with web_server(tmp_path) as root:
        post = Recorded()
        container = opening.open_stream(parse(f"{root}/a.ts"), post, NetworkSettings(), LiveSettings())
        assert container is not None
        assert container.streams.audio[0].codec_context.sample_rate == 48_000
        container.close()
    assert looks == ["1000000", "all"]
