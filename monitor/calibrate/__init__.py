"""Fitting a judge's stated probabilities to labels."""
