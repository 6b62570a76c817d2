"""Search for prompts on which two models differ: a model proposes them, natural samples of both say how far they do."""
