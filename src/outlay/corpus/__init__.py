"""Documents to answer from: read, cut into passages, and found by their words. Nothing here asks a model."""
