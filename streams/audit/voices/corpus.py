"""Recordings of several speakers, read from one folder each: what speaker recognition is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from configs.errors import ConfigError, SourceUnreadable
from streams.audit.voices.attacks import features, seconds
from streams.audit.voices.compare import sound_of
from streams.deidentify.lpc import Reals
from streams.sources.probe import shown_name

SUFFIXES: Final = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".mkv", ".webm", ".mov"})
"""Files taken for recordings; transcripts and licences lie beside them in every corpus."""

_FOLDS: Final = 4
"""Parts the recordings of a speaker are tested in, the others enrolled: each costs two background models."""

_SHORTEST_S: Final = 0.5
"""Speech a recording must hold (s)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Corpus:
    """All recordings: `sounds` float64[n] each at 16 kHz, `owners` the number of the speaker, `folds` when tested.

    Raw: keep it in.
    """

    speakers: tuple[str, ...]
    sounds: tuple[Reals, ...]
    owners: NDArray[np.int64]
    folds: NDArray[np.int64]

    @classmethod
    def read(cls, folder: Path) -> Corpus:
        """Read a folder that holds one folder of recordings (at any depth) for each speaker.

        Raises:
            ConfigError: There is no such folder, or fewer than two speakers or two recordings of one.
            SourceUnreadable: A recording cannot be read or holds no speech.
        """
        name = shown_name(folder)
        wanted = "name one that holds one folder of recordings for each speaker"
        if not folder.is_dir():
            raise ConfigError(f"{name}: no such folder; {wanted}")
        found = {each.name: _recordings(each) for each in sorted(folder.iterdir()) if each.is_dir()}
        found = {speaker: paths for speaker, paths in found.items() if paths}
        if len(found) < 2:
            raise ConfigError(f"{name}: holds recordings of {len(found) or 'no'} speaker, two are needed; {wanted}")
        for speaker, paths in found.items():
            if len(paths) < 2:
                shown = shown_name(Path(speaker))
                raise ConfigError(f"{shown}: holds one recording, one to know the voice by and one to test are needed")
        folds = min(_FOLDS, *(len(paths) for paths in found.values()))
        owners = [owner for owner, paths in enumerate(found.values()) for _ in paths]
        turns = [index % folds for paths in found.values() for index in range(len(paths))]
        sounds = [_speech_of(path) for paths in found.values() for path in paths]
        return cls(tuple(found), tuple(sounds), np.array(owners), np.array(turns))


def _recordings(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _speech_of(path: Path) -> Reals:
    sound = sound_of(path)
    samples = np.zeros(0) if sound is None else sound.samples.astype(np.float64)
    if seconds(features(samples)[1]) < _SHORTEST_S:
        raise SourceUnreadable(f"{shown_name(path)}: holds less than {_SHORTEST_S} s of speech; remove it")
    return samples
