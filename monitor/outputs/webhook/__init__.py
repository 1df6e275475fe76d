"""Verdicts and changes of state as signed HTTP requests."""
