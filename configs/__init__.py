"""Settings, profiles, the NFBL taxonomy and the error family: what every floor may import."""
