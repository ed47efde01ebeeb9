"""Facts, names, identities, settings and the one guard; standard library only."""
