"""Opens a network stream with libav: always with time limits, never beyond the network, and waiting where one waits.

A container is closed by the thread that opened it: closed from another one, a blocked read never returns.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from configs.live_settings import LiveSettings, NetworkSettings
from streams.clock import monotonic_s
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.network.address import Address
from streams.sources.network.failures import phrase, unknown_host

_ALLOWED: Final = "tcp,udp,tls,rtp,srtp,http,https,httpproxy,rtmp,rtmps,ffrtmphttp,crypto,data"
"""What libav may open: a playlist from the network must not make it read local files."""

_QUICK: Final = {"analyzeduration": "1000000", "fpsprobesize": "4"}
"""Four frames tell the rate of a stream as well as libav's twenty: 0.25 s instead of 0.9 s until the first picture.

`nobuffer`, which others use, throws away what was looked at, the first keyframe too: the picture came a second later.
"""

_POLL_S: Final = 1.0
"""How long one wait for a publisher lasts before it is asked whether anybody still wants it."""

_UDP_BUFFER: Final = {"fifo_size": "50000", "overrun_nonfatal": "1"}
"""9 MB between the network and the decoder, half a minute at 2 Mbit/s; what does not fit is lost, not the stream."""

_FAILURES: Final = (FFmpegError, OSError, ValueError, OverflowError)


def open_stream(address: Address, post: Post, network: NetworkSettings, live: LiveSettings) -> InputContainer | None:
    """An open container, None where nobody wants it any more; `CaptureFailed` with a reason without secrets."""
    if address.listens:
        return _listen(address, post, live)
    if address.scheme == "udp" and not _wait_for_datagrams(address, post):
        return None
    options = libav_options(address, network, live)
    limit_s = live.open_timeout_s
    if not network.low_delay:
        return _open(address, options, live, limit_s)
    start_s = monotonic_s()
    container = _open(address, options | _QUICK, live, limit_s)
    if _complete(container):
        return container
    container.close()
    return _open(address, options, live, max(1.0, limit_s - (monotonic_s() - start_s)))


def _open(address: Address, options: dict[str, str], live: LiveSettings, limit_s: float) -> InputContainer:
    start_s = monotonic_s()
    try:
        return _attempt(address, options, live, limit_s)
    except _FAILURES as error:
        if getattr(error, "errno", None) == errno.EIO and address.host and unknown_host(address.host):
            raise CaptureFailed("the host's name is not known") from None
        raise CaptureFailed(phrase(error, waited_s=monotonic_s() - start_s, limit_s=limit_s)) from None


def _attempt(address: Address, options: dict[str, str], live: LiveSettings, limit_s: float) -> InputContainer:
    timeout = (limit_s, _read_s(address, live))
    return av.open(libav_url(address), mode="r", options=options, metadata_errors="replace", timeout=timeout)


def _read_s(address: Address, live: LiveSettings) -> float:
    """Time limit of one read (s). RTSP takes it twice: the first time it hands out what its parser holds."""
    return max(0.1, live.dead_after_s / 2 if address.scheme.startswith("rtsp") else live.dead_after_s)


def libav_options(address: Address, network: NetworkSettings, live: LiveSettings) -> dict[str, str]:
    """What libav is told about reading from an address; the quick look is not in it."""
    options = {"protocol_whitelist": _ALLOWED}
    if address.scheme.startswith("rtsp"):
        # Of its three time limits this build of libav heeds only this one, in microseconds. It holds while opening
        # too, where servers that fetch their stream from elsewhere first take their time; PyAV's own ends reads.
        options |= {"rtsp_transport": network.rtsp_transport, "timeout": str(round(live.open_timeout_s * 1e6))}
    return options


def _complete(container: InputContainer) -> bool:
    """Whether everything is known of every track that was promised."""
    # An unknown codec has no context at all, whatever PyAV's types say.
    streams = [stream for stream in container.streams if getattr(stream, "codec_context", None) is not None]
    known = [stream.width > 0 for stream in streams if isinstance(stream, VideoStream)]
    known += [stream.codec_context.sample_rate > 0 for stream in streams if isinstance(stream, AudioStream)]
    return bool(known) and all(known)


def libav_url(address: Address) -> str:
    """What libav is told to open."""
    if address.scheme != "udp":
        return address.url
    url, _, query = address.url.partition("?")
    given = [part for part in query.split("&") if part]
    names = {part.partition("=")[0] for part in given}
    more = dict(_UDP_BUFFER)
    if _is_loopback(address.host):
        # libav would take datagrams from anywhere, whatever the address says.
        more["localaddr"] = address.host
    return f"{url}?{'&'.join(given + [f'{name}={value}' for name, value in more.items() if name not in names])}"


def _listen(address: Address, post: Post, live: LiveSettings) -> InputContainer | None:
    """Wait for a publisher, a second at a time."""
    post.waiting("waiting for a publisher")
    limit_s = live.open_timeout_s
    options = {"protocol_whitelist": _ALLOWED} | _listening_options(address)
    while post.wanted:
        start_s = monotonic_s()
        try:
            return _attempt(address, options, live, _POLL_S + limit_s)
        except _FAILURES as error:
            waited_s = monotonic_s() - start_s
            if not (isinstance(error, (TimeoutError, OSError)) and _POLL_S <= waited_s < 2 * _POLL_S):
                raise CaptureFailed(phrase(error, waited_s=waited_s, limit_s=_POLL_S + limit_s)) from None
    return None


def _listening_options(address: Address) -> dict[str, str]:
    """Each protocol has its own way to wait for no longer than `_POLL_S`."""
    if address.scheme == "rtmp":
        return {"listen": "1", "timeout": str(round(_POLL_S))}
    return {"listen": "1", "listen_timeout": str(round(_POLL_S * 1000))}


def _wait_for_datagrams(address: Address, post: Post) -> bool:
    """Wait until something is sent to us; False where nobody wants it any more.

    Otherwise a sender that starts late would be met by the pauses between failed attempts.
    """
    if _is_multicast(address.host):
        return True
    assert address.port is not None
    post.waiting("waiting for a sender")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as waiting:
        try:
            waiting.bind((address.host if _is_loopback(address.host) else "", address.port))
        except OSError as error:
            raise CaptureFailed(phrase(error, waited_s=0.0, limit_s=1.0)) from None
        while post.wanted:
            ready, _, _ = select.select([waiting], [], [], _POLL_S)
            if ready:
                return True
    return False


def _is_loopback(host: str) -> bool:
    return _is(host, "is_loopback")


def _is_multicast(host: str) -> bool:
    return _is(host, "is_multicast")


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return False
