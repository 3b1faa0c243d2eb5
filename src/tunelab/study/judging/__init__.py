"""The judge: the last stage of a study, which compares, corrects, and writes the verdicts."""
