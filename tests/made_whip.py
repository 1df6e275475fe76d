"""What a WebRTC captor delivers to, kept for tests, and publishers made with aiortc that speak to its endpoint."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from buffers.picture import Picture
from buffers.records import Track
from configs.live_settings import WebrtcSettings
from streams.clock import monotonic_s
from streams.media import TrackInfo
from streams.sources.live.captor import CaptureFailed
from streams.sources.webrtc.captor import WebrtcCaptor

TOKEN = "a-token-made-for-tests"
SDP = "application/sdp"


class MadePost:
    """A post that keeps sizes and times, never pictures."""

    def __init__(self) -> None:
        self.started_s = monotonic_s()
        self.reasons: list[str] = []
        self.tracks: Sequence[TrackInfo] = ()
        self.notices: tuple[str, ...] = ()
        self.opened_times = 0
        self.frames: list[tuple[float, float | None, tuple[int, int]]] = []
        self.sounds: list[tuple[float, float | None, int]] = []
        self.loudest = 0.0
        self.luma: list[float] = []
        self._over = threading.Event()

    @property
    def wanted(self) -> bool:
        return not self._over.is_set()

    def end(self) -> None:
        self._over.set()

    def wait(self, timeout_s: float) -> bool:
        return self._over.wait(timeout_s)

    def now_s(self) -> float:
        return monotonic_s() - self.started_s

    def waiting(self, reason: str) -> None:
        self.reasons.append(reason)

    def opened(self, tracks: Sequence[TrackInfo], *notices: str, kept_s: float = 0.0) -> None:
        self.tracks, self.notices = tracks, notices
        self.opened_times += 1

    def frame(self, picture: Picture, *, pts_s: float | None = None, captured_s: float | None = None) -> None:
        assert self.opened_times == 1
        self.frames.append((self.now_s(), pts_s, (picture.width_px, picture.height_px)))
        self.luma.append(float(picture.y[::8, ::8].mean()))

    def sound(
        self, samples: NDArray[np.float32], *, pts_s: float | None = None, captured_s: float | None = None
    ) -> None:
        assert self.opened_times == 1
        self.sounds.append((self.now_s(), pts_s, len(samples)))
        self.loudest = max(self.loudest, float(np.abs(samples).max(initial=0.0)))

    def overflow(self, reason: str) -> None:
        raise AssertionError(reason)


def until(met: Callable[[], object], within_s: float = 15.0) -> float:
    """Wait for a condition; returns how long it took (s)."""
    begun_s = monotonic_s()
    looks = threading.Event()
    while not met():
        assert monotonic_s() - begun_s < within_s, "it did not happen in time"
        looks.wait(0.02)
    return monotonic_s() - begun_s


class Attempt:
    """One capture in a thread of its own."""

    def __init__(self, captor: WebrtcCaptor) -> None:
        self.post = MadePost()
        self.failure: str | None = None
        self.thread = threading.Thread(target=self._run, args=(captor,), daemon=True)
        self.thread.start()
        until(lambda: self.post.reasons or not self.thread.is_alive())

    def _run(self, captor: WebrtcCaptor) -> None:
        try:
            captor.capture(self.post)
        except CaptureFailed as failure:
            self.failure = str(failure)

    def end(self) -> None:
        self.post.end()
        self.over()

    def over(self, within_s: float = 20.0) -> None:
        self.thread.join(within_s)
        assert not self.thread.is_alive()


@contextmanager
def made_captor(settings: WebrtcSettings | None = None, token: str = TOKEN) -> Iterator[WebrtcCaptor]:
    """A captor on a free port of loopback."""
    settings = settings or WebrtcSettings(port=0)
    captor = WebrtcCaptor("", settings, {"EMOTION_MONITOR_WEBRTC_TOKEN": token})
    try:
        yield captor
    finally:
        captor.close()


class Answer:
    """A response as it came."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()


def ask(
    captor: WebrtcCaptor,
    method: str = "POST",
    path: str = "/whip",
    *,
    body: bytes | str = "",
    token: str | None = TOKEN,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request, with the headers of a publisher unless told otherwise."""
    host, _, port = captor.name.removeprefix("webrtc:").rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=20)
    sent = {"Content-Type": SDP, "X-Consent": "yes"} if headers is None else dict(headers)
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, body, sent)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def state(captor: WebrtcCaptor) -> dict[str, object]:
    told: dict[str, object] = json.loads(ask(captor, "GET", "/state").text)
    return told


class Bars(MediaStreamTrack):
    """A picture of one grey that changes, 20 a second."""

    kind = "video"

    def __init__(self, width: int = 320, height: int = 240) -> None:
        super().__init__()
        self.size = (width, height)
        self._count = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(0.05)
        self._count += 1
        grey = np.full((self.size[1], self.size[0], 3), 40 + self._count % 170, np.uint8)
        frame = VideoFrame.from_ndarray(grey, format="rgb24")
        frame.pts, frame.time_base = self._count * 4500, Fraction(1, 90_000)
        return frame


class MadePublisher:
    """A publisher in a thread of its own, as a browser would be. Use `publish`, then `close` or `vanish`."""

    def __init__(self, *tracks: MediaStreamTrack, codec: str | None = None) -> None:
        """`codec` is that of the video, as in `VP8`; None lets aiortc choose."""
        self.tracks = tracks or (Bars(), AudioStreamTrack())
        self.codec = codec
        self.location = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._pc: RTCPeerConnection | None = None

    @property
    def state(self) -> str:
        assert self._pc is not None
        return str(self._pc.connectionState)

    def offer(self) -> str:
        async def offered() -> str:
            self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            for track in self.tracks:
                transceiver = pc.addTransceiver(track, "sendonly")
                if track.kind == "video" and self.codec is not None:
                    known = RTCRtpSender.getCapabilities("video").codecs
                    transceiver.setCodecPreferences([one for one in known if one.mimeType == f"video/{self.codec}"])
            await pc.setLocalDescription(await pc.createOffer())
            return str(pc.localDescription.sdp)

        return asyncio.run_coroutine_threadsafe(offered(), self._loop).result(10)

    def accept(self, answer: str) -> None:
        async def accepted() -> None:
            assert self._pc is not None
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

        asyncio.run_coroutine_threadsafe(accepted(), self._loop).result(10)

    def publish(self, captor: WebrtcCaptor) -> None:
        answer = ask(captor, body=self.offer())
        assert answer.status == 201, (answer.status, answer.text)
        self.location = answer.headers["location"]
        self.accept(answer.text)

    def vanish(self) -> None:
        """Stop as a killed process does: nothing is said to anybody."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def hang_up(self) -> None:
        """End the connection as a browser's close() does."""
        assert self._pc is not None
        asyncio.run_coroutine_threadsafe(self._pc.close(), self._loop).result(10)

    def close(self) -> None:
        async def closed() -> None:
            if self._pc is not None:
                await self._pc.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(closed(), self._loop).result(10)
        self.vanish()
        self._loop.close()


@contextmanager
def made_publisher(*tracks: MediaStreamTrack, codec: str | None = None) -> Iterator[MadePublisher]:
    publisher = MadePublisher(*tracks, codec=codec)
    try:
        yield publisher
    finally:
        publisher.close()


def kinds(post: MadePost) -> set[Track]:
    return {info.track for info in post.tracks}
