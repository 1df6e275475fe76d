"""Opens everything between a source's address and clean records, all or nothing."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from buffers.records import Track
from configs.errors import ConfigError
from configs.settings import Settings, VoiceMode
from streams.deidentify.detectors import DETECTORS
from streams.deidentify.faces import FaceCounts, FaceDeidentifier
from streams.deidentify.masks import WEAKNESS
from streams.deidentify.vad import SileroVad
from streams.deidentify.voice import VoiceDeidentifier
from streams.media import SourceInfo
from streams.models.cache import model_path
from streams.nfbl.feed import Feed, FeedCounts
from streams.nfbl.open import FeedOpening
from streams.sources.base import LiveSource, Source
from streams.sources.open import open_source
from streams.sources.sound import BLOCK_S

_SILENCE: Final = {
    VoiceMode.FEATURES_ONLY: "sound not kept: how it was said is measured, then the sound is let go",
    VoiceMode.DROP: "sound not read: nothing is known of what was said or how",
}


_NO_FACES: Final = FaceCounts(0, 0, 0, 0)


@dataclass(slots=True)
class Pipeline:
    """A source with the de-identifiers its tracks need and the NFBL feed, if there is one.

    `choices` says what the user gave up with the settings: a mask that is not the safe one, sound that is not kept.
    `make_faces` and `make_voice` build another de-identifier in the place of one that hung.
    """

    source: Source
    faces: FaceDeidentifier | None
    voice: VoiceDeidentifier | None
    feed: Feed | None = None
    choices: tuple[str, ...] = ()
    make_faces: Callable[[], FaceDeidentifier] | None = None
    make_voice: Callable[[], VoiceDeidentifier] | None = None
    _faces_before: FaceCounts = _NO_FACES
    _voice_before: int = 0

    @property
    def live(self) -> LiveSource | None:
        """The source where it is a live one."""
        return self.source if isinstance(self.source, LiveSource) else None

    @property
    def info(self) -> SourceInfo:
        """What is known of the source now."""
        return self.source.info

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that are de-identified; no other is read."""
        workers = {Track.VIDEO: self.faces, Track.AUDIO: self.voice}
        return tuple(info.track for info in self.info.tracks if workers[info.track] is not None)

    @property
    def face_counts(self) -> FaceCounts:
        """What face de-identification has done so far (zeros without a video track)."""
        return self._faces_before if self.faces is None else self._faces_before + self.faces.counts

    @property
    def feed_counts(self) -> FeedCounts:
        """Looks taken for body language so far (zeros without a feed that looks)."""
        return FeedCounts() if self.feed is None else self.feed.counts

    @property
    def voice_failures(self) -> int:
        """Times sound was released as silence because it could not be altered."""
        return self._voice_before + (0 if self.voice is None else self.voice.failures)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of the masks that were chosen and the media that were read."""
        counts = self.face_counts
        notices = (*self.choices, *self.info.notices)
        if counts.frames > 0 and counts.faces == 0:
            notices = (*notices, f"no face was found in {counts.frames} frames, so none was masked")
        if counts.evidence_failures > 0:
            silent = f"the added face detector said nothing of {counts.evidence_failures} frames it was asked about"
            notices = (*notices, f"{silent}; the first detector masked them alone")
        return notices

    def renew(self, track: Track) -> None:
        """Put a new de-identifier in the place of the track's, which is left behind: it hangs, so it is not closed.

        Raises DeidentificationFailed where none can be built.
        """
        if track is Track.VIDEO and self.faces is not None and self.make_faces is not None:
            faces = self.make_faces()
            self._faces_before, self.faces = self.face_counts, faces
        elif self.voice is not None and self.make_voice is not None:
            voice = self.make_voice()
            self._voice_before, self.voice = self.voice_failures, voice

    def close(self) -> None:
        """Release the models. The source is closed by the thread that reads it."""
        if self.faces is not None:
            self.faces.close()
        if self.feed is not None:
            self.feed.close()


def _unread(mode: VoiceMode) -> frozenset[Track]:
    """What is not even to be captured."""
    return frozenset({Track.AUDIO}) if mode is VoiceMode.DROP else frozenset()


def face_deidentifier(settings: Settings, *, detectors: int = 1, ahead: int = 0) -> FaceDeidentifier:
    """Builds what masks faces as the settings ask; see `FaceDeidentifier`. Raises DeidentificationFailed."""
    evidence = settings.faces.evidence
    return FaceDeidentifier(
        settings.faces,
        DETECTORS[settings.faces.detector],
        make_evidence=None if evidence is None else DETECTORS[evidence],
        seed=settings.seed,
        detectors=detectors,
        ahead=ahead,
    )


def voice_deidentifier(settings: Settings) -> VoiceDeidentifier:
    """Builds what alters voices as the settings ask. Raises ModelUnavailable."""
    return VoiceDeidentifier(settings.voice, seed=settings.seed, vad=SileroVad(model_path("silero-vad")))


def open_pipeline(
    uri: str,
    settings: Settings,
    *,
    detectors: int = 1,
    wanted: frozenset[Track] = frozenset(Track),
    block_s: float = BLOCK_S,
    paced: bool = False,
) -> Pipeline:
    """Open the source, the models that the tracks `wanted` of it need, and the feed.

    `detectors` look at as many frames side by side; sound is read in blocks of `block_s` seconds. `paced`: media time
    passes with wall time, so that the feed may skip what it has no time for.

    Raises:
        ConfigError: the address or the feed cannot be meant.
        SourceUnreadable: there is nothing to play.
        ModelUnavailable: a model file or package is missing.
        DeidentificationFailed: a de-identifier can never work here.
    """
    with contextlib.ExitStack() as undo:
        mode = settings.voice.mode
        source = open_source(uri, settings, block_s=block_s, tracks=wanted - _unread(mode))
        for link in source.links:
            undo.callback(link.close)
        info = source.info
        tracks = wanted.intersection(track.track for track in info.tracks)
        paced = paced or isinstance(source, LiveSource)
        unread = bool(_unread(mode)) and isinstance(source, LiveSource)
        make_voice = functools.partial(voice_deidentifier, settings)
        make_faces = functools.partial(face_deidentifier, settings, detectors=detectors, ahead=1 if paced else 0)
        # First, so that its process loads its models while ours are loaded.
        opening = FeedOpening(settings.nfbl, info, video=Track.VIDEO in tracks, paced=paced)
        undo.callback(opening.close)
        voice: VoiceDeidentifier | None = None
        if mode is VoiceMode.DROP and tracks == {Track.AUDIO}:
            raise ConfigError(
                f"{info.name}: has sound alone, and voice.mode drop reads none; choose another voice.mode"
            )
        if Track.AUDIO in tracks and mode is not VoiceMode.DROP:
            voice = make_voice()
        faces: FaceDeidentifier | None = None
        if Track.VIDEO in tracks:
            faces = make_faces()
            undo.callback(faces.close)
        watched = opening.ready()
        undo.pop_all()
        weakness = None if faces is None else WEAKNESS[settings.faces.mask]
        silence = _SILENCE.get(mode) if Track.AUDIO in tracks or unread else None
        choices = tuple(filter(None, (weakness, silence, watched.lacks)))
        return Pipeline(source, faces, voice, watched.feed, choices, make_faces=make_faces, make_voice=make_voice)
