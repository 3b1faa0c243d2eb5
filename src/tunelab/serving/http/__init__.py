"""`tunelab serve`: classifiers and language models behind HTTP."""
