"""Where the cells of a study are run: here one after the other, or on the workers of Ray."""
