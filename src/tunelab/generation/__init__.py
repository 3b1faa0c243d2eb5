"""Generation: what a model answers, in one turn or in many."""
