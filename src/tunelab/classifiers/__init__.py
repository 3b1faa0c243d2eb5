"""Classifiers: what labels texts, from training to the labels of new texts."""
