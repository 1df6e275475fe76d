"""How each encoder is set up: its options, its clock, and what sizes and rates it takes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.audio.stream import AudioStream
from av.codec.context import Flags, ThreadType
from av.container import OutputContainer
from av.video.stream import VideoStream

from buffers.records import AUDIO_RATE_HZ
from streams.media import Colour

_LIMITED_RANGE: Final = 1
"""AVCOL_RANGE_MPEG: what every clean picture is."""

_TICKS_HZ: Final = 90_000
"""Clock of video where the container leaves the choice: the one of MPEG systems, 11 us a tick."""

_MILLISECONDS_HZ: Final = 1000
"""Clock of Matroska and WebM, which have no other; and of MPEG-4 part 2, whose clocks end at 65,535 Hz."""

_COARSE_CONTAINERS: Final = frozenset({"matroska", "webm", "avi", "flv"})
"""Containers that cannot tell times apart more finely than a millisecond (AVI: at a bearable size)."""

_BITS_PER_PIXEL: Final = 0.15
"""For encoders that are steered by bit rate: twice what H.264 takes for a talking head, for they are older."""

_SOUND_BITS_HZ: Final = 64_000
"""Bit rate of lossy sound: transparent for one channel of 8 kHz bandwidth in AAC, MP3 and Opus alike."""

_EVEN_ONLY: Final = frozenset({"libx264", "libx265", "libsvtav1"})
"""Encoders that refuse 4:2:0 pictures of an odd width or height."""


@dataclass(frozen=True, slots=True)
class VideoShape:
    """What is known of a video before its first frame.

    `rate_hz` is nominal and steers the encoder only: each frame keeps its own time.
    """

    width_px: int
    height_px: int
    rate_hz: float
    colour: Colour | None = None


def add_video(container: OutputContainer, codec: str, shape: VideoShape, *, quality: int, threads: int) -> VideoStream:
    """Add a video stream; `quality` is a constant rate factor as x264 counts it (18 fine, 28 coarse).

    Raises `ValueError` or `FFmpegError` where the container cannot hold the codec, or that such pictures.
    """
    rate = Fraction(shape.rate_hz).limit_denominator(1001)
    stream = container.add_stream(codec, rate=rate)
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    coarse = container.format.name in _COARSE_CONTAINERS or context.name in {"mpeg4", "msmpeg4"}
    context.time_base = Fraction(1, _MILLISECONDS_HZ if coarse else _TICKS_HZ)
    stream.width, stream.height = stored_size(context.name, shape.width_px, shape.height_px)
    formats = context.codec.video_formats or []
    if formats and all(form.name != "yuv420p" for form in formats):
        stream.pix_fmt = formats[0].name
    options = _video_options(context.name, quality)
    if options is None:
        stream.bit_rate = round(_BITS_PER_PIXEL * shape.width_px * shape.height_px * shape.rate_hz)
    else:
        context.options = options
    if context.name == "libvpx":
        # VP8 takes its quality for a bound under a bit rate, so the rate must be more than it will need.
        stream.bit_rate = round(2 * _BITS_PER_PIXEL * shape.width_px * shape.height_px * shape.rate_hz)
    # B frames would make files 40 % smaller, but MP4 counts a track's length in decoding order: at a variable rate the
    # end of the last frame was lost, and transport streams began 80 ms late.
    context.max_b_frames = 0
    context.thread_count = threads
    context.thread_type = ThreadType.NONE if threads == 1 else ThreadType.AUTO
    context.flags |= Flags.bitexact
    context.color_range = _LIMITED_RANGE
    if shape.colour is not None:
        context.colorspace = shape.colour.matrix
        context.color_primaries = shape.colour.primaries
        context.color_trc = shape.colour.transfer
    context.open()
    return stream


def stored_size(encoder: str, width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height that are encoded: one more than asked for where the encoder takes even numbers only."""
    if encoder not in _EVEN_ONLY:
        return width_px, height_px
    return width_px + width_px % 2, height_px + height_px % 2


def add_audio(container: OutputContainer, codec: str) -> AudioStream:
    """Add a mono stream at the rate of clean audio, or the encoder's next higher one.

    Raises `ValueError` or `FFmpegError` where the container cannot hold the codec, or that such sound.
    """
    stream = container.add_stream(codec, rate=AUDIO_RATE_HZ)
    assert isinstance(stream, AudioStream)
    context = stream.codec_context
    rates = context.codec.audio_rates or [AUDIO_RATE_HZ]
    if AUDIO_RATE_HZ not in rates:
        context.sample_rate = min((rate for rate in rates if rate >= AUDIO_RATE_HZ), default=max(rates))
    context.layout = "mono"
    stream.bit_rate = _SOUND_BITS_HZ
    context.thread_count = 1
    context.flags |= Flags.bitexact
    context.open()
    return stream


def _video_options(encoder: str, quality: int) -> dict[str, str] | None:
    """Options of an encoder that is steered by quality, None for one that wants a bit rate."""
    if encoder in {"libx264", "libx265"}:
        # For 720p at 23: ultrafast 3.3 ms a frame and 2.1 Mbit/s, superfast 5.0 ms and 1.2 Mbit/s with 1.6 dB more,
        # veryfast 7.1 ms and 0.6 Mbit/s.
        return {"preset": "superfast", "crf": str(quality)}
    if encoder in {"libvpx", "libvpx-vp9"}:
        # Real time and no frames ahead; the scale ends at 63 where that of x264 ends at 51.
        return {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "crf": str(min(63, round(quality * 63 / 51))),
        }
    if encoder == "mpeg4":
        # Quantiser 3 is as fine as a factor of 20; libav counts quantisers in 118ths.
        return {"flags": "+qscale", "global_quality": str(118 * max(2, round(quality * 0.16)))}
    return None
