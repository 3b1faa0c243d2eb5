"""Sweeps: the settings of a method are searched, and the best is compared with the study's own."""
