"""The dashboard: one screen in a terminal, drawn from snapshots, with keys."""
