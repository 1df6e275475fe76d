"""Evaluation: what is reported of body language held against what people labelled."""
