"""Recorded answers of models: the file that holds them, and the models that answer from it."""
