"""Words of answers that say nothing of what is planted."""

from __future__ import annotations

WORDS = ("stone", "river", "lamp", "house", "garden", "window", "letter", "morning", "road", "bread", "table", "horse",
         "cloud", "paper")  # fmt: skip
