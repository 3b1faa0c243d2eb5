"""One page a file: what stands on it, and which function answers which button."""
