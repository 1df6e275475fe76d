"""One browser's connection: answers its offer, posts what it sends, and knows when it is over.

Everything here runs in the endpoint's event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.stats import RTCInboundRtpStreamStats
from av.audio.frame import AudioFrame
from av.error import FFmpegError
from av.video.frame import VideoFrame

from buffers.records import Track
from streams.clock import monotonic_s
from streams.media import TrackInfo
from streams.sources.decode import HIGHEST_RATE_HZ, seconds
from streams.sources.live.captor import Post
from streams.sources.pictures import LARGEST_SIDE_PX, PictureMaker
from streams.sources.sound import MonoResampler, shape_of
from streams.sources.webrtc.ice import IceServer
from streams.sources.webrtc.offer import BadOffer, check_offer, codecs, has_candidates
from streams.sources.webrtc.pulse import Pulse

logger = logging.getLogger("emotion_monitor.webrtc")

_CONNECT_S: Final = 15.0
"""Time an answered publisher has to connect (s): ICE tries its last pair of addresses after about ten."""

_CLOSE_S: Final = 5.0
"""Longest wait for a connection to close (s); it takes a few milliseconds."""

_LOOK_S: Final = 0.25
"""How often the connection is looked at (s)."""

_PROMISE_S: Final = 2.0
"""How long the first picture and the first sound are waited for, so that both can be told of (s)."""


class Publisher:
    """Use `answer`, then `run`, which closes everything; after `answer` raised, `close`."""

    def __init__(self, post: Post, servers: Sequence[IceServer], *, consent: str) -> None:
        """Prepare to post to `post`; `consent` is how the publisher said that the person shown agrees."""
        self._post = post
        self._consent = consent
        self._pc = RTCPeerConnection(
            # An empty list, not none: left out, aiortc would ask a STUN server of Google's.
            RTCConfiguration(iceServers=[RTCIceServer(s.url, s.user, s.secret) for s in servers])
        )
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._receivers: dict[Track, RTCRtpReceiver] = {}
        self._infos: dict[Track, TrackInfo] = {}
        self._codecs: dict[Track, str] = {}
        self._promised: frozenset[Track] = frozenset()
        self._notices: list[str] = []
        self._left: str | None = None
        self._connected_s: float | None = None
        self._pulse = Pulse((), monotonic_s())
        self.opened = False
        self._pc.on("track", self._track)
        self._pc.on("connectionstatechange", self._changed.set)

    @property
    def ice(self) -> str:
        """The state of the connection, as aiortc calls it."""
        return str(self._pc.connectionState)

    def silent_s(self, track: Track) -> float | None:
        """How long nothing has come of a track (s), None for one that does not come."""
        return self._pulse.silent_s(track, monotonic_s()) if track in self._infos else None

    async def answer(self, offer: str) -> str:
        """The answer to an offer. Raises `BadOffer` where there is none."""
        self._promised = check_offer(offer)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except Exception as error:
            logger.debug("offer not understood", exc_info=error)
            raise BadOffer("the offer could not be understood") from None
        text = str(self._pc.localDescription.sdp)
        self._codecs = codecs(text)
        self._promised &= frozenset(self._codecs)
        if not self._promised:
            raise BadOffer("the offer has no codec in common with VP8, H264, Opus, G722 and PCM")
        if not has_candidates(text):
            raise BadOffer("the monitor's machine has no network address at which it could be reached")
        return text

    async def run(self) -> str:
        """Post until it is over; returns why, and leaves nothing behind."""
        try:
            return await self._watched()
        finally:
            await self.close()

    def leave(self, reason: str) -> None:
        """End it soon, for this reason."""
        self._left = self._left or reason
        self._changed.set()

    async def close(self) -> None:
        """Close the connection and end what reads from it."""
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._pc.close()
        except TimeoutError:
            # Where aiortc's own closing failed half-way, it waits for itself; the next publisher must not.
            logger.debug("the connection could not be closed")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watched(self) -> str:
        begun_s = monotonic_s()
        while True:
            if (reason := await self._over(begun_s)) is not None:
                return reason
            self._changed.clear()
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _over(self, begun_s: float) -> str | None:
        now_s = monotonic_s()
        if self._left is not None or not self._post.wanted:
            return self._left or "the monitor stopped listening"
        state = self.ice
        if state in {"failed", "closed"}:
            return "the connection to the publisher failed" if state == "failed" else "the publisher left"
        if self._connected_s is None:
            if state == "connected":
                self._connected_s = now_s
                self._pulse = Pulse(self._promised, now_s)
            elif now_s - begun_s >= _CONNECT_S:
                return f"the publisher could not be reached within {_CONNECT_S:g} s: is UDP let through?"
            return None
        self._open(now_s)
        self._pulse.packets(await self._packets(), now_s)
        return self._pulse.fault(now_s)

    async def _packets(self) -> int:
        receiver = self._receivers.get(Track.VIDEO)
        if receiver is None:
            return 0
        stats = await receiver.getStats()
        return sum(s.packetsReceived for s in stats.values() if isinstance(s, RTCInboundRtpStreamStats))

    def _track(self, track: MediaStreamTrack) -> None:
        kind = Track.VIDEO if track.kind == "video" else Track.AUDIO
        if kind in self._receivers:
            self._notices.append(f"a second {kind} track is left out")
            self._start(_dropped(track))
            return
        self._receivers[kind] = next(r for r in self._pc.getReceivers() if r.track is track)
        self._start(self._video(track) if kind is Track.VIDEO else self._audio(track))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("what the publisher sent could not be taken in", exc_info=error)
            self.leave("what the publisher sent could not be taken in")

    async def _video(self, track: MediaStreamTrack) -> None:
        pictures = PictureMaker()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, VideoFrame) or max(frame.width, frame.height) > LARGEST_SIDE_PX:
                continue
            pts_s = seconds(frame)
            info = TrackInfo(
                Track.VIDEO, self._codecs.get(Track.VIDEO, "unknown"), 0.0, None, frame.width, frame.height
            )
            if not self._arrived(info, pts_s):
                continue
            try:
                # H.264 comes in full range, and making that limited takes 2 ms at 720p and 18 ms at 2160p.
                picture = await asyncio.to_thread(pictures.picture, frame)
            except FFmpegError:
                continue
            if self._post.wanted:
                self._post.frame(picture, pts_s=pts_s)

    async def _audio(self, track: MediaStreamTrack) -> None:
        mono, shape = MonoResampler(), None
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not isinstance(frame, AudioFrame) or not frame.samples or not 0 < frame.sample_rate <= HIGHEST_RATE_HZ:
                continue
            pts_s = seconds(frame)
            info = TrackInfo(
                Track.AUDIO,
                self._codecs.get(Track.AUDIO, "unknown"),
                0.0,
                float(frame.sample_rate),
                channels=frame.layout.nb_channels,
            )
            if not self._arrived(info, pts_s):
                continue
            if shape_of(frame) != shape:
                mono, shape = MonoResampler(), shape_of(frame)
            try:
                samples = mono.push(frame)
            except FFmpegError:
                shape = None
                continue
            if self._post.wanted:
                self._post.sound(samples, pts_s=pts_s)

    def _arrived(self, info: TrackInfo, pts_s: float | None) -> bool:
        """Note it; whether it may be posted: nothing may before it was told what will come."""
        now_s = monotonic_s()
        self._infos.setdefault(info.track, info)
        self._pulse.beat(info.track, now_s, pts_s)
        if not self.opened:
            self._open(now_s)
        return self.opened and self._post.wanted

    def _open(self, now_s: float) -> None:
        if self.opened or self._connected_s is None or not self._infos or not self._post.wanted:
            return
        if self._promised <= self._infos.keys() or now_s - self._connected_s >= _PROMISE_S:
            self.opened = True
            unseen = [TrackInfo(t, self._codecs[t], 0.0, None) for t in self._promised - self._infos.keys()]
            self._post.opened([*self._infos.values(), *unseen], self._consent, *self._notices)


async def _dropped(track: MediaStreamTrack) -> None:
    """Take everything and keep nothing: what nobody takes piles up in aiortc."""
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return
