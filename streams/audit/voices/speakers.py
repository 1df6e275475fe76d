"""Whether altered voices are recognised again, by a classical and weak attacker: a lower bound of what leaks.

MFCC and a Gaussian mixture adapted to each speaker. Stronger attackers are published and succeed more often; a high
error here promises nothing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from buffers.records import AUDIO_RATE_HZ
from configs.errors import ConfigError
from configs.settings import VoiceMode, VoiceSettings
from streams.audit.voices.attacks import GUESSES, Altered, altered, features, guessed, seconds, timbre, undone
from streams.audit.voices.corpus import Corpus
from streams.audit.voices.gmm import Mixture, background, require_package
from streams.audit.voices.trials import Share, Trials
from streams.deidentify.lpc import Reals
from streams.deidentify.mcadams import Level

WARNING: Final = (
    "WEAK ATTACKER: 64 Gaussians on cepstra, trained on minutes of speech. Trained networks do far\n"
    "better: in the VoicePrivacy Challenge 2024 they reach 4.5 % EER semi-informed on this kind of\n"
    "altering (B2), no worse than on the unaltered recordings (4.6 %). Read every EER as an upper bound\n"
    "of privacy: altered is not anonymous."
)
"""Printed with every table. Source: the challenge's published results, test sets, women and men averaged."""

_PRACTICE: Final = 3
"""Draws of λ with which the attacker alters each recording of his own. Three made him stronger than one: 7.4 % EER
instead of 15.0 % semi-informed on ten speakers."""

_BACKGROUNDS: Final = 3
_LEARN_STEPS: Final = 2
_GUESS_STEPS: Final = 12
"""Background models of each fold, and what they (for each recording in them) and guessing λ cost, in alterings of one
recording; measured, for the progress told."""

_LEVELS: Final = {VoiceMode.LEVEL_MATCHED: Level.MATCHED, VoiceMode.REFERENCE: Level.FREE}


_MEANING_WIDTH: Final = 36
"""Columns for what an attack does: the table fits into 98, those of the audit's."""


class Attack(StrEnum):
    """What the attacker has and does; the tested recordings are altered in all but the first."""

    ORIGINAL = "original - original"
    IGNORANT = "ignorant"
    LAZY = "lazy-informed"
    SEMI = "semi-informed"
    KNOWN = "coefficient known"
    BLIND = "blind inversion"


MEANINGS: Final = {
    Attack.ORIGINAL: "nothing altered: how well this attacker does at best",
    Attack.IGNORANT: "knows plain voices, does not know that the tested ones are altered",
    Attack.LAZY: "alters the voices he knows too, with draws of his own",
    Attack.SEMI: "also trains his background model on voices altered so",
    Attack.KNOWN: "knows each λ and undoes it with 1/λ",
    Attack.BLIND: f"undoes each segment with {GUESSES} guesses of λ, keeps the likeliest",
}
"""What each attack does, for tables."""


@dataclass(frozen=True, slots=True)
class AttackResult:
    """How one attack went: 0.5 is chance for the equal error rate, one by the number of speakers for top-1."""

    attack: Attack
    equal_error_rate: Share
    top_1: Share
    coefficient_error: float | None = None
    """Mean absolute error of the guessed λ, of the blind inversion only."""


@dataclass(frozen=True, slots=True)
class SpeakerReport:
    """Re-identification over a folder of speakers. `coefficients` says in words what λ was."""

    speakers: int
    recordings: int
    target_trials: int
    impostor_trials: int
    speech_s: float
    mode: VoiceMode
    coefficients: str
    results: tuple[AttackResult, ...]

    @property
    def chance_top_1(self) -> float:
        """Top-1 of somebody who guesses."""
        return 1.0 / self.speakers


def reidentify(
    folder: Path, settings: VoiceSettings, *, seed: int, reach: Callable[[float, float | None], None] | None = None
) -> SpeakerReport:
    """Try to recognise the speakers of a folder again after their voices were altered.

    Args:
        folder: Holds one folder of recordings (at any depth) for each speaker; each speaker needs two recordings.
        settings: How the voices are altered.
        seed: Of the draws of λ, the background models and the intervals; the same gives the same figures.
        reach: Told how many seconds of sound of how many are done, every few seconds: it may raise to end this.

    Raises:
        ConfigError: The folder does not hold that, or the settings keep no sound.
        SourceUnreadable: A recording cannot be read or holds no speech.
        ModelUnavailable: scikit-learn is not installed.
    """
    level = _LEVELS.get(settings.mode)
    if level is None:
        raise ConfigError(
            f"voice.mode {settings.mode} keeps no sound, so no voice can be recognised; use level-matched"
        )
    require_package()
    corpus = Corpus.read(folder)
    # With a fixed λ every draw is the same.
    draws = _PRACTICE if settings.coefficient is None else 1
    work = _Work(corpus, draws, reach)
    victim, attacker, bootstrap = (np.random.default_rng([seed, use]) for use in range(3))

    def changed(samples: Reals, rng: np.random.Generator) -> Altered:
        work.done()
        return altered(samples, settings, level, rng)

    released = [changed(samples, victim) for samples in corpus.sounds]
    practice = [[changed(samples, attacker).samples for _ in range(draws)] for samples in corpus.sounds]
    grid = np.linspace(*settings.coefficient_range, GUESSES)
    trials, error = _tried(corpus, released, practice, grid, seed=seed, work=work)
    return SpeakerReport(
        speakers=len(corpus.speakers),
        recordings=len(corpus.sounds),
        target_trials=len(corpus.sounds),
        impostor_trials=len(corpus.sounds) * (len(corpus.speakers) - 1),
        speech_s=sum(seconds(spoken) for _, spoken in map(features, corpus.sounds)),
        mode=settings.mode,
        coefficients=_in_words(settings),
        results=tuple(
            AttackResult(
                attack,
                each.equal_error(bootstrap),
                each.top_1(bootstrap),
                coefficient_error=error if attack is Attack.BLIND else None,
            )
            for attack, each in trials.items()
        ),
    )


