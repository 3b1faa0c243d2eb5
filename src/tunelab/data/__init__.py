"""Labelled text: where it comes from, how it is sampled, and what is wrong with it."""
