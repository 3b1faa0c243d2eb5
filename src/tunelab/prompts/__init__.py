"""Prompts: one renderer for training and for asking, labels masked by position."""
