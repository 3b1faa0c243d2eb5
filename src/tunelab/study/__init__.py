"""The study: its file, the names in it, its stages in order, and the folder of a run."""
