"""Vectors of texts: encoders, and the cache that keeps what they gave."""
