"""Whether the texts and answers of a classifier in use changed over time."""
