"""What the statistics promise, measured: false alarms, uniform p, coverage, family-wise error, memory, recall."""
