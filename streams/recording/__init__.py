"""De-identified media as files: writes what `streams/deidentify/` released, and nothing else."""
