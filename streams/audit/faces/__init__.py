"""What can still be seen of faces: pixel by pixel, by detectors, by recognisers."""
