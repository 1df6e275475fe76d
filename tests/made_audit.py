"""De-identified recordings made by hand, with masks that are known and with the faults of other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from buffers.picture import Picture
from buffers.records import Box
from configs.settings import MaskStyle
from streams.deidentify.masks import Masker
from streams.media import RawFrame
from streams.sources.file import FileSource
from tests.made_masks import face

Boxes = Mapping[int, tuple[Box, ...]]

MICROSECONDS = Fraction(1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Made:
    """How a recording is made: the masks' style, what is encoded how, and what goes wrong."""

    style: MaskStyle = MaskStyle.SOLID
    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=lambda: {"preset": "veryfast", "crf": "23"})
    plain: frozenset[int] = frozenset()
    """Frames that are left unmasked."""
    dropped: frozenset[int] = frozenset()
    doubled: frozenset[int] = frozenset()
    """Frames that are written once more, unmasked, half a frame later."""
    late_s: float = 0.0
    keep_sound: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    brighter: int = 0


def annotation(path: Path) -> dict[int, tuple[Box, ...]]:
    """Boxes as drawn by hand, one a frame."""
    return {int(index): (Box(*box),) for index, box in json.loads(path.read_text())["boxes"].items()}


def head(box: Box) -> Box:
    """The mask the product draws over a face's box, about."""
    side, up, down = 0.2 * box.width, 0.35 * box.height, 0.12 * box.height
    return Box(box.x0 - side, box.y0 - up, box.x1 + side, box.y1 + down)


def masked(source: Path, target: Path, boxes: Boxes, made: Made, *, first: int = 0, last: int = 10**9) -> Path:
    """Write frames `first` to `last` of a clip with masks over the boxes, each at its time after the first."""
    frames = [frame for frame in _frames(source, last) if frame.index >= first]
    masker = Masker(made.style, seed=1)
    written: list[tuple[float, Picture]] = []
    for frame in frames:
        t_s = frame.t_s - frames[0].t_s
        masks = [face(track, box) for track, box in enumerate(boxes.get(frame.index, ()))]
        clean, _ = masker.masked(frame.picture, () if frame.index in made.plain else masks, frame.t_s)
        if frame.index not in made.dropped:
            written.append((t_s, clean))
        if frame.index in made.doubled:
            written.append((t_s + 0.01, frame.picture))
    write_pictures(target, written, made, source if made.keep_sound else None)
    return target


def write_pictures(
    target: Path, frames: Sequence[tuple[float, Picture]], made: Made | None = None, sound: Path | None = None
) -> Path:
    """Encode pictures at their times (s); `sound` is a file whose sound is copied packet by packet."""
    made = made or Made()
    with av.open(str(target), "w") as container:
        container.metadata.update(made.tags)
        video = container.add_stream(made.codec, rate=30)
        assert isinstance(video, VideoStream)
        video.width, video.height = (side // 2 * 2 for side in (frames[0][1].width_px, frames[0][1].height_px))
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = MICROSECONDS if made.codec == "libx264" else Fraction(1, 1000)
        video.codec_context.options = dict(made.options)
        copied = None if sound is None else av.open(str(sound))
        audio = None if copied is None else container.add_stream_from_template(copied.streams.audio[0])
        for t_s, picture in frames:
            frame = _encodable(picture, video.width, video.height, made.brighter)
            frame.time_base = video.codec_context.time_base
            frame.pts = round((t_s + made.late_s) / frame.time_base)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if copied is not None:
            assert isinstance(audio, AudioStream)
            for packet in copied.demux(copied.streams.audio[0]):
                if packet.dts is not None:
                    packet.stream = audio
                    container.mux(packet)
            copied.close()
    return target


def _frames(path: Path, last: int) -> list[RawFrame]:
    source = FileSource(path)
    found = []
    for item in source.items():
        if isinstance(item, RawFrame):
            if item.index > last:
                break
            found.append(item)
    source.close()
    return found


def _encodable(picture: Picture, width_px: int, height_px: int, brighter: int) -> VideoFrame:
    frame = VideoFrame(width_px, height_px, "yuv420p")
    luma = np.clip(picture.y.astype(np.int16) + brighter, 16, 235).astype(np.uint8)
    for plane, values in zip(frame.planes, (luma, picture.u, picture.v), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = values[: plane.height, : plane.width]
        plane.update(rows.tobytes())
    return frame
