"""Network streams of real servers: what arrives, what is said when nothing does, and that nothing hangs."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from buffers.records import Track
from configs.errors import SourceUnreadable
from configs.live_settings import LiveSettings, NetworkSettings
from streams.sources.live.captor import CaptureFailed
from streams.sources.network.captor import NetworkCaptor
from tests.made_streams import (
    Attempt,
    deaf_server,
    ffmpeg,
    free_port,
    looped,
    made_clip,
    refusing_server,
    rtsp_server,
    wait_until,
    web_server,
)

pytestmark = pytest.mark.media

QUICK: Final = LiveSettings(open_timeout_s=5.0, stall_after_s=0.5, gap_after_s=1.0, dead_after_s=2.0)

SECRET: Final = "s3cret"

SOON_S: Final = 15.0
"""Most anything may take on a busy machine."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_clip(tmp_path_factory.mktemp("streams"))


@pytest.fixture(autouse=True)
def _nothing_is_told(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever happens, libav writes nothing to the terminal, and no log holds a secret."""
    caplog.set_level(logging.DEBUG)
    yield
    assert capfd.readouterr() == ("", "")
    assert SECRET not in caplog.text


def captor(address: str, live: LiveSettings = QUICK, **network: object) -> NetworkCaptor:
    return NetworkCaptor(address, NetworkSettings.model_validate(network), live)


def wait_for_both(attempt: Attempt, *, more: int = 20) -> None:
    """Until pictures and sound flow, or the attempt failed."""
    frames, sounds = len(attempt.post.frames) + more, len(attempt.post.sounds) + more
    wait_until(
        lambda: attempt.ended or (len(attempt.post.frames) >= frames and len(attempt.post.sounds) >= sounds), SOON_S
    )
    assert not attempt.ended, attempt.error


def failure(address: str, live: LiveSettings = QUICK) -> str:
    """Why an attempt fails, in the words that are shown."""
    with Attempt(captor(address, live)) as attempt:
        attempt.join(SOON_S)
        assert isinstance(attempt.error, CaptureFailed)
        assert attempt.error.__cause__ is None
        assert attempt.error.__suppress_context__
        assert SECRET not in str(attempt.error)
        assert "\n" not in str(attempt.error)
        return str(attempt.error)


def test_an_rtsp_server_that_is_killed_is_told_at_once_and_captured_again_after_its_restart(clip: Path) -> None:
    port = free_port()
    source = captor(f"rtsp://user:{SECRET}@127.0.0.1:{port}/cam")
    with rtsp_server(clip, port) as server:
        for _ in range(2):
            with Attempt(source) as attempt:
                wait_for_both(attempt)
                assert {info.track: info.codec for info in attempt.post.tracks} == {"video": "h264", "audio": "aac"}
                server.kill()
                attempt.join(2.0)
                assert str(attempt.error) == "the stream ended"
            assert "refused" in failure(f"rtsp://user:{SECRET}@127.0.0.1:{port}/cam")
            server.start()
    assert {info.track: info.width_px for info in source.tracks} == {"video": 160, "audio": None}


def test_an_rtsp_server_that_freezes_is_given_up_after_its_time(clip: Path) -> None:
    port = free_port()
    with rtsp_server(clip, port) as server, Attempt(captor(f"rtsp://127.0.0.1:{port}/cam")) as attempt:
        wait_for_both(attempt)
        server.freeze()
        frozen_s = attempt.post.now_s()
        attempt.join(QUICK.dead_after_s + 2.0)
        assert attempt.post.now_s() - frozen_s >= QUICK.dead_after_s - 0.5
        assert "nothing came" in str(attempt.error)
        assert "nothing came" in failure(
            f"rtsp://127.0.0.1:{port}/cam", QUICK.model_copy(update={"open_timeout_s": 1.0})
        )
        server.thaw()


def test_a_short_freeze_is_survived_and_the_backlog_is_delivered(clip: Path) -> None:
    port = free_port()
    with rtsp_server(clip, port) as server, Attempt(captor(f"rtsp://127.0.0.1:{port}/cam", LiveSettings())) as attempt:
        wait_for_both(attempt)
        server.freeze()
        attempt.post.wait(1.5)
        server.thaw()
        wait_for_both(attempt, more=50)


def test_a_path_that_is_not_there_is_called_so(clip: Path) -> None:
    port = free_port()
    with rtsp_server(clip, port):
        assert "404" in failure(f"rtsp://user:{SECRET}@127.0.0.1:{port}/{SECRET}?token={SECRET}")


@pytest.mark.parametrize(("code", "says"), [(401, "password"), (403, "403"), (404, "no such path"), (503, "5xx")])
def test_what_a_server_answers_is_told_in_plain_words(code: int, says: str) -> None:
    with refusing_server(code) as root:
        assert says in failure(root.replace("//", f"//user:{SECRET}@") + f"/live?token={SECRET}")


@pytest.mark.parametrize("start", ["rtsp://u:s3cret@", "http://u:s3cret@", "tcp://", "rtmp://"])
def test_where_nothing_listens_the_connection_is_refused(start: str) -> None:
    assert "refused" in failure(f"{start}127.0.0.1:{free_port()}/live/s3cret?token=s3cret")


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp", "rtmp"])
def test_a_server_that_never_says_a_word_is_given_up(scheme: str) -> None:
    with deaf_server() as port:
        assert "nothing came" in failure(
            f"{scheme}://127.0.0.1:{port}/live", QUICK.model_copy(update={"open_timeout_s": 1.0})
        )


def test_a_host_that_nobody_knows_is_called_so() -> None:
    assert "name is not known" in failure("http://nowhere.invalid/live.ts")


def test_an_http_stream_is_captured_again_after_its_server_was_killed(clip: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/live.ts"
    with ffmpeg(*looped(clip), "-f", "mpegts", "-listen", "1", address, port=port) as server:
        for _ in range(2):
            with Attempt(captor(f"{address}?token={SECRET}")) as attempt:
                wait_for_both(attempt)
                server.kill()
                attempt.join(2.0)
                assert str(attempt.error) == "the stream ended"
            server.start()


def test_an_http_stream_that_freezes_is_given_up_after_its_time(clip: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/live.ts"
    with (
        ffmpeg(*looped(clip), "-f", "mpegts", "-listen", "1", address, port=port) as server,
        Attempt(captor(address)) as attempt,
    ):
        wait_for_both(attempt)
        server.freeze()
        attempt.join(QUICK.dead_after_s + 2.0)
        assert str(attempt.error) == "nothing came for 2 s"


def test_a_tcp_stream_is_captured(clip: Path) -> None:
    port = free_port()
    with (
        ffmpeg(*looped(clip), "-f", "mpegts", f"tcp://127.0.0.1:{port}?listen=1", port=port),
        Attempt(captor(f"tcp://127.0.0.1:{port}")) as attempt,
    ):
        wait_for_both(attempt)
        stamps = [pts_s for _, pts_s, _ in attempt.post.frames[:10] if pts_s is not None]
        assert len(stamps) == 10
        assert stamps == sorted(stamps)


def test_a_udp_stream_is_waited_for_and_captured_again_when_its_sender_comes_back(clip: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    address = f"udp://127.0.0.1:{port}"
    with Attempt(captor(address)) as attempt:
        wait_until(lambda: attempt.post.waited == ["waiting for a sender"], SOON_S)
        with ffmpeg(*looped(clip), "-f", "mpegts", f"{address}?pkt_size=1316"):
            wait_for_both(attempt)
        attempt.join(QUICK.dead_after_s + 2.0)
        assert "nothing came" in str(attempt.error)


def test_one_who_waits_for_a_sender_leaves_soon_when_nobody_wants_it_any_more() -> None:
    for address in (f"udp://127.0.0.1:{free_port(socket.SOCK_DGRAM)}", f"tcp://127.0.0.1:{free_port()}?listen=1"):
        with Attempt(captor(address)) as attempt:
            wait_until(lambda attempt=attempt: attempt.post.waited, SOON_S)
            attempt.post.end()
            attempt.join(3.0)
            assert attempt.error is None


@pytest.mark.parametrize(("scheme", "kind"), [("tcp", "mpegts"), ("http", "mpegts"), ("rtmp", "flv")])
def test_a_publisher_is_waited_for(clip: Path, scheme: str, kind: str) -> None:
    port = free_port()
    address = f"{scheme}://127.0.0.1:{port}/live/{SECRET}"
    with Attempt(captor(f"{address}?listen=1")) as attempt:
        attempt.post.wait(1.5)
        assert attempt.post.waited == ["waiting for a publisher"]
        assert not attempt.ended, attempt.error
        with ffmpeg(*looped(clip), "-f", kind, address):
            wait_for_both(attempt)


def test_pictures_without_times_come_without_times(clip: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/live.mjpg"
    coded = ("-an", "-r", "10", "-c:v", "mjpeg", "-f", "mpjpeg")
    kind = ("-content_type", "multipart/x-mixed-replace;boundary=ffmpeg", "-listen", "1")
    with (
        ffmpeg("-re", "-stream_loop", "-1", "-i", str(clip), *coded, *kind, address, port=port),
        Attempt(captor(address)) as attempt,
    ):
        wait_until(lambda: len(attempt.post.frames) > 5, SOON_S)
        assert [(info.track, info.rate_hz) for info in attempt.post.tracks] == [(Track.VIDEO, None)]
        assert {pts_s for _, pts_s, _ in attempt.post.frames} == {None}


@pytest.mark.parametrize(("name", "length"), [("clip.mp4", "4 s"), ("clip.ts", "0.1 MB"), ("whole.m3u8", "4 s")])
def test_a_recording_on_a_web_server_is_no_live_stream(clip: Path, name: str, length: str) -> None:
    kinds = {"clip.mp4": ("-movflags", "faststart"), "whole.m3u8": ("-hls_time", "1", "-hls_list_size", "0")}
    if name in kinds:
        with ffmpeg("-y", "-i", str(clip), "-c", "copy", *kinds[name], str(clip.parent / name)) as made:
            made.join(SOON_S)
    with web_server(clip.parent) as root, Attempt(captor(f"{root}/{name}?token={SECRET}")) as attempt:
        attempt.join(SOON_S)
    assert isinstance(attempt.error, SourceUnreadable)
    assert str(attempt.error) == (
        f"{root}/{name}: is a recording of {length}, no live stream; download it and use replay"
    )


def test_what_comes_in_pieces_is_played_at_its_own_pace(clip: Path, tmp_path: Path) -> None:
    pieces = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "4", "-hls_flags", "delete_segments")
    playlist = tmp_path / "live.m3u8"
    with ffmpeg(*looped(clip), *pieces, str(playlist)), web_server(tmp_path) as root:
        wait_until(lambda: playlist.exists() and playlist.read_text().count("#EXTINF") >= 3, SOON_S)
        with Attempt(captor(f"{root}/live.m3u8")) as attempt:
            wait_until(lambda: attempt.ended or len(attempt.post.frames) > 50, SOON_S)
            arrived_s = [at_s for at_s, _, _ in attempt.post.frames]
    waits_s = [later_s - earlier_s for earlier_s, later_s in pairwise(arrived_s)]
    assert max(waits_s) < 0.5
    assert arrived_s[50] - arrived_s[0] == pytest.approx(2.0, abs=0.5)


def test_a_playlist_cannot_make_it_read_local_files(clip: Path, tmp_path: Path) -> None:
    entry = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{clip}\n"
    (tmp_path / "live.m3u8").write_text(entry)
    with web_server(tmp_path) as root:
        assert "nothing came" in failure(f"{root}/live.m3u8", QUICK.model_copy(update={"open_timeout_s": 1.0}))


def test_timestamps_that_jump_are_handed_on_as_they_are(clip: Path, tmp_path: Path) -> None:
    # Where a jump leads is decided by the link; a captor that dropped or held anything would hide it.
    port = free_port()
    address = f"http://127.0.0.1:{port}/live.ts"
    jump = "setts=ts=TS+gt(TS\\,TB*0+135000)*900000"
    with (
        ffmpeg(*looped(clip), "-bsf", jump, "-f", "mpegts", "-listen", "1", address, port=port),
        Attempt(captor(address)) as attempt,
    ):
        wait_until(lambda: attempt.ended or len(attempt.post.frames) > 60, SOON_S)
        stamps = [pts_s for _, pts_s, _ in attempt.post.frames if pts_s is not None]
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    assert max(steps) == pytest.approx(10.0, abs=0.1)
