"""Mining of two models: tokens and texts that the one wants more than the other. All of it proposes."""
