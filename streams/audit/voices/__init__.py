"""What can still be heard of voices: levels and pitch, and who is recognised by them."""
