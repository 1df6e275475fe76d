"""`export`: a journal as the tables, annotations and cues that other programs read."""
