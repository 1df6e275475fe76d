"""Cameras and microphones of this machine, by name."""
