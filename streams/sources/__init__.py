"""Sources of raw media: files now, devices and networks later."""