def table(report: SpeakerReport | str) -> str:
    """The report as aligned text, with what it cannot show; or why there is none."""
    if isinstance(report, str):
        return f"not tried: {report}"
    trials = f"{report.target_trials} target and {report.impostor_trials} impostor trials"
    lines = [
        f"{report.speakers} speakers, {report.recordings} recordings, {report.speech_s:.0f} s of speech; {trials}",
        f"{report.mode}, {report.coefficients}; in brackets 95 % bootstrap intervals",
        f"{'':<20}{'EER %':>18}{'top-1 %':>22}  attacker",
    ]
    for result in report.results:
        meaning = MEANINGS[result.attack]
        if result.coefficient_error is not None:
            meaning += f" (mean error {result.coefficient_error:.2f})"
        first, *further = textwrap.wrap(meaning, _MEANING_WIDTH)
        lines.append(f"{result.attack:<20}{_cell(result.equal_error_rate):>18}{_cell(result.top_1):>22}  {first}")
        lines += [f"{'':62}{part}" for part in further]
    lines.append(f"{'chance':<20}{'50.0':>5}{'':13}{100 * report.chance_top_1:>9.1f}")
    return "\n".join([*lines, WARNING])


class _Work:
    """How much of the work is done, in seconds of the folder's sound. One recording altered once is one step."""

    def __init__(self, corpus: Corpus, draws: int, reach: Callable[[float, float | None], None] | None) -> None:
        """Nothing is done; each recording is altered once and `draws` times by the attacker, and attacked."""
        count = len(corpus.sounds)
        folds = len(np.unique(corpus.folds))
        learnt = _BACKGROUNDS * _LEARN_STEPS * (folds - 1)
        self._steps = count * (1 + draws + learnt + _GUESS_STEPS)
        self._sound_s = sum(map(len, corpus.sounds)) / AUDIO_RATE_HZ
        self._done = 0
        self._reach = reach

    def done(self, steps: int = 1) -> None:
        """So many steps more."""
        self._done += steps
        if self._reach is not None:
            self._reach(self._sound_s * self._done / self._steps, self._sound_s)


def _tried(
    corpus: Corpus,
    released: Sequence[Altered],
    practice: Sequence[Sequence[Reals]],
    grid: Reals,
    *,
    seed: int,
    work: _Work,
) -> tuple[dict[Attack, Trials], float]:
    """All attacks on all recordings, and the mean error of the guesses of λ."""
    plain = [features(samples)[0] for samples in corpus.sounds]
    timbres = [timbre(samples)[0] for samples in corpus.sounds]
    heard = [features(each.samples)[0] for each in released]
    own = [np.concatenate([features(samples)[0] for samples in draws]) for draws in practice]
    inverse = [features(undone(each.samples, each.coefficients))[0] for each in released]
    scores = {attack: np.zeros((len(plain), len(corpus.speakers))) for attack in Attack}
    errors = []
    for fold in np.unique(corpus.folds):
        enrolled, tested = np.flatnonzero(corpus.folds != fold), np.flatnonzero(corpus.folds == fold)

        def learnt(recordings: Sequence[Reals], chosen: NDArray[np.int64] = enrolled) -> Mixture:
            work.done(_LEARN_STEPS * len(chosen))
            return background(np.concatenate([recordings[index] for index in chosen]), seed=seed)

        world, altered_world = learnt(plain), learnt(own)
        known = _adapted(world, plain, corpus.owners, enrolled)
        lazy = _adapted(world, own, corpus.owners, enrolled)
        semi = _adapted(altered_world, own, corpus.owners, enrolled)
        usual = learnt(timbres)
        for index in tested.tolist():
            work.done(_GUESS_STEPS)
            guess = guessed(released[index], usual, grid)
            errors.append(float(np.abs(guess - released[index].coefficients).mean()))
            scores[Attack.ORIGINAL][index] = world.scores(plain[index], known)
            scores[Attack.IGNORANT][index] = world.scores(heard[index], known)
            scores[Attack.LAZY][index] = world.scores(heard[index], lazy)
            scores[Attack.SEMI][index] = altered_world.scores(heard[index], semi)
            scores[Attack.KNOWN][index] = world.scores(inverse[index], known)
            scores[Attack.BLIND][index] = world.scores(features(undone(released[index].samples, guess))[0], known)
    return {attack: Trials(each, corpus.owners) for attack, each in scores.items()}, float(np.mean(errors))


def _adapted(
    world: Mixture, recordings: Sequence[Reals], owners: NDArray[np.int64], enrolled: NDArray[np.int64]
) -> Reals:
    """The means of every speaker, float64[speaker, component, feature]."""
    return np.stack(
        [
            world.adapted(np.concatenate([recordings[index] for index in enrolled if owners[index] == speaker]))
            for speaker in range(int(owners.max()) + 1)
        ]
    )


def _in_words(settings: VoiceSettings) -> str:
    if settings.coefficient is not None:
        return f"λ fixed at {settings.coefficient:g}"
    low, high = settings.coefficient_range
    return f"λ drawn from {low:g}-{high:g} for each segment"


def _cell(share: Share) -> str:
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
