"""Figures: one file each, with the table it needs (``collect``) and the chart (``draw``)."""
