"""Speaker re-identification: its parts on made data, its errors, and that the stronger attacker wins on real speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.io import wavfile

from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError, ModelUnavailable, SourceUnreadable
from configs.settings import VoiceMode, VoiceSettings
from streams.audit.voices.attacks import altered, features, guessed, timbre, undone
from streams.audit.voices.gmm import Mixture, background
from streams.audit.voices.speakers import MEANINGS, Attack, AttackResult, SpeakerReport, reidentify, table
from streams.audit.voices.trials import Share, Trials, equal_error_rate
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import Level
from streams.speechlike import LIVELY, Manner, Utterance, speak

pytestmark = pytest.mark.unit


def voice(seconds: float, seed: int, pitch_hz: float = 135.0) -> Reals:
    manner = Manner(pitch_hz, LIVELY.spread_hz, LIVELY.pause_s, LIVELY.syllables_hz)
    sound = speak((Utterance(0.1, seconds - 0.1, manner),), seconds, np.random.default_rng(seed))
    return sound.astype(np.float64)


def save(path: Path, samples: Reals) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, AUDIO_RATE_HZ, np.round(samples * 20000).astype(np.int16))


TWO_SEGMENTS = np.concatenate([voice(1.5, 1), np.zeros(AUDIO_RATE_HZ), voice(1.5, 2)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made speakers who each say one thing twice, the second time over a little noise."""
    root = tmp_path_factory.mktemp("speakers")
    noise = np.random.default_rng(9).normal(0.0, 0.002, 24000)
    for name, said in (("ann", voice(1.5, 0)), ("bob/chapter", voice(1.5, 10, 105.0))):
        save(root / name / "1.wav", said)
        save(root / name / "2.wav", said + noise)
    (root / "LICENCE.txt").write_text("not a recording")
    (root / "bob" / "words.txt").write_text("neither")
    return root


# --- the error rates


def test_scores_that_do_not_overlap_have_no_error_and_reversed_ones_no_success() -> None:
    high, low = np.array([2.0, 3.0, 4.0]), np.array([-1.0, 0.0])
    assert equal_error_rate(high, low) == 0.0
    assert equal_error_rate(low, high) == 1.0


def test_equal_scores_leave_the_error_at_chance() -> None:
    assert equal_error_rate(np.zeros(4), np.zeros(9)) == pytest.approx(0.5)


def test_one_refused_of_four_against_one_accepted_of_four_is_a_quarter() -> None:
    assert equal_error_rate(np.array([0.5, 2, 3, 4]), np.array([-3, -2, -1, 1.0])) == pytest.approx(0.25)


scores = st.lists(st.integers(-10, 10), min_size=1, max_size=30).map(lambda values: np.array(values, np.float64))


@given(targets=scores, impostors=scores)
def test_scaling_and_moving_all_scores_leaves_the_error_rate(targets: Reals, impostors: Reals) -> None:
    rate = equal_error_rate(targets, impostors)
    assert 0.0 <= rate <= 1.0
    assert equal_error_rate(3.0 * targets + 1.0, 3.0 * impostors + 1.0) == pytest.approx(rate)


def test_the_interval_holds_the_value_and_narrows_with_more_recordings() -> None:
    rng = np.random.default_rng(4)

    def trials(count: int) -> Trials:
        true = np.arange(count) % 5
        made = rng.normal(0.0, 1.0, (count, 5))
        made[np.arange(count), true] += 1.5
        return Trials(made, true)

    few, many = trials(40), trials(1000)
    for found in (few.equal_error(rng), few.top_1(rng), many.equal_error(rng)):
        assert found.low <= found.value <= found.high
    wide, narrow = few.equal_error(rng), many.equal_error(rng)
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2


def test_trials_part_each_recording_into_one_target_and_the_impostors() -> None:
    trials = Trials(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([2, 0]))
    assert trials.targets.tolist() == [3.0, 4.0]
    assert trials.impostors.tolist() == [[1.0, 2.0], [5.0, 6.0]]
    assert trials.top_1(np.random.default_rng(0)).value == 0.5


# --- the mixture


def clouds(centres: list[float], seed: int) -> Reals:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(centre, 1.0, (200, 3)) for centre in centres])


