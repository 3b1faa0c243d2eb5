"""Statistics: intervals, paired tests, corrections for many tests, power."""
