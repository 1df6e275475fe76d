"""Plays a recording over and over in real time, as if it were a camera with a microphone."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from buffers.records import AUDIO_RATE_HZ, Track
from configs.errors import MonitorError
from streams.media import RawAudio, RawFrame, RawItem, TrackInfo
from streams.sources.file import FileSource
from streams.sources.live.captor import CaptureFailed, Post
from streams.sources.probe import shown_name

_BLOCK_S: Final = 0.02
"""Length of the blocks of sound (s), as microphones and networks deliver them."""


class LoopCaptor:
    """A looped file; see `Captor`. Its timestamps go on across the loop point."""

    one_clock = True

    def __init__(self, path: Path) -> None:
        """Open the file once to see what it holds; `ConfigError` or `SourceUnreadable` where it cannot be played."""
        self._path = path
        source = FileSource(path, block_s=_BLOCK_S)
        source.close()
        self._info = source.info
        video = self._info.track(Track.VIDEO)
        self._frame_s = 1 / video.rate_hz if video is not None and video.rate_hz else 0.0

    @property
    def name(self) -> str:
        """The file's name, without its folders."""
        return f"loop:{shown_name(self._path)}"

    @property
    def file(self) -> Path:
        """The recording."""
        return self._path

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """Those of the file."""
        return self._info.tracks

    def capture(self, post: Post) -> None:
        """See `Captor.capture`."""
        start_s = post.now_s()
        played_s = 0.0
        post.opened(self._info.tracks, *self._info.notices)
        while post.wanted:
            length_s = self._once(post, start_s, played_s)
            if length_s <= 0:
                raise CaptureFailed("the recording holds nothing that can be played any more")
            played_s += length_s

    def close(self) -> None:
        """Nothing outlives an attempt."""

    def _once(self, post: Post, start_s: float, played_s: float) -> float:
        """Play it once, `played_s` after the beginning at `start_s`; how long that lasts (s)."""
        try:
            source = FileSource(self._path, block_s=_BLOCK_S)
        except MonitorError:
            raise CaptureFailed("the recording cannot be opened any more") from None
        length_s = 0.0
        try:
            for item in source.items():
                end_s = _end_s(item, self._frame_s)
                length_s = max(length_s, end_s)
                # A microphone delivers what it has heard, a camera what it sees.
                due_s = end_s if isinstance(item, RawAudio) else item.t_s if isinstance(item, RawFrame) else 0.0
                if post.wait(max(0.0, start_s + played_s + due_s - post.now_s())):
                    return length_s
                if isinstance(item, RawFrame):
                    post.frame(item.picture, pts_s=played_s + item.t_s)
                elif isinstance(item, RawAudio):
                    post.sound(item.samples, pts_s=played_s + item.t_s)
        finally:
            source.close()
        return length_s


def _end_s(item: RawItem, frame_s: float) -> float:
    """Where something ends in the recording, with frames of `frame_s` (s)."""
    if isinstance(item, RawAudio):
        return item.t_s + len(item.samples) / AUDIO_RATE_HZ
    return item.t_s + frame_s if isinstance(item, RawFrame) else 0.0
