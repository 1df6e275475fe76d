"""Measuring a describer and a judge on labelled recordings, as EALD-MLLM was measured."""
