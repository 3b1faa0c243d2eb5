"""Layers whose step costs less and comes to the same: see the docstring of each file."""
