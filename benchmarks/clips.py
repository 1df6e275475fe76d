"""The recordings that benchmarks run on: real ones where the shared media folder is there, else a synthetic one."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from streams.models.cache import model_path
from streams.synthetic import make_interview

SHARED = Path(os.environ.get("EMOTION_MONITOR_SHARED", Path(__file__).resolve().parents[2] / "shared"))

REAL = ("facerec_short_hamilton_clip.mp4", "liveportrait_s18.mp4", "sadtalker_WDA_AOC_000.mp4")
"""640x360 with a crowd and a hard shot, 1280x720 with one still person, 1024x1024 with one who talks."""

Timed: TypeAlias = "tuple[float, Packet[VideoStream] | Packet[AudioStream]]"
"""A packet and when it begins (s)."""


def clips(names: Sequence[str] = REAL) -> list[Path]:
    """The real clips of these names, or a synthetic interview made now in a temporary folder (it is left there)."""
    found = [path for name in names if (path := SHARED / "media" / "video" / name).is_file()]
    if found:
        return found
    folder = Path(tempfile.mkdtemp(prefix="emotion-monitor-bench-"))
    return [make_interview(folder, portrait=model_path("portrait"), seconds=20.0).video]


def looped(path: Path, video: Path, sound: Path, *, seconds: float) -> Path:
    """A file of that length: the pictures of one recording, copied over and over, with the sound of another.

    Packets are copied, not encoded again, so that a long clip costs as much to decode as the short one.
    """
    with av.open(str(path), "w") as container:
        with av.open(str(video)) as source:
            picture = container.add_stream_from_template(source.streams.video[0])
        with av.open(str(sound)) as source:
            voice = container.add_stream("aac", rate=source.streams.audio[0].codec_context.sample_rate)
        # Sound runs ahead of the pictures by a packet or two: the muxer puts them into order.
        feeds = _again(video, picture, seconds), _spoken(sound, voice, seconds)
        for _, packet in heapq.merge(*feeds, key=_start_s):
            container.mux(packet)
    return path


def _start_s(timed: Timed) -> float:
    return timed[0]


def _again(path: Path, stream: VideoStream, seconds: float) -> Iterator[Timed]:
    """The packets of a file's pictures, as often as fits, each round after the one before."""
    offset_s = 0.0
    while offset_s < seconds:
        with av.open(str(path)) as source:
            end_s = 0.0
            for packet in source.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue
                assert packet.time_base is not None
                shift = round(offset_s / packet.time_base)
                start_s = float(packet.dts * packet.time_base) + offset_s
                if start_s >= seconds:
                    return
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                yield start_s, packet
        offset_s += end_s


def _spoken(path: Path, stream: AudioStream, seconds: float) -> Iterator[Timed]:
    """A file's sound, as often as fits, encoded for the stream."""
    context = stream.codec_context
    resampler = AudioResampler(context.format, context.layout, context.sample_rate)
    samples = 0
    for frame in _heard(path):
        if samples >= seconds * context.sample_rate:
            break
        frame.pts = None
        for block in resampler.resample(frame):
            block.pts, block.time_base = samples, Fraction(1, context.sample_rate)
            samples += block.samples
            for packet in stream.encode(block):
                yield samples / context.sample_rate, packet
    for packet in stream.encode(None):
        yield samples / context.sample_rate, packet


def _heard(path: Path) -> Iterator[AudioFrame]:
    while True:
        with av.open(str(path)) as source:
            yield from source.decode(audio=0)