def test_a_background_model_finds_the_clouds_of_its_data_and_its_density_is_right() -> None:
    mixture = background(clouds([-9.0, 9.0], 0)[::11], seed=1)
    assert len(mixture.means) == 1
    model = Mixture(np.log([0.5, 0.5]), np.array([[-9.0] * 3, [9.0] * 3]), np.ones((2, 3)))
    expected = np.log(0.5) - 1.5 * np.log(2 * np.pi)
    assert model.log_likelihoods(np.array([[9.0, 9.0, 9.0]])) == pytest.approx([expected])
    found = background(clouds([-9.0, 9.0], 0), seed=1)
    assert np.exp(found.log_weights)[found.means[:, 0] > 0].sum() == pytest.approx(0.5)
    assert np.abs(found.means).max() < 13.0


def test_means_move_to_what_a_speaker_said_and_stay_where_he_said_nothing() -> None:
    model = Mixture(np.log([0.5, 0.5]), np.array([[-9.0] * 3, [9.0] * 3]), np.ones((2, 3)))
    speaker = model.adapted(np.full((160, 3), 10.0))
    assert speaker[0] == pytest.approx([-9.0] * 3)
    assert speaker[1] == pytest.approx([9.0 + 160 / 176] * 3)
    same = model.scores(clouds([10.0], 3), np.stack([speaker, model.means]))
    assert same[0] > same[1] == pytest.approx(0.0)


def test_a_missing_scikit_learn_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.mixture", None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'emotion-monitor\[audit\]'"):
        background(np.zeros((40, 2)), seed=0)


# --- altering and undoing


def test_a_coefficient_is_drawn_for_each_segment_and_kept_within_it() -> None:
    made = altered(TWO_SEGMENTS, VoiceSettings(), Level.MATCHED, np.random.default_rng(6))
    assert len(made.samples) == len(TWO_SEGMENTS)
    assert set(made.segments) == {0, 1}
    assert len(set(made.coefficients)) == 2
    assert all(0.5 <= each <= 0.9 for each in made.coefficients)
    turn = int(np.argmax(made.segments)) * 160 / AUDIO_RATE_HZ
    assert 1.8 < turn < 2.5


def test_a_fixed_coefficient_is_used_everywhere() -> None:
    made = altered(TWO_SEGMENTS, VoiceSettings(coefficient=0.8), Level.MATCHED, np.random.default_rng(6))
    assert set(made.coefficients) == {0.8}


@pytest.mark.parametrize("coefficient", [0.6, 0.8])
def test_undoing_with_the_right_coefficient_brings_the_spectrum_back(coefficient: float) -> None:
    plain = voice(3.0, 3)
    settings = VoiceSettings(coefficient=coefficient)
    made = altered(plain, settings, Level.MATCHED, np.random.default_rng(0))

    def distance(samples: Reals) -> float:
        return float(np.abs(features(plain)[0].std(axis=0) - features(samples)[0].std(axis=0)).mean()) + float(
            np.abs(_mean_bands(plain) - _mean_bands(samples)).mean()
        )

    assert distance(undone(made.samples, made.coefficients)) < 0.5 * distance(made.samples)


