"""What the FFmpeg libraries in the package av can decode, encode and connect to, as far as sessions need it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from monitor.doctor.check import Check, Findings
from monitor.doctor.probe import Asked, Probe, Section

DECODERS: Final = ("h264", "hevc", "vp8", "vp9", "mjpeg", "aac", "opus", "mp3")
"""Of recordings, network cameras and browsers."""

ENCODERS: Final = ("libx264", "aac", "libopus")
"""Of recordings that are written."""

PROTOCOLS: Final = ("tcp", "udp", "http", "https", "rtmp")
"""What streams come by; RTSP is a format to libav, and SRT is not in the package."""

_GRABBERS: Final = {"linux": "video4linux2", "darwin": "avfoundation", "win32": "dshow"}
_REINSTALL: Final = "pip install --force-reinstall av"

_findings = Findings("codecs")


def _libraries(_: Asked) -> Iterator[Check]:
    import av

    libraries = {name: ".".join(map(str, numbers)) for name, numbers in av.library_versions.items()}
    yield _findings.ok(
        "FFmpeg", f"av {av.__version__}, libavcodec {libraries['libavcodec']}, libavformat {libraries['libavformat']}"
    )


def _codecs(_: Asked) -> Iterator[Check]:
    yield _all_or_missing("decoders", DECODERS, [name for name in DECODERS if not _has_codec(name, "r")])
    yield _all_or_missing("encoders", ENCODERS, [name for name in ENCODERS if not _has_codec(name, "w")])


def _protocols(_: Asked) -> Iterator[Check]:
    import av

    wanted = ("rtsp", *PROTOCOLS)
    missing = [name for name in PROTOCOLS if not _has_protocol(name)]
    if "rtsp" not in av.formats_available:
        missing.insert(0, "rtsp")
    yield _all_or_missing("protocols", wanted, missing)
    if _has_protocol("srt"):
        yield _findings.ok("SRT", "present")
    else:
        relay = "ffmpeg -i srt://HOST:PORT -c copy -f mpegts 'tcp://127.0.0.1:9000?listen=1', then tcp://127.0.0.1:9000"
        yield _findings.skip("SRT", "not in the package av: srt:// goes through a relay", relay)


def _grabber(_: Asked) -> Iterator[Check]:
    import av

    wanted = _GRABBERS.get(sys.platform)
    there = {name for names in av.formats_available for name in names.split(",")}
    if wanted is None:
        yield _findings.skip("camera input", f"none is known for {sys.platform}")
    elif wanted in there:
        yield _findings.ok("camera input", wanted)
    else:
        yield _findings.warn("camera input", f"no {wanted}: cameras cannot be opened", _REINSTALL)


def _all_or_missing(name: str, wanted: tuple[str, ...], missing: list[str]) -> Check:
    if missing:
        return _findings.fail(name, f"missing: {', '.join(missing)}", _REINSTALL)
    return _findings.ok(name, ", ".join(wanted))


def _has_codec(name: str, mode: str) -> bool:
    from av.codec import Codec
    from av.codec.codec import UnknownCodecError

    try:
        Codec(name, "r" if mode == "r" else "w")
    except UnknownCodecError:
        return False
    return True


def _has_protocol(name: str) -> bool:
    """Whether libav knows it: it has no list of them, but says so when asked to open. Nobody listens on port 1."""
    import av
    from av.error import FFmpegError, ProtocolNotFoundError

    try:
        av.open(f"{name}://127.0.0.1:1", timeout=(0.1, 0.1)).close()
    except ProtocolNotFoundError:
        return False
    except (FFmpegError, OSError):
        pass
    return True


SECTION: Final = Section(
    "codecs",
    __name__,
    (
        Probe("FFmpeg", _libraries, limit_s=10.0, remedy=_REINSTALL),
        Probe("codecs", _codecs, remedy=_REINSTALL),
        Probe("protocols", _protocols, remedy=_REINSTALL),
        Probe("camera input", _grabber, remedy=_REINSTALL),
    ),
)
