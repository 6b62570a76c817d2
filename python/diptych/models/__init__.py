"""Models that answer: named, asked, and never asked twice."""
