"""Classifiers: what labels texts, by scikit-learn's contract."""
