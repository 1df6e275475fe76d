"""Body language: events of non-facial body language, detected live or replayed from annotations."""
