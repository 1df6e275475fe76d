"""A browser as a source: who may publish, what arrives, and that nothing is left of it. Publishers are aiortc's own."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from aiortc import AudioStreamTrack

from buffers.records import AUDIO_RATE_HZ, Track
from tests.made_whip import TOKEN, Attempt, Bars, ask, kinds, made_captor, made_publisher, state, until

pytestmark = pytest.mark.media


def test_a_publisher_is_waited_for_and_its_picture_and_sound_arrive() -> None:
    with made_captor() as captor, made_publisher() as publisher:
        attempt = Attempt(captor)
        assert attempt.post.reasons == [f"waiting for a browser at http://{captor.name.removeprefix('webrtc:')}/"]
        assert state(captor)["monitor"] == "waiting"
        publisher.publish(captor)
        post = attempt.post
        until(lambda: len(post.frames) > 20 and len(post.sounds) > 50)
        assert kinds(post) == {Track.VIDEO, Track.AUDIO}
        assert {(info.codec, info.width_px, info.channels) for info in post.tracks} == {
            ("vp8", 320, None),
            ("opus", None, 2),
        }
        assert post.notices == ("the publisher ticked the consent box",)
        assert {size for _, _, size in post.frames} == {(320, 240)}
        elapsed_s = post.sounds[-1][0] - post.sounds[0][0]
        assert sum(count for _, _, count in post.sounds) / AUDIO_RATE_HZ == pytest.approx(elapsed_s, abs=0.3)
        assert state(captor)["monitor"] == "live"
        attempt.end()
        assert attempt.failure is None
        until(lambda: publisher.state == "closed")


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_what_is_shown_arrives_whatever_the_codec(codec: str) -> None:
    with made_captor() as captor, made_publisher(Bars(), codec=codec) as publisher:
        attempt = Attempt(captor)
        publisher.publish(captor)
        until(lambda: len(attempt.post.luma) > 40)
        attempt.end()
        assert [info.codec for info in attempt.post.tracks] == [codec.lower()]
        # The grey of `Bars` rises by one for each picture; limited range makes 0.86 of it.
        luma = np.array(attempt.post.luma[10:40])
        assert 100 * 0.86 + 16 > luma[0] > 40 * 0.86 + 10
        assert luma[-1] - luma[0] == pytest.approx(29 * 0.86, abs=5.0)


def test_a_publisher_that_leaves_ends_the_capture_and_the_next_one_is_let_in() -> None:
    with made_captor() as captor:
        for goodbye in ("delete", "close"):
            attempt = Attempt(captor)
            with made_publisher() as publisher:
                publisher.publish(captor)
                until(lambda: attempt.post.frames)  # noqa: B023 - waited for within the turn
                if goodbye == "delete":
                    assert ask(captor, "DELETE", publisher.location).status == 200
                else:
                    publisher.hang_up()
                attempt.over()
            assert (
                attempt.failure == {"delete": "the publisher stopped sharing", "close": "the publisher left"}[goodbye]
            )
            # Saying goodbye once more is no mistake: a page does that after its connection is closed.
            assert ask(captor, "DELETE", publisher.location).status == 200
            assert ask(captor, "DELETE", "/whip/stranger").status == 404


def test_a_publisher_that_dies_without_a_word_is_noticed_within_six_seconds() -> None:
    with made_captor() as captor, made_publisher() as publisher:
        attempt = Attempt(captor)
        publisher.publish(captor)
        until(lambda: attempt.post.frames and attempt.post.sounds)
        publisher.vanish()
        last_s = attempt.post.now_s()
        attempt.over()
        assert attempt.failure == "nothing came from the publisher for 5 s"
        assert attempt.post.now_s() - last_s < 6.0


def test_only_one_publishes_at_a_time() -> None:
    with made_captor() as captor, made_publisher() as first, made_publisher() as second:
        attempt = Attempt(captor)
        first.publish(captor)
        refused = ask(captor, body=second.offer())
        assert (refused.status, refused.text) == (409, "somebody is sharing already\n")
        until(lambda: attempt.post.frames)
        attempt.end()


def test_while_nothing_is_captured_publishers_are_sent_away_until_the_next_capture() -> None:
    with made_captor() as captor, made_publisher() as early, made_publisher() as late:
        attempt = Attempt(captor)
        attempt.end()
        refused = ask(captor, body=early.offer())
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert "paused" in refused.text
        assert state(captor)["monitor"] == "away"
        attempt = Attempt(captor)
        late.publish(captor)
        until(lambda: attempt.post.frames)
        attempt.end()


def test_a_publisher_of_one_track_promises_one() -> None:
    for track, kind in ((Bars(), Track.VIDEO), (AudioStreamTrack(), Track.AUDIO)):
        with made_captor() as captor, made_publisher(track) as publisher:
            attempt = Attempt(captor)
            publisher.publish(captor)
            until(lambda: attempt.post.frames or attempt.post.sounds)  # noqa: B023 - waited for within the turn
            assert kinds(attempt.post) == {kind}
            attempt.end()


def test_of_two_cameras_the_first_is_taken_and_the_other_is_told_of() -> None:
    with made_captor() as captor, made_publisher(Bars(320, 240), Bars(160, 128)) as publisher:
        attempt = Attempt(captor)
        publisher.publish(captor)
        until(lambda: len(attempt.post.frames) > 10)
        assert {size for _, _, size in attempt.post.frames} == {(320, 240)}
        assert "a second video track is left out" in attempt.post.notices
        attempt.end()


def test_the_picture_may_change_its_size_at_any_time() -> None:
    bars = Bars(320, 240)
    with made_captor() as captor, made_publisher(bars, AudioStreamTrack()) as publisher:
        attempt = Attempt(captor)
        publisher.publish(captor)
        until(lambda: attempt.post.frames)
        bars.size = (240, 320)
        until(lambda: attempt.post.frames[-1][2] == (240, 320))
        attempt.end()


def test_a_publisher_that_was_answered_but_never_comes_leaves_the_door_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.sources.webrtc.publisher._CONNECT_S", 1.0)
    with made_captor() as captor, made_publisher() as absent, made_publisher() as publisher:
        attempt = Attempt(captor)
        assert ask(captor, body=absent.offer()).status == 201
        until(lambda: len(attempt.post.reasons) == 2)
        assert attempt.post.reasons[1].startswith(
            "the publisher could not be reached within 1 s: is UDP let through?; "
        )
        publisher.publish(captor)
        until(lambda: attempt.post.frames)
        attempt.end()


def test_closing_while_somebody_publishes_ends_at_once_and_frees_the_port() -> None:
    with made_captor() as captor, made_publisher() as publisher:
        attempt = Attempt(captor)
        publisher.publish(captor)
        until(lambda: attempt.post.frames)
        attempt.post.end()
        captor.close()
        captor.close()
        attempt.over(5.0)
        with socket.create_server(("127.0.0.1", int(captor.name.rpartition(":")[2]))):
            pass


def test_twenty_publishers_one_after_another_leave_no_task_thread_or_socket_behind() -> None:
    def left() -> tuple[int, int, int]:
        gc.collect()
        loop = captor._server._loop
        assert loop is not None
        return len(asyncio.all_tasks(loop)), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    with made_captor() as captor:
        seen = []
        for turn in range(20):
            attempt = Attempt(captor)
            with made_publisher() as publisher:
                publisher.publish(captor)
                until(lambda: attempt.post.frames and attempt.post.sounds)  # noqa: B023 - waited for within the turn
                if turn % 2:
                    ask(captor, "DELETE", publisher.location)
                    attempt.over()
                else:
                    attempt.end()
            seen.append(left())
        for counts in zip(*seen, strict=True):
            assert min(counts[-5:]) <= max(counts[:2]), seen
    assert not [t.name for t in threading.enumerate() if t.name.startswith(("webrtc", "video-", "audio-"))]


def test_the_token_stands_in_no_name_reason_or_representation() -> None:
    with made_captor() as captor:
        attempt = Attempt(captor)
        attempt.end()
        told = [captor.name, *attempt.post.reasons, repr(captor)]
        assert not [text for text in told if TOKEN in text]
