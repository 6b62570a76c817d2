"""Differences planted at known doses: how many a comparison finds, and how much of what it finds is false."""
