"""From clean records to verdicts: scheduling, description, judgement, estimate, journal, outputs."""
