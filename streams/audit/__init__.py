"""Checks de-identified files against their originals. Reads raw media, so it lives here; writes figures only."""
