"""Memory: what a training step takes, by closed formulas, by a trace without memory, by running."""
