"""Small made recordings for tests: numbered frames and tones, and the ways in which files go wrong.

Every frame carries its number as eight bright or dark fields along its top edge, so that a test can tell which
frame it got, and that it got it upright, after any lossy codec.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from buffers.picture import Picture

BITS: Final = 8
MILLISECONDS: Final = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Moving:
    """A video track: numbered frames over which a white square moves.

    `times_s` gives each frame its own time (variable rate, holes); else they follow `start_s` at `rate_hz`.
    `rotation_deg` (counter-clockwise) and `mirrored` (left to right) are written as metadata, and the stored
    pictures are turned and flipped the other way: shown as they should be, they are upright and have the size
    asked for. Packets before `first_packet` are left out. A `still` track shows its first frame all the time.
    """

    width_px: int = 64
    height_px: int = 48
    frames: int = 25
    rate_hz: int = 25
    codec: str = "mpeg4"
    pix_fmt: str = "yuv420p"
    start_s: float = 0.0
    times_s: tuple[float, ...] | None = None
    rotation_deg: int = 0
    mirrored: bool = False
    pixel_aspect: Fraction | None = None
    first_number: int = 0
    still: bool = False
    first_packet: int = 0

    def instants_s(self) -> Sequence[float]:
        """When each frame is shown."""
        return self.times_s or [self.start_s + index / self.rate_hz for index in range(self.frames)]


@dataclass(frozen=True, slots=True)
class Tone:
    """An audio track: a sine of `hz` at amplitude 0.5 in every channel; `hole_s` is left out of it."""

    seconds: float = 1.0
    hz: float = 440.0
    rate_hz: int = 48_000
    layout: str = "mono"
    codec: str = "pcm_s16le"
    start_s: float = 0.0
    hole_s: tuple[float, float] | None = None

    def samples(self) -> NDArray[np.float32]:
        """float32[n] of one channel."""
        t_s = np.arange(round(self.seconds * self.rate_hz)) / self.rate_hz
        return np.asarray(0.5 * np.sin(2 * np.pi * self.hz * t_s), np.float32)


def write(path: Path, *tracks: Moving | Tone, **options: str) -> Path:
    """Write a file whose muxer follows from its name; `options` go to the muxer."""
    with av.open(str(path), "w", options=options) as container:
        feeds: list[Iterator[Packet[VideoStream]] | Iterator[Packet[AudioStream]]] = []
        for track in tracks:
            if isinstance(track, Moving):
                video = container.add_stream(track.codec, rate=track.rate_hz)
                assert isinstance(video, VideoStream)
                _set_up(video, track)
                feeds.append(_video_packets(video, track))
            else:
                audio = container.add_stream(track.codec, rate=track.rate_hz, layout=track.layout)
                assert isinstance(audio, AudioStream)
                feeds.append(_audio_packets(audio, track))
        packets = [packet for feed in feeds for packet in feed]
        for packet in packets:
            container.mux(packet)
    return path


def numbered(number: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """uint8[H, W, 3] RGB of one frame: its number on top, a square below that moves with it."""
    image = np.full((height_px, width_px, 3), 60, np.uint8)
    for bit in range(BITS):
        left, right = bit * width_px // BITS, (bit + 1) * width_px // BITS
        image[: height_px // 4, left:right] = 235 if number >> bit & 1 else 16
    side, top = max(1, height_px // 4), height_px // 2
    left = number * 2 % max(1, width_px - side)
    image[top : top + side, left : left + side] = 235
    return image


def number_of(picture: Picture) -> int:
    """The number drawn into a frame, if it is upright; something else if it is not."""
    height, width = picture.height_px // 4, picture.width_px
    assert height >= 1
    assert width >= BITS, "too small to be numbered"
    fields = [picture.y[:height, bit * width // BITS : (bit + 1) * width // BITS] for bit in range(BITS)]
    return sum(int(float(field.mean()) > 128) << bit for bit, field in enumerate(fields))


def cut(path: Path, share: float) -> Path:
    """Keep only the first share of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def spoil(path: Path, start: float, end: float) -> Path:
    """Overwrite a share of a file's bytes, from `start` to `end` (0-1), with noise that is always the same."""
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = random.Random(7).randbytes(last - first)
    path.write_bytes(data)
    return path


def patch(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes everywhere in a file; they must occur."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def joined(path: Path, *parts: Path) -> Path:
    """Files one after another, as a recorder that restarts writes them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def with_cover(path: Path, tone: Tone) -> Path:
    """A sound file with a picture attached, as music has."""
    picture = write(path.with_name("cover.png"), Moving(frames=1, codec="png", pix_fmt="rgb24"), update="1")
    with av.open(str(path), "w") as container, av.open(str(picture)) as image:
        audio = container.add_stream(tone.codec, rate=tone.rate_hz, layout=tone.layout)
        assert isinstance(audio, AudioStream)
        cover = container.add_stream_from_template(image.streams.video[0])
        cover.disposition = av.stream.Disposition.attached_pic
        packet = next(image.demux(image.streams.video[0]))
        packet.stream = cover
        container.mux(packet)
        for sound in _audio_packets(audio, tone):
            container.mux(sound)
    return path


def _set_up(stream: VideoStream, track: Moving) -> None:
    stream.height, stream.width = _stored(track, 0).shape[:2]
    stream.pix_fmt = track.pix_fmt
    stream.codec_context.time_base = _time_base(track)
    if track.codec == "libx264":
        stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    if track.pixel_aspect is not None:
        stream.codec_context.sample_aspect_ratio = track.pixel_aspect
    if track.rotation_deg or track.mirrored:
        stream.set_display_rotation(track.rotation_deg, hflip=track.mirrored)


def _time_base(track: Moving) -> Fraction:
    return MILLISECONDS if track.times_s else Fraction(1, track.rate_hz)


def _stored(track: Moving, index: int) -> NDArray[np.uint8]:
    """uint8[H, W, 3] RGB as the file holds it, before its metadata turns and flips it."""
    number = track.first_number + (0 if track.still else index)
    image = numbered(number, track.width_px, track.height_px)
    if track.mirrored:
        image = image[:, ::-1]
    return np.ascontiguousarray(np.rot90(image, -(track.rotation_deg // 90)))


def _video_packets(stream: VideoStream, track: Moving) -> Iterator[Packet[VideoStream]]:
    packets = []
    for index, t_s in enumerate(track.instants_s()):
        frame = VideoFrame.from_ndarray(_stored(track, index), "rgb24").reformat(format=track.pix_fmt)
        frame.time_base = _time_base(track)
        frame.pts = round(t_s / frame.time_base)
        packets += stream.encode(frame)
    packets += stream.encode(None)
    yield from packets[track.first_packet :]


def _audio_packets(stream: AudioStream, track: Tone) -> Iterator[Packet[AudioStream]]:
    samples = track.samples()
    channels = len(stream.layout.channels)
    resampler = AudioResampler(stream.format, track.layout, track.rate_hz)
    step = stream.codec_context.frame_size or 1024
    hole = track.hole_s or (track.seconds, track.seconds)
    for start in range(0, len(samples), step):
        t_s = start / track.rate_hz
        if hole[0] <= t_s < hole[1]:
            continue
        part = np.repeat(samples[None, start : start + step], channels, axis=0)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", track.layout)
        frame.sample_rate, frame.time_base = track.rate_hz, Fraction(1, track.rate_hz)
        frame.pts = start + round(track.start_s * track.rate_hz)
        for converted in resampler.resample(frame):
            yield from stream.encode(converted)
    yield from stream.encode(None)
