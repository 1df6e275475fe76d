"""McAdams against the recorded baseline, and what must hold for any sound and any cutting into blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from streams.deidentify.lpc import burg, poles, polynomials_of
from streams.deidentify.mcadams import FRAME, HOP, ORDER, WINDOW, Level, McAdams, moved

pytestmark = pytest.mark.unit

Reals = NDArray[np.float64]

SPEECH = ("speech_a_2609-156975-0003", "speech_b_367-130732-0001", "speech_c_533-1066-0006")
CHIRP = "chirp_50_7500hz"
TOLERANCE = dict.fromkeys(SPEECH, 1e-7) | {CHIRP: 1e-3}


def through(samples: Reals, coefficient: float, level: Level = Level.FREE, cuts: tuple[int, ...] = ()) -> Reals:
    """The whole output for `samples` pushed in blocks of the given lengths, the rest at once."""
    stream = McAdams(level)
    out, start = [], 0
    for length in (*cuts, len(samples)):
        out.append(stream.push(samples[start : start + length], coefficient))
        start += length
    return np.concatenate([*out, stream.flush()])


def tone(seconds: float = 1.0) -> Reals:
    """Something like a vowel with noise: a pulse train through two resonances."""
    rng = np.random.default_rng(5)
    time = np.arange(int(16000 * seconds)) / 16000
    voice = sum(np.sin(2 * np.pi * 120 * h * time) / h for h in range(1, 30))
    return np.asarray(0.1 * voice + 0.005 * rng.standard_normal(len(time)), np.float64)


@pytest.fixture
def golden(golden_dir: Path) -> Path:
    return golden_dir / "mcadams"


def correlation(first: Reals, second: Reals) -> float:
    """Correlation of two energy contours (20 ms, in dB above -60 dB)."""
    contours = []
    for signal in (first, second):
        power = np.square(signal[: len(signal) // FRAME * FRAME].reshape(-1, FRAME)).mean(axis=1)
        contours.append(10 * np.log10(power + 1e-6))
    return float(np.corrcoef(contours)[0, 1])


@pytest.mark.parametrize("coefficient", ["0.80", "0.65", "0.90"])
@pytest.mark.parametrize("name", [*SPEECH, CHIRP])
def test_the_stream_equals_the_recorded_baseline(golden: Path, name: str, coefficient: str) -> None:
    with np.load(golden / f"{name}.npz") as data:
        samples, expected = data["input_int16"] / 32768.0, data[f"v2_alpha_{coefficient}"]
    out = through(samples, float(coefficient), cuts=(137, 1600, 5000))
    assert len(out) == len(expected)
    assert np.abs(out - expected).max() <= TOLERANCE[name] * np.abs(expected).max()


@pytest.mark.parametrize("coefficient", ["0.80", "0.65", "0.90"])
def test_a_file_scaled_by_its_peak_equals_what_the_baseline_writes(golden: Path, coefficient: str) -> None:
    with np.load(golden / f"{SPEECH[0]}.npz") as data:
        samples, expected = data["input_int16"] / 32768.0, data[f"v2_int16_alpha_{coefficient}"]
    out = through(samples, float(coefficient))
    written = (out / np.abs(out).max() * 32766).astype(np.int16)
    assert np.abs(written.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("name", [*SPEECH, CHIRP])
def test_the_inner_values_of_single_frames_equal_the_baseline(golden: Path, name: str) -> None:
    with np.load(golden / f"{name}.npz") as data:
        windowed, prediction, roots = data["frames_windowed"], data["frames_lpc"], data["frames_poles"]
        moved_roots, synthesis = data["frames_poles_new"], data["frames_lpc_new"]
    scale = np.abs(prediction).max()
    tolerance = 1e-4 if name == CHIRP else 1e-8  # pure tones make linear prediction ill-conditioned
    assert np.abs(burg(windowed + 2.0**-23, ORDER) - prediction).max() <= tolerance * scale
    found = poles(prediction)
    assert np.abs(polynomials_of(found) - prediction).max() <= 1e-9 * scale
    for mine, theirs in zip(found, roots, strict=True):
        assert np.abs(mine[:, np.newaxis] - theirs).min(axis=1).max() <= 1e-6
    new = moved(roots, np.full((len(roots), 1), 0.8))
    assert np.abs(new - moved_roots).max() <= 1e-12
    assert np.abs(polynomials_of(new) - synthesis).max() <= 1e-9 * np.abs(synthesis).max()


@pytest.mark.parametrize(
    "case", ["speech_silence_speech", "impulse", "square_full_scale", *map("len_{}".format, (320, 479, 480, 481))]
)
def test_edge_cases_equal_the_baseline(golden: Path, case: str) -> None:
    with np.load(golden / "edge_cases_alpha_0.80.npz") as data:
        samples, expected = data[f"{case}__input"], data[f"{case}__v2"]
    assert np.abs(through(samples, 0.8) - expected).max() <= 1e-5 * np.abs(expected).max()


def test_silence_and_constant_input_keep_the_level_of_the_baseline(golden: Path) -> None:
    with np.load(golden / "edge_cases_alpha_0.80.npz") as data:
        silence = through(data["silence_0p5s__input"], 0.8)
        constant, expected = through(data["dc_0p25__input"], 0.8), data["dc_0p25__v2"]
    assert np.abs(silence).max() <= 2e-7
    assert np.abs(constant).max() == pytest.approx(np.abs(expected).max(), rel=0.1)


@given(st.lists(st.integers(0, 2500), max_size=12), st.sampled_from(list(Level)), st.floats(0.5, 0.9))
@settings(max_examples=40, deadline=None)
def test_no_cutting_into_blocks_changes_a_bit(cuts: list[int], level: Level, coefficient: float) -> None:
    samples = tone()
    assert np.array_equal(through(samples, coefficient, level, tuple(cuts)), through(samples, coefficient, level))


@given(st.integers(0, 1000), st.sampled_from(list(Level)))
def test_as_many_samples_come_out_as_went_in(length: int, level: Level) -> None:
    out = through(tone()[:length], 0.8, level, (100,))
    covered = (length - FRAME) // HOP * HOP + FRAME if length >= FRAME else 0
    assert len(out) == length
    assert not out[covered:].any()


@pytest.mark.parametrize(("level", "longest"), [(Level.FREE, FRAME), (Level.MATCHED, FRAME + HOP)])
def test_no_sample_waits_longer_than_a_frame_or_a_hop_more_where_levels_are_matched(level: Level, longest: int) -> None:
    stream, out = McAdams(level), 0
    for pushed in range(1, 2000):
        out += len(stream.push(np.zeros(1), 0.8))
        assert pushed - out < longest


def test_each_frame_is_altered_by_its_own_coefficient() -> None:
    samples = tone()
    stream = McAdams(Level.FREE)
    coefficients = np.where(np.arange(stream.frames_after(len(samples))) < 40, 0.6, 0.9)
    out = stream.push(samples, coefficients)
    assert np.array_equal(out[: 40 * HOP], through(samples, 0.6)[: 40 * HOP])
    assert np.array_equal(out[41 * HOP :], through(samples, 0.9)[41 * HOP : len(out)])


def test_coefficients_that_do_not_fit_the_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        McAdams(Level.FREE).push(np.zeros(960), np.full(3, 0.8))


def test_a_coefficient_of_one_gives_the_sound_back() -> None:
    samples = tone()
    out = through(samples, 1.0)
    middle = slice(FRAME, -FRAME)
    assert np.abs(out[middle] - samples[middle]).max() < 0.004 * np.abs(samples).max()


@pytest.mark.parametrize("coefficient", [0.5, 0.65, 0.8, 0.9])
def test_level_matching_keeps_the_energy_contour_of_speech(golden: Path, coefficient: float) -> None:
    for name in SPEECH:
        with np.load(golden / f"{name}.npz") as data:
            samples = data["input_int16"] / 32768.0
        out = through(samples, coefficient, Level.MATCHED)
        assert correlation(samples, out) >= 0.97
        assert np.sqrt(np.mean(out**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=0.1)


def test_digital_silence_stays_digital_silence() -> None:
    assert not through(np.zeros(2000), 0.6, Level.MATCHED).any()


def test_values_that_are_not_finite_count_as_silence() -> None:
    broken, mended = tone(), tone()
    broken[1000:1003] = np.nan, np.inf, -np.inf
    mended[1000:1003] = 0.0
    assert np.array_equal(through(broken, 0.7), through(mended, 0.7))


DEGENERATE = {
    "constant": np.full(1000, 0.9),
    "minus full scale": np.full(1000, -1.0),
    "one impulse": np.eye(1, 1000, 500)[0],
    "square": np.sign(np.sin(np.arange(1000) / 7)),
    "alternating": np.where(np.arange(1000) % 2, 1.0, -1.0),
    "pure tone": np.sin(np.arange(1000) / 3),
    "ramp": np.linspace(-1, 1, 1000),
    "denormal": np.full(1000, 5e-324),
    "only NaN": np.full(1000, np.nan),
}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_sound_gives_finite_sound(name: str, level: Level) -> None:
    assert np.isfinite(through(DEGENERATE[name], 0.5, level)).all()


@given(arrays(np.float64, st.integers(320, 700), elements=st.floats(-2, 2, width=32)), st.floats(0.3, 1.0))
@settings(max_examples=60, deadline=None)
def test_any_sound_gives_finite_sound(samples: Reals, coefficient: float) -> None:
    assert np.isfinite(through(samples, coefficient, Level.MATCHED)).all()


@given(arrays(np.float64, (3, 40), elements=st.floats(-1, 1, width=32)))
@settings(deadline=None)
def test_burg_predicts_with_poles_inside_the_unit_circle(frames: Reals) -> None:
    assert np.abs(poles(burg(frames, 6))).max() <= 1 + 1e-6


def test_the_window_is_the_square_root_of_a_symmetric_hann_window() -> None:
    overlapped = WINDOW[:HOP] ** 2 + WINDOW[HOP:] ** 2
    assert overlapped.min() == pytest.approx(0.9982, abs=1e-4)
    assert overlapped.max() == pytest.approx(1.0031, abs=1e-4)
