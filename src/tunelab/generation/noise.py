"""Random numbers that depend on the seed, the prompt and the position alone.

A generator that a batch shares would give a row other numbers in another batch. Here each number
is a hash of the seed, the prompt, the sample and the position, so that an answer is the same
alone, in any batch, and when it is continued after an interrupt.
"""

import hashlib
from collections.abc import Sequence


def noise_key(seed: int, prompt: Sequence[int]) -> bytes:
    """The key of all draws of a prompt's answers, made of the seed and the prompt's token ids."""
    content = f"{seed}:{','.join(map(str, prompt))}".encode()
    return hashlib.blake2b(content, digest_size=32).digest()


def uniform(key: bytes, sample: int, position: int) -> float:
    """A number from 0 (included) to 1 (excluded) for the token at a position of a sample."""
    digest = hashlib.blake2b(f"{sample}:{position}".encode(), key=key, digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
