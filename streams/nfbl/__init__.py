"""NFBL feeds: events of non-facial body language, replayed now, detected later."""
