"""Training: one loop for every method, that runs only what a short answer needs."""
