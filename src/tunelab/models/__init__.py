"""Models: their names, where their weights come from, and loading them."""
