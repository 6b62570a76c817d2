"""Small things that every layer above may use."""