def _mean_bands(samples: Reals) -> NDArray[np.float64]:
    spectrum = np.abs(np.fft.rfft(samples[: len(samples) // 320 * 320].reshape(-1, 320))).mean(axis=0)
    return np.asarray(np.log(spectrum + 1e-3), np.float64)


def test_features_are_of_speech_only_and_centred() -> None:
    values, spoken = features(TWO_SEGMENTS)
    assert values.shape == (len(spoken), 40)
    assert values.mean(axis=0) == pytest.approx(0.0, abs=1e-9)
    assert not np.isin(np.arange(170, 240), spoken).any()
    assert len(features(np.zeros(8000))[1]) == 0
    assert len(features(np.zeros(0))[1]) == 0


def test_a_guess_is_what_undone_sounds_most_like_plain_speech() -> None:
    plain = voice(4.0, 3)
    made = altered(plain, VoiceSettings(coefficient=0.6), Level.MATCHED, np.random.default_rng(0))
    usual = background(timbre(plain)[0], seed=0)
    assert set(guessed(made, usual, np.array([0.6, 0.9]))) == {0.6}
    assert set(guessed(made, usual, np.array([0.9]))) == {0.9}


# --- the whole


@pytest.fixture(scope="module")
def report(folder: Path) -> SpeakerReport:
    return reidentify(folder, VoiceSettings(), seed=1)


def test_two_made_speakers_are_recognised_and_every_attack_is_tried(report: SpeakerReport) -> None:
    assert (report.speakers, report.recordings, report.target_trials, report.impostor_trials) == (2, 4, 4, 4)
    assert tuple(result.attack for result in report.results) == tuple(Attack)
    assert report.results[0].top_1.value == 1.0
    assert report.chance_top_1 == 0.5
    assert [result.coefficient_error is not None for result in report.results] == [False] * 5 + [True]


def test_the_same_seed_gives_the_same_report(folder: Path, report: SpeakerReport) -> None:
    assert reidentify(folder, VoiceSettings(), seed=1) == report


def test_reference_mode_and_a_fixed_coefficient_are_told_in_the_report(folder: Path) -> None:
    made = reidentify(folder, VoiceSettings(mode=VoiceMode.REFERENCE, coefficient=0.8), seed=3)
    assert (made.mode, made.coefficients) == (VoiceMode.REFERENCE, "λ fixed at 0.8")


def test_a_folder_without_speakers_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: no such folder; name one that holds one folder of recordings"):
        reidentify(tmp_path / "nowhere", VoiceSettings(), seed=0)
    save(tmp_path / "alone.wav", voice(1.0, 0))
    with pytest.raises(ConfigError, match="recordings of no speaker, two are needed"):
        reidentify(tmp_path, VoiceSettings(), seed=0)
    save(tmp_path / "ann" / "1.wav", voice(1.0, 0))
    save(tmp_path / "ann" / "2.wav", voice(1.0, 0))
    with pytest.raises(ConfigError, match="recordings of 1 speaker, two are needed"):
        reidentify(tmp_path, VoiceSettings(), seed=0)
    save(tmp_path / "bob" / "1.wav", voice(1.0, 0))
    with pytest.raises(ConfigError, match="bob: holds one recording"):
        reidentify(tmp_path, VoiceSettings(), seed=0)


def test_a_silent_recording_is_named(folder: Path, tmp_path: Path) -> None:
    for speaker in ("ann", "bob"):
        for take in range(2):
            save(tmp_path / speaker / f"{speaker}{take}.wav", voice(1.5, take))
    save(tmp_path / "bob" / "bob1.wav", np.zeros(16000))
    with pytest.raises(SourceUnreadable, match=r"bob1\.wav: holds less than 0\.5 s of speech"):
        reidentify(tmp_path, VoiceSettings(), seed=0)


@pytest.mark.parametrize("mode", [VoiceMode.DROP, VoiceMode.FEATURES_ONLY])
def test_a_mode_that_keeps_no_sound_has_nothing_to_recognise(mode: VoiceMode, folder: Path) -> None:
    with pytest.raises(ConfigError, match=f"{mode} keeps no sound"):
        reidentify(folder, VoiceSettings(mode=mode), seed=0)


def test_the_table_says_what_every_attacker_does_and_how_weak_they_are() -> None:
    share = Share(0.25, 0.1, 0.4)
    results = tuple(
        AttackResult(attack, share, share, coefficient_error=0.07 if attack is Attack.BLIND else None)
        for attack in Attack
    )
    report = SpeakerReport(10, 40, 40, 360, 231.0, VoiceMode.LEVEL_MATCHED, "λ fixed at 0.8", results)
    shown = " ".join(table(report).split())
    for attack in Attack:
        assert f"{attack}" in shown
        assert MEANINGS[attack] in shown
    for words in (
        "25.0 [10.0, 40.0]",
        "40 target and 360 impostor",
        "mean error 0.07",
        "WEAK ATTACKER",
        "4.5 % EER",
        "chance 50.0 10.0 WEAK",
    ):
        assert words in shown
    assert max(map(len, table(report).splitlines())) <= 98


@pytest.mark.media
def test_on_real_speech_who_knows_the_coefficient_wins_over_who_knows_nothing(media_dir: Path, tmp_path: Path) -> None:
    corpus = media_dir / "speech" / "librispeech"
    for name in ("2609/2609-156975-0000", "2609/2609-156975-0003", "2414/2414-128291-0000", "2414/2414-128291-0003"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.flac").symlink_to(corpus / f"{name}.flac")
    report = reidentify(tmp_path, VoiceSettings(), seed=1)
    rates = {result.attack: result.equal_error_rate.value for result in report.results}
    assert rates[Attack.ORIGINAL] == 0.0
    assert rates[Attack.KNOWN] <= rates[Attack.IGNORANT]
