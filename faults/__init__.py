"""Faults on purpose: commands are killed, starved and damaged, and end as if undisturbed."""
