"""Inference: packed rows and token trees; label scores and batched decoding on them."""
