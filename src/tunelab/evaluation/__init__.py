"""Evaluation: labels parsed from answers, metrics, and the baselines to beat."""
