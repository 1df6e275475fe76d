"""Records the clean stream of a session that is going on, into a file that can be played whatever happens to it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from buffers.records import CleanAudio, CleanFrame, CleanItem, Gap, Track
from configs.errors import ConfigError, RecordingError
from streams.channel import ChannelClosed
from streams.recording.backlog import Backlog, Recorded
from streams.recording.encoders import VideoShape
from streams.recording.formats import FileFormat, format_of
from streams.recording.target import DirectFile, told
from streams.recording.writer import CleanWriter
from streams.sources.probe import shown_name

logger = logging.getLogger("emotion_monitor.recording")

_SUFFIXES: Final = (".mkv", ".mka")

_FIRST_FRAME_S: Final = 5.0
"""Sound that waits for the first picture, whose size the file's header must name; then the size is `_NOMINAL` (s)."""

_NOMINAL: Final = (1280, 720)
"""Size of the pictures where the sound did not wait for the first of them; they are fitted in."""

_LONG_GAP_S: Final = 1.0
"""A gap in the pictures after which nothing is shown: a still picture would pass for what was seen (s)."""

_JOINED_S: Final = 0.1
"""Gaps that begin this soon after the end of the one before are one gap told in pieces (s)."""

_SYNC_EVERY_S: Final = 5.0
"""Between two times that the disk is asked to keep what it was given: what a power cut may cost (s)."""

_CLOSE_S: Final = 5.0
"""How long a stop waits for what is still to be written; the thread is a daemon, so a dead disk holds up nothing."""

_RATES_HZ: Final = (1.0, 240.0)
"""Nominal rates that are believed; they steer the encoder only."""


