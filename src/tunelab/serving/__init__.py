"""Serving: after training; predict, export, model cards, upload."""
