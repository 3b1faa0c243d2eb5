"""How accuracy grows with the number of labelled rows, and from how many fine-tuning pays."""
