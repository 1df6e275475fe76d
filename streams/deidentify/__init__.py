"""De-identification, fail-closed: the only maker of clean records."""
