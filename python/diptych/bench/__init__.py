"""Benchmarks with a known answer: synthetic corpora and the differences planted in them."""
