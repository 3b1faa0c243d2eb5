"""Guards: files, texts and refusals that come from strangers, read within bounds."""
