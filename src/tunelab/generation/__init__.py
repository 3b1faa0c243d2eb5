"""Generation: what a model answers."""