class LiveRecorder:
    """A Matroska file of clean pictures and sound, on a thread of its own.

    File time is media time. Where the encoder or the disk cannot keep up, the oldest waiting frames are left out and
    counted, the sound is not. A gap of more than a second in the pictures is black, in the sound it is silent. When
    the process is killed the file plays up to its last second or two, and has no index; `close` writes that. A
    failure ends the recording, tells why in `failure` and keeps what was written.
    """

    def __init__(self, path: Path, *, tracks: Collection[Track], rate_hz: float, force: bool = False) -> None:
        """Create the file under its own name; its header waits for the first picture.

        Args:
            path: A name that ends in .mkv, or in .mka for sound alone.
            tracks: What the session has; what the file cannot hold is left out.
            rate_hz: Nominal rate of the pictures.
            force: Whether an older file of that name is replaced.

        Raises:
            ConfigError: the name means another kind of file, there is one already, or there is nothing to hold.
            RecordingError: no file can be made there.
        """
        self.path = path
        self._format = _format(path, tracks)
        self._rate_hz = min(max(rate_hz, _RATES_HZ[0]), _RATES_HZ[1])
        self._backlog = Backlog()
        self._file = DirectFile(path, force=force)
        self._writer: CleanWriter | None = None
        self._early: list[CleanAudio] = []
        self._hole = _Hole()
        self._frames = 0
        self._failure: str | None = None
        self._over = threading.Event()
        self._writing = threading.Thread(target=self._run, name="recording", daemon=True)
        self._syncing = threading.Thread(target=self._sync, name="recording-sync", daemon=True)
        self._writing.start()
        self._syncing.start()

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._frames

    @property
    def dropped(self) -> int:
        """Frames left out because encoding or writing could not keep up."""
        return self._backlog.dropped

    @property
    def failure(self) -> str | None:
        """Why the recording has ended too early, in one line; None while all is well."""
        return self._failure

    def take(self, item: CleanItem) -> None:
        """Hand over the next item, in order of media time; returns at once. What is not for a file is let go."""
        if not isinstance(item, (CleanFrame, CleanAudio, Gap)):
            return
        try:
            self._backlog.put(item)
        except ChannelClosed:
            return

    def close(self) -> None:
        """Write what waits and finish the file; safe to call twice, and after a failure."""
        if self._over.is_set() and self._failure is not None:
            return  # whatever still hangs was waited for
        self._backlog.close()
        self._writing.join(_CLOSE_S)
        if self._writing.is_alive():
            self._fail(f"{shown_name(self.path)}: the disk does not answer; what was written until then stays")
            self._backlog.abort()
        self._over.set()

    def _run(self) -> None:
        """Encode and write until the end, or until that fails: which is no reason to end the session."""
        try:
            self._write_all()
        except RecordingError as error:
            self._fail(str(error))
        except Exception as error:
            logger.debug("recording failed", exc_info=error)
            self._fail(f"{shown_name(self.path)}: recording failed ({type(error).__name__}); please report this")
        finally:
            self._over.set()
            self._backlog.abort()
            self._syncing.join(_CLOSE_S)
            self._end()

    def _write_all(self) -> None:
        while True:
            try:
                item = self._backlog.get()
            except ChannelClosed:
                break
            if self._failure is not None:
                return
            self._take(item)
        if self._writer is None and self._early:
            self._begin(None)

    def _end(self) -> None:
        """Finish the file, or leave it as it is where something failed."""
        if self._writer is None:
            self._file.abandon()
            return
        if self._failure is None:
            try:
                self._writer.finish()
            except RecordingError as error:
                self._fail(str(error))
        self._writer.abandon()

    def _take(self, item: Recorded) -> None:
        if self._writer is None:
            if isinstance(item, CleanFrame) and self._format.video_codec is not None:
                self._begin(item)
            elif isinstance(item, CleanAudio) and self._format.audio_codec is not None:
                self._early.append(item)
                if self._format.video_codec is None or item.end_s - self._early[0].t_s > _FIRST_FRAME_S:
                    self._begin(None)
                return
        if self._writer is not None:
            self._write(self._writer, item)

    def _begin(self, first: CleanFrame | None) -> None:
        """Write the header, and the sound that came before it. Without a first frame the pictures begin black."""
        shape = None
        if self._format.video_codec is not None:
            size = _NOMINAL if first is None else (first.picture.width_px, first.picture.height_px)
            shape = VideoShape(*size, self._rate_hz)
        audio = self._format.audio_codec is not None
        writer = CleanWriter(self.path, self._format, video=shape, audio=audio, growing=self._file)
        self._writer = writer
        if shape is not None and first is None:
            writer.black(self._early[0].t_s)
        early, self._early = self._early, []
        for block in early:
            writer.audio(block)

    def _write(self, writer: CleanWriter, item: Recorded) -> None:
        if isinstance(item, CleanFrame):
            if self._format.video_codec is not None:
                self._hole.end()
                writer.frame(item)
                self._frames += 1
        elif isinstance(item, CleanAudio):
            if self._format.audio_codec is not None:
                writer.audio(item)
        elif item.track is Track.VIDEO and self._format.video_codec is not None:
            black_s = self._hole.grow(item)
            if black_s is not None:
                writer.black(black_s)

    def _sync(self) -> None:
        """Have the disk keep what was written, in a thread of its own: a slow disk takes seconds for it."""
        while not self._over.wait(_SYNC_EVERY_S):
            try:
                with told(self.path):
                    os.fsync(self._file.file.fileno())
            except RecordingError as error:
                self._fail(str(error))
            except ValueError:
                return  # closed after a failure

    def _fail(self, failure: str) -> None:
        if self._failure is None:
            self._failure = failure


class _Hole:
    """The gap in the pictures that is going on, which may be told in pieces."""

    def __init__(self) -> None:
        self._start_s = self._end_s = 0.0
        self._open = self._told = False

    def end(self) -> None:
        """A picture came."""
        self._open = False

    def grow(self, gap: Gap) -> float | None:
        """Add a piece; where the whole has just become a long one, when it began (s)."""
        if not self._open or gap.start_s > self._end_s + _JOINED_S:
            self._start_s, self._end_s, self._open, self._told = gap.start_s, gap.end_s, True, False
        self._end_s = max(self._end_s, gap.end_s)
        if self._told or self._end_s - self._start_s <= _LONG_GAP_S:
            return None
        self._told = True
        return self._start_s


def _format(path: Path, tracks: Collection[Track]) -> FileFormat:
    """What of the tracks goes into the file, and how. Raises `ConfigError`."""
    name = shown_name(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(
            f"{name}: a recording is named .mkv, or .mka for sound alone; other files cannot be played after a crash"
        )
    found = format_of(path)
    video = found.video_codec if Track.VIDEO in tracks else None
    audio = found.audio_codec if Track.AUDIO in tracks else None
    if video is None and audio is None:
        raise ConfigError(f"{name}: holds sound alone, and there is none to record; name an .mkv file")
    return FileFormat(found.container, video, audio)
