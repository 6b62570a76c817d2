"""Plant a known change in a model, and see whether a comparison finds it."""
