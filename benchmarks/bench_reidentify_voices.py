"""What an altered voice keeps, and whether its speaker is recognised again; figures, not speed.

Run from the repository's root: `python -m benchmarks.bench_reidentify_voices [--speakers FOLDER] [--json PATH]`;
FOLDER holds one folder of recordings for each speaker. Takes some minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads only slow matrices this small
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.clips import SHARED
from buffers.records import AUDIO_RATE_HZ, CleanAudio
from configs.errors import ModelUnavailable
from configs.settings import VoiceMode, VoiceSettings
from streams.audit.voices.attacks import LoudnessGate
from streams.audit.voices.compare import Sound, VoiceFigures, figures, sound_of
from streams.audit.voices.speakers import SpeakerReport, reidentify, table
from streams.clock import monotonic_s
from streams.deidentify.voice import VoiceDeidentifier
from streams.media import RawAudio
from streams.speechlike import plan_utterances, speak

SPEECH: Final = SHARED / "media" / "speech"
SPEAKERS: Final = SPEECH / "librispeech"
FILES: Final = ("musetalk_eng.wav", "whisper_jfk.flac", "musetalk_yongen.wav")
"""A minute of clear speech, an old recording with noise, a second language."""

COEFFICIENTS: Final = (0.5, 0.65, 0.8, 0.9)
"""Both ends of the range λ is drawn from, the middle of it, and the fixed λ of the first baseline."""

SEED: Final = 1
BLOCK: Final = AUDIO_RATE_HZ // 10

COLUMNS: Final = (
    ("level_change_db", "level dB", 1.0, "+.1f"),
    ("energy_correlation", "energy r", 1.0, ".3f"),
    ("energy_correlation_speech", "in speech", 1.0, ".3f"),
    ("pitch_kept_share", "F0 in 5 %", 100.0, ".0f"),
    ("pitch_correlation", "F0 r", 1.0, ".2f"),
    ("voicing_agreement", "voicing %", 100.0, ".0f"),
    ("waveform_similarity", "waveform", 1.0, ".2f"),
    ("envelope_distance_db", "altered dB", 1.0, ".1f"),
    ("offset_ms", "late ms", 1.0, ".2f"),
    ("output_clipped_samples", "clipped", 1.0, ".0f"),
)
"""Figure, heading, factor and format of each column."""


def sounds() -> dict[str, Sound]:
    """The speech files by name, or made-up speech where the shared ones are absent."""
    found = {name: sound for name in FILES if (SPEECH / name).is_file() and (sound := sound_of(SPEECH / name))}
    for name in FILES:
        if name not in found:
            print(f"skipped: {SPEECH / name} is absent")
    if found:
        return found
    rng = np.random.default_rng(7)
    return {"speech-like sound": Sound(0.0, speak(plan_utterances(60.0, 30.0, rng), 60.0, rng))}


def released(sound: Sound, settings: VoiceSettings) -> Sound:
    """The sound as the product releases it."""
    voice = VoiceDeidentifier(settings, seed=SEED, vad=LoudnessGate(sound.samples.astype(np.float64)))
    out: list[CleanAudio] = []
    for start in range(0, len(sound.samples), BLOCK):
        block = RawAudio(sound.start_s + start / AUDIO_RATE_HZ, sound.samples[start : start + BLOCK])
        out += voice.push(block).audio
    out += voice.flush().audio
    return Sound(sound.start_s, np.concatenate([each.samples for each in out]))


def compared() -> list[tuple[str, str, float, VoiceFigures]]:
    """Name, mode, λ and figures of each file altered in each way."""
    rows = []
    for name, sound in sounds().items():
        for mode in (VoiceMode.LEVEL_MATCHED, VoiceMode.REFERENCE):
            for coefficient in COEFFICIENTS:
                settings = VoiceSettings(mode=mode, coefficient=coefficient)
                rows.append((name, str(mode), coefficient, figures(sound, released(sound, settings))))
    return rows


def figures_table(rows: list[tuple[str, str, float, VoiceFigures]]) -> str:
    """The rows as aligned text."""
    lines = [f"{'':<22}{'mode':<15}{'λ':>5}" + "".join(f"{heading:>11}" for _, heading, _, _ in COLUMNS)]
    for name, mode, coefficient, found in rows:
        cells = []
        for field, _, factor, form in COLUMNS:
            value = getattr(found, field)
            cells.append("-" if value is None else format(factor * value, form))
        mark = "  THE ORIGINAL VOICE IS IN IT" if found.original_voice else ""
        lines.append(f"{name:<22}{mode:<15}{coefficient:>5}" + "".join(f"{cell:>11}" for cell in cells) + mark)
    return "\n".join(lines)


def recognised(folder: Path) -> list[SpeakerReport]:
    """Both reports, λ drawn for each segment and λ fixed; none where something is missing, which is printed."""
    if not folder.is_dir():
        print(f"skipped: re-identification, {folder} is absent; name a folder with --speakers")
        return []
    reports = []
    for settings in (VoiceSettings(), VoiceSettings(coefficient=0.8)):
        start = monotonic_s()
        try:
            reports.append(reidentify(folder, settings, seed=SEED))
        except ModelUnavailable as error:
            print(f"skipped: re-identification, {error}")
            return []
        print(f"{table(reports[-1])}\n({monotonic_s() - start:.0f} s)\n", flush=True)
    return reports


def main() -> None:
    """Measure, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", type=Path, default=SPEAKERS, help="one folder of recordings for each speaker")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    reports = recognised(options.speakers)
    rows = compared()
    print(figures_table(rows))
    if options.json is not None:
        document = {
            "reidentification": [asdict(report) for report in reports],
            "voice": [
                {"file": name, "mode": mode, "coefficient": coefficient, "original_voice": found.original_voice}
                | asdict(found)
                for name, mode, coefficient, found in rows
            ],
        }
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
