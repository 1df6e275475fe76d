"""The only place where raw media exists: sources, de-identification, NFBL detection, ingest."""
