"""A journal as one page that explains a session."""
