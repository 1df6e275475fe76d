"""What may be kept: de-identified records and the rolling buffers (the horizon) that hold them."""
