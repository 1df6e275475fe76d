"""Trials of speaker recognition and what they say: equal error rate and top-1, each with how sure it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.deidentify.lpc import Reals

RESAMPLES: Final = 1000
"""Bootstrap samples: a bound of a 95 % interval then rests on 25 of them."""

_INTERVAL: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Share:
    """A share 0-1 with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Scores of test recordings against every speaker: `scores` float64[test, speaker], `true` int64[test]."""

    scores: Reals
    true: NDArray[np.int64]

    @property
    def targets(self) -> Reals:
        """Scores against the true speaker, float64[test]."""
        return np.asarray(self.scores[np.arange(len(self.true)), self.true], np.float64)

    @property
    def impostors(self) -> Reals:
        """Scores against the other speakers, float64[test, speaker - 1]."""
        others = np.arange(self.scores.shape[1]) != self.true[:, np.newaxis]
        return np.asarray(self.scores[others], np.float64).reshape(len(self.true), -1)

    def equal_error(self, rng: np.random.Generator) -> Share:
        """Where as many true speakers are refused as others are accepted.

        Whole test recordings are drawn again, not single trials: the trials of one recording hang together.
        """
        targets, impostors = self.targets, self.impostors
        drawn = self._drawn(rng)
        rates = [equal_error_rate(targets[rows], impostors[rows].reshape(-1)) for rows in drawn]
        return _with_interval(equal_error_rate(targets, impostors.reshape(-1)), np.array(rates))

    def top_1(self, rng: np.random.Generator) -> Share:
        """Share of test recordings whose true speaker has the highest score."""
        hits = (self.scores.argmax(axis=1) == self.true).astype(np.float64)
        return _with_interval(float(hits.mean()), hits[self._drawn(rng)].mean(axis=1))

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.int64]:
        return rng.integers(len(self.true), size=(RESAMPLES, len(self.true)))


def equal_error_rate(targets: Reals, impostors: Reals) -> float:
    """Rate at which false refusals equal false acceptances, between the two thresholds where they cross, 0-1.

    Args:
        targets: float64[n], n >= 1, scores that should be high.
        impostors: float64[m], m >= 1, scores that should be low.
    """
    targets, impostors = np.sort(targets), np.sort(impostors)
    thresholds = np.append(np.union1d(targets, impostors), np.inf)
    refused = np.searchsorted(targets, thresholds) / len(targets)
    accepted = 1.0 - np.searchsorted(impostors, thresholds) / len(impostors)
    # `refused` rises from 0 to 1 and `accepted` falls from 1 to 0, so they cross after the first threshold.
    after = int(np.argmax(refused >= accepted))
    gaps = accepted[after - 1 : after + 1] - refused[after - 1 : after + 1]
    part = gaps[0] / (gaps[0] - gaps[1])
    return float(refused[after - 1] + part * (refused[after] - refused[after - 1]))


def _with_interval(value: float, resampled: Reals) -> Share:
    low, high = np.percentile(resampled, _INTERVAL)
    return Share(value, float(low), float(high))
