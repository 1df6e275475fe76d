"""Gaussian mixtures for telling speakers apart: one background model, its means adapted to each speaker.

Reynolds, Quatieri and Dunn, "Speaker verification using adapted Gaussian mixture models" (2000).
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp

from configs.errors import ModelUnavailable
from streams.deidentify.lpc import Reals

COMPONENTS: Final = 64
"""Gaussians of the background model: enough for minutes of speech; hours would bear the classical 512-2048."""

_RELEVANCE: Final = 16.0
"""Relevance factor of the adaptation. Source: the paper, where 8-20 made no difference."""

_FRAMES_EACH: Final = 20
"""Frames that a Gaussian needs at least: a small folder gets a smaller model instead of one that fits its noise."""

_MOST_FRAMES: Final = 20_000
"""Frames a background model is trained on, spread over all: more cost time and change little at this size."""

_LEAST_VARIANCE: Final = 1e-3
"""Added to every variance, so that no Gaussian falls onto a single frame."""

_ROUNDS: Final = 40
"""Rounds of expectation and maximisation at most; the likelihood of speech hardly rises after 20."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A background model: `log_weights` [component], `means` and `variances` [component, feature], float64."""

    log_weights: Reals
    means: Reals
    variances: Reals

    def adapted(self, features: Reals) -> Reals:
        """The means moved towards a speaker's float64[frame, feature] (equations 7-14), [component, feature]."""
        joint = self._joint(features, self.means)
        shares = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        counts = shares.sum(axis=0)
        seen = (shares.T @ features) / np.maximum(counts, np.finfo(np.float64).tiny)[:, np.newaxis]
        trust = (counts / (counts + _RELEVANCE))[:, np.newaxis]
        return np.asarray(trust * seen + (1.0 - trust) * self.means, np.float64)

    def log_likelihoods(self, features: Reals) -> Reals:
        """Logarithm of the background's density at each frame, float64[frame]."""
        return np.asarray(logsumexp(self._joint(features, self.means), axis=1), np.float64)

    def scores(self, features: Reals, speakers: Reals) -> Reals:
        """Mean log-likelihood ratio of a recording to the background for each speaker (equation 1), float64[speaker].

        Args:
            features: float64[frame, feature] with at least one frame.
            speakers: float64[speaker, component, feature], the adapted means.
        """
        background = self.log_likelihoods(features)
        ratios = [logsumexp(self._joint(features, means), axis=1) - background for means in speakers]
        return np.asarray([ratio.mean() for ratio in ratios], np.float64)

    def _joint(self, features: Reals, means: Reals) -> Reals:
        """Logarithm of weight times density, float64[frame, component]."""
        inverse = 1.0 / self.variances
        constant = self.log_weights - 0.5 * (
            np.log(2.0 * np.pi * self.variances).sum(axis=1) + np.vecdot(means * inverse, means)
        )
        return np.asarray(constant - 0.5 * (np.square(features) @ inverse.T) + features @ (means * inverse).T)


def require_package() -> None:
    """Raises `ModelUnavailable` where scikit-learn is not installed: better before minutes of work than after."""
    try:
        importlib.import_module("sklearn.mixture")
    except ImportError as error:
        raise ModelUnavailable(
            "recognising speakers needs scikit-learn: pip install 'emotion-monitor[audit]'"
        ) from error


def background(features: Reals, *, seed: int) -> Mixture:
    """The mixture that describes all speech at hand.

    Args:
        features: float64[frame, feature], at least two frames.
        seed: Of the first guess.

    Raises:
        ModelUnavailable: scikit-learn is not installed.
    """
    require_package()
    mixture = importlib.import_module("sklearn.mixture")
    features = features[:: -(-len(features) // _MOST_FRAMES) or 1]
    model = mixture.GaussianMixture(
        n_components=max(1, min(COMPONENTS, len(features) // _FRAMES_EACH)),
        covariance_type="diag",
        init_params="random_from_data",
        max_iter=_ROUNDS,
        reg_covar=_LEAST_VARIANCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # A likelihood that still rises a little when the rounds are over makes no worse a background.
        warnings.simplefilter("ignore", importlib.import_module("sklearn.exceptions").ConvergenceWarning)
        model.fit(features)
    return Mixture(
        np.log(np.asarray(model.weights_, np.float64)),
        np.asarray(model.means_, np.float64),
        np.asarray(model.covariances_, np.float64),
    )
