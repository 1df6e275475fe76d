"""How fast the voice is altered and measured, beside a plain per-frame implementation of the same equations.

Run from the repository's root: `python -m benchmarks.bench_voice [WAV] [--json PATH]`; WAV is 16 kHz mono.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: more threads only slow matrices this small

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.io import wavfile

from benchmarks.clips import SHARED
from buffers.records import AUDIO_RATE_HZ
from configs.errors import ModelUnavailable
from streams.clock import monotonic_s
from streams.deidentify.limiter import Limiter
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import FRAME, HOP, ORDER, WINDOW, Level, McAdams
from streams.deidentify.pitch import CONTEXT, pitch_hz
from streams.deidentify.prosody import BLOCK
from streams.deidentify.vad import SileroVad, SpeechTrack
from streams.models.cache import model_path
from streams.speechlike import plan_utterances, speak

SPEECH = SHARED / "media" / "speech" / "musetalk_eng.wav"
COEFFICIENT = 0.8
RUNS = 3
PEER = "per-frame scipy reference (same equations)"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `ratio` is the peer's time over this one's, `difference` a share of the peer's peak, `energy` and `contour` the
    correlations of the output's energies with the speaker's, as they are and in decibels, `level_db` what the output
    has more of.
    """

    what: str
    seconds: float
    real_time_factor: float
    ratio: float | None = None
    difference: float | None = None
    energy: float | None = None
    contour: float | None = None
    level_db: float | None = None


def per_frame(samples: Reals) -> Reals:
    """McAdams as one would write it from the equations, one frame after another with scipy's own tools."""
    epsilon = 2.0**-23
    out = np.zeros(len(samples))
    for start in range(0, len(samples) - FRAME + 1, HOP):
        frame = (samples[start : start + FRAME] + epsilon) * WINDOW
        prediction = burg_of_one(frame + epsilon)
        _, poles, _ = signal.tf2zpk([1.0], prediction)
        angles = np.angle(poles)
        turned = np.abs(poles) * np.exp(1j * np.sign(angles) * np.abs(angles) ** COEFFICIENT)
        _, voice = signal.zpk2tf([], np.where(poles.imag == 0.0, poles, turned), 1.0)
        residual = signal.lfilter(prediction, [1.0], frame)
        out[start : start + FRAME] += WINDOW * signal.lfilter([1.0], np.real(voice), residual)
    return out


def burg_of_one(frame: Reals) -> Reals:
    """Burg's method for one frame."""
    prediction = np.zeros(ORDER + 1)
    prediction[0] = 1.0
    forward, backward = frame[1:], frame[:-1]
    power = forward @ forward + backward @ backward
    for order in range(1, ORDER + 1):
        reflection = -2.0 * (forward @ backward) / power
        prediction[1 : order + 1] += reflection * prediction[order - 1 :: -1][:order].copy()
        forward, backward = forward + reflection * backward, backward + reflection * forward
        power = (1.0 - reflection**2) * power - forward[0] ** 2 - backward[-1] ** 2
        forward, backward = forward[1:], backward[:-1]
    return prediction


def in_blocks(samples: Reals, block: int) -> Reals:
    """McAdams alone, comparable to the peer sample by sample, in blocks of `block` samples."""
    stream = McAdams(Level.FREE)
    out = [stream.push(samples[start : start + block], COEFFICIENT) for start in range(0, len(samples), block)]
    return np.concatenate([*out, stream.flush()])


def as_released(samples: Reals, block: int, level: Level) -> Reals:
    """McAdams and the limiter behind it, as the product runs them, in blocks of `block` samples."""
    stream, limiter = McAdams(level), Limiter()
    starts = range(0, len(samples), block)
    out = [limiter.push(stream.push(samples[start : start + block], COEFFICIENT)) for start in starts]
    return np.concatenate([*out, limiter.push(stream.flush()), limiter.flush()])


def loudness_kept(samples: Reals, out: Reals) -> tuple[float, float, float]:
    """What became of the loudness of each 20 ms, every 10 ms.

    Correlation of the energies; of the same in decibels, with what is below -60 dB of full scale evened out; and the
    level of the output above the source's (dB).
    """
    before, after = (
        np.square(np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP]).mean(axis=1)
        for sound in (samples, out)
    )
    energy = float(np.corrcoef(before, after)[0, 1])
    contour = float(np.corrcoef(10.0 * np.log10(before + 1e-6), 10.0 * np.log10(after + 1e-6))[0, 1])
    return energy, contour, float(10.0 * np.log10(after.mean() / before.mean()))


