"""Curves that say how far more compute goes: one law a file, with `fit`, `predict`, and `invert` where it exists."""
