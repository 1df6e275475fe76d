"""Perception model files: what they are, where they lie, how they are fetched and built."""
