"""A journal as files for other programs: tables, ELAN tiers, subtitles."""
