"""Probabilities and log-odds."""

from __future__ import annotations

import math


def logit(p: float) -> float:
    """Log-odds of a probability strictly between 0 and 1."""
    return math.log(p / (1 - p))


def logistic(log_odds: float) -> float:
    """The probability with these log-odds."""
    return 1 / (1 + math.exp(-log_odds))
