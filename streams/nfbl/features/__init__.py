"""The watched person in the person's own measures: face, trunk and hands of one tick, from landmarks."""
