"""Applications: each asks one kind of question with the shared layers, and none imports another."""