def pitch_of_all(samples: Reals) -> int:
    """Pitch of every block, as the product measures it; the number of voiced values."""
    padded = np.concatenate([np.zeros(CONTEXT), samples])
    starts = range(0, len(samples) - BLOCK + 1, BLOCK)
    return sum(int(np.isfinite(pitch_hz(padded[start : start + CONTEXT + BLOCK])).sum()) for start in starts)


def measured(samples: Reals) -> list[Row]:
    """All rows; the runs of peer and product take turns, so that both meet the same machine."""
    length_s = len(samples) / AUDIO_RATE_HZ
    tenth, second = AUDIO_RATE_HZ // 10, AUDIO_RATE_HZ
    alone: dict[str, Callable[[], Reals]] = {
        "100 ms blocks": lambda: in_blocks(samples, tenth),
        "1 s blocks": lambda: in_blocks(samples, second),
        "whole": lambda: in_blocks(samples, len(samples)),
    }
    released: dict[str, Callable[[], Reals]] = {
        "level-matched, limited, 100 ms": lambda: as_released(samples, tenth, Level.MATCHED),
        "level-matched, limited, 1 s": lambda: as_released(samples, second, Level.MATCHED),
        "reference, limited, 100 ms": lambda: as_released(samples, tenth, Level.FREE),
    }
    expected = per_frame(samples)
    best: dict[str, float] = {}
    for _ in range(RUNS):
        for what, work in {PEER: lambda: per_frame(samples), **alone, **released}.items():
            best[what] = min(best.get(what, np.inf), seconds_of(work))
    rows = [Row(PEER, best[PEER], best[PEER] / length_s, 1.0, None, *loudness_kept(samples, expected))]
    for what, work in (alone | released).items():
        out = work()
        difference = float(np.abs(out - expected).max() / np.abs(expected).max()) if what in alone else None
        ratio, kept = best[PEER] / best[what], loudness_kept(samples, out)
        rows.append(Row(f"McAdams, {what}", best[what], best[what] / length_s, ratio, difference, *kept))
    seconds = min(seconds_of(lambda: pitch_of_all(samples)) for _ in range(RUNS))
    rows.append(Row("pitch, 100 ms blocks", seconds, seconds / length_s))
    try:
        vad = SileroVad(model_path("silero-vad"))
    except ModelUnavailable as error:
        print(f"voice activity left out: {error}")
        return rows
    seconds = min(seconds_of(lambda: SpeechTrack(vad).push(samples)) for _ in range(RUNS))
    return [*rows, Row("voice activity (Silero)", seconds, seconds / length_s)]


def seconds_of(work: Callable[[], object]) -> float:
    """Wall seconds of one run."""
    start = monotonic_s()
    work()
    return monotonic_s() - start


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    heads = f"{'seconds':>9}{'RTF':>9}{'ratio':>8}{'max difference':>16}{'energy':>8}{'in dB':>8}{'level':>8}"
    lines = [f"{'':<44}{heads}"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        difference = "" if row.difference is None else f"{row.difference:.1e}"
        energy, contour = ("" if value is None else f"{value:.3f}" for value in (row.energy, row.contour))
        level = "" if row.level_db is None else f"{row.level_db:+.2f}"
        lines.append(
            f"{row.what:<44}{row.seconds:>9.3f}{row.real_time_factor:>9.4f}{ratio:>8}{difference:>16}"
            f"{energy:>8}{contour:>8}{level:>8}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print and, where asked, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wav", nargs="?", type=Path, help="16-bit 16 kHz mono (default: the shared speech, or made up)")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    wav = options.wav or (SPEECH if SPEECH.is_file() else None)
    if wav is None:
        rng = np.random.default_rng(7)
        name, samples = "speech-like sound", speak(plan_utterances(60.0, 30.0, rng), 60.0, rng).astype(np.float64)
    else:
        rate_hz, sound = wavfile.read(wav)
        if rate_hz != AUDIO_RATE_HZ or sound.ndim != 1 or sound.dtype != np.int16:
            parser.error(f"{wav} is not 16-bit 16 kHz mono")
        name, samples = wav.name, sound.astype(np.float64) / 32768.0
    rows = measured(samples)
    print(f"{name}: {len(samples) / AUDIO_RATE_HZ:.1f} s, λ {COEFFICIENT}, best of {RUNS}, one thread")
    print(table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps({"file": name, "rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
