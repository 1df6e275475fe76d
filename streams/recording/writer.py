"""Writes clean records to a file: every frame at its own time, sound in step with it, and nothing of the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from buffers.picture import Picture
from buffers.records import CleanAudio, CleanFrame
from configs.errors import RecordingError
from streams.recording.editlist import begin_sound_at
from streams.recording.encoders import VideoShape, add_audio, add_video
from streams.recording.feeds import AudioFeed, VideoFeed
from streams.recording.formats import FileFormat
from streams.recording.target import DirectFile, Target, told
from streams.sources.probe import shown_name

__all__ = ["CleanWriter", "VideoShape"]

_ANONYMOUS: Final = {"fflags": "+bitexact"}
"""Keeps the muxer from writing its version, the date and random numbers: equal media give equal files."""

_GROWING: Final = {"cluster_time_limit": "500", "max_interleave_delta": "1000000", "flush_packets": "1"}
"""For a Matroska file that is played as far as it got when the process was killed: what is written each half second
is whole (ms), and a track that is silent holds the other back no longer (us)."""

_AWAY_S: Final = 0.5
"""A track of a growing file that is so far behind the other does not come: a block of sound is 0.1 s long (s)."""

_EDITED: Final = frozenset({"mp4", "mov", "ipod", "3gp"})
"""Containers in which an edit list says where a track begins."""

_MOVIE_CLOCK: Final = {"movie_timescale": "90000"}
"""Clock of edit lists; by default it counts milliseconds, and rounds the beginning of a track down to one."""

_LARGE_WAV: Final = {"rf64": "auto"}
"""Beyond 4 GiB a WAV file needs the 64-bit header, or its length wraps around."""

_SOUND_LATE: Final = _EDITED | {"matroska", "webm", "mpegts", "flv"}
"""Containers in which sound may begin later than zero; in others what comes before it becomes silence."""


class CleanWriter:
    """One file of clean video, clean sound or both, written beside its name and renamed onto it by `finish`.

    Each frame is shown at its own time until the next one's; in AVI, whose video always begins at zero, the first
    one is shown earlier where it is late. Pictures whose size differs from the shape's (a source may change it) are
    fitted into it on black. H.264 takes even sizes only: an odd last row or column is doubled. Holes in the sound
    become silence. Nothing but what is handed in gets into the file: no metadata, no chapters, no dates. One thread
    at a time may use a writer.
    """

    def __init__(
        self,
        path: Path,
        file_format: FileFormat,
        *,
        video: VideoShape | None,
        audio: bool,
        quality: int = 23,
        threads: int = 1,
        growing: DirectFile | None = None,
    ) -> None:
        """Create the hidden file and write its header.

        Args:
            path: The name that the file gets in the end; an older file of that name is replaced then.
            file_format: Container and encoders, from `format_of`.
            video: Size, nominal rate and colour of the frames to come, None for a file without video.
            audio: Whether sound is to come.
            quality: Constant rate factor as x264 counts it (18 fine, 28 coarse), for lossy video.
            threads: Threads that encode video; one, because detection wants the others.
            growing: The file to write to instead of a hidden one, Matroska: it can be played at any time, as far as it
                has got. Long holes in its sound are left out, and it is kept whatever happens.

        Raises:
            RecordingError: the file cannot be made there, or not hold what is asked for.
        """
        name, kind = shown_name(path), file_format.container
        if (video and not file_format.video_codec) or (audio and not file_format.audio_codec) or not (video or audio):
            raise RecordingError(f"{name}: cannot hold what is to be written; name an .mp4 or .mkv file")
        self._path = path
        self._edited = kind in _EDITED
        self._shape = video
        self._video: VideoFeed | None = None
        self._audio: AudioFeed | None = None
        self._done = False
        self._growing = growing is not None
        self._target = growing or Target(path)
        options = _ANONYMOUS | (_GROWING if self._growing else {})
        options |= (_MOVIE_CLOCK if self._edited else {}) | (_LARGE_WAV if kind == "wav" else {})
        self._container = av.open(self._target.file, "w", format=kind, container_options=options)
        try:
            if video and file_format.video_codec:
                codec = file_format.video_codec
                stream = add_video(self._container, codec, video, quality=quality, threads=threads)
                self._video = VideoFeed(stream, video, late=kind != "avi")
            if audio and file_format.audio_codec:
                sound = add_audio(self._container, file_format.audio_codec)
                self._audio = AudioFeed(sound, late=kind in _SOUND_LATE, leaps=self._growing)
            with told(path):
                self._container.start_encoding()
        except (ValueError, FFmpegError):
            self.abandon()
            wanted = ((video, file_format.video_codec), (audio, file_format.audio_codec))
            codecs = " and ".join(codec for asked, codec in wanted if asked and codec)
            raise RecordingError(f"{name}: {codecs} cannot be written in {kind}; name an .mp4 or .mkv file") from None
        except BaseException:
            self.abandon()
            raise

    def frame(self, frame: CleanFrame) -> None:
        """Write a frame, in order of time.

        Raises:
            RecordingError: the disk is full or the encoder failed; call `abandon`.
        """
        self._show(frame.t_s, frame.picture)

    def black(self, t_s: float) -> None:
        """Show nothing from `t_s` on, until the next frame.

        Raises:
            RecordingError: the disk is full or the encoder failed; call `abandon`.
        """
        assert self._shape is not None
        self._show(t_s, Picture.blank(self._shape.width_px, self._shape.height_px))

    def audio(self, audio: CleanAudio) -> None:
        """Write a block of sound, in order of time; what overlaps the sound before it is left out.

        Raises:
            RecordingError: the disk is full or the encoder failed; call `abandon`.
        """
        assert self._audio is not None
        with told(self._path):
            if self._growing and self._video is not None:
                self._mux(self._video.release(audio.t_s - _AWAY_S))
            for packets in self._audio.add(audio):
                self._mux(packets)

    def finish(self, *, end_s: float | None = None) -> None:
        """Write what is left and give the file its name; the last frame lasts until `end_s`, or as long as usual.

        Raises:
            RecordingError: the disk is full or the name cannot be given; nothing is left behind.
        """
        try:
            with told(self._path):
                if self._video is not None:
                    self._container.mux(self._video.finish(end_s))
                if self._audio is not None:
                    self._container.mux(self._audio.finish())
                self._container.close()
                if self._edited and self._audio is not None and self._audio.start_s:
                    begin_sound_at(self._target.file, self._audio.start_s, self._audio.delay_samples)
            self._target.finish()
        except BaseException:
            self.abandon()
            raise
        self._done = True

    def _show(self, t_s: float, picture: Picture) -> None:
        assert self._video is not None
        with told(self._path):
            self._mux(self._video.add(t_s, picture))
            if self._growing and self._audio is not None and self._audio.behind_s(t_s) > _AWAY_S:
                for packets in self._audio.silence(t_s):
                    self._mux(packets)

    def _mux(self, packets: Sequence[Packet[AudioStream]] | Sequence[Packet[VideoStream]]) -> None:
        self._container.mux(packets)
        if self._growing:
            self._target.file.flush()

    def abandon(self) -> None:
        """Close the unfinished file and, unless it grows, delete it; safe to call twice, and after `finish`."""
        if self._done:
            return
        self._done = True
        # In this order: libav must not write a trailer, and does not to a closed file.
        self._target.abandon()
        self._container.close()
