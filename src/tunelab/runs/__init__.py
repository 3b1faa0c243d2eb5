"""Runs: the run folder, its records, seals and stages; read and written here alone."""
