"""The pages, one a file: their components, and the functions that the buttons call."""
