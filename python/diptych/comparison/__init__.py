"""The comparison: responses, measures, one test, findings."""
