"""The vectors of texts by an encoder, from the cache where they are in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunelab.inference.sentence_embeddings import embed
from tunelab.models.embedding_cache import Vector, keep_vectors, read_vectors
from tunelab.models.encoders import LoadedEncoder

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class EmbeddedTexts:
    """``vectors``: array (texts, width), float32.

    ``seconds`` is what encoding took, of a text from the cache when it was encoded. ``cut`` counts
    the texts that were cut to fit.
    """

    vectors: "np.ndarray"
    seconds: float
    cut: int


def embed_texts(encoder: LoadedEncoder, texts: Sequence[str], *, title: str = "") -> EmbeddedTexts:
    """The vector of each text; what is not in the cache is encoded, each text once.

    Raises:
        RunError: the encoder cannot be run.
    """
    import numpy as np

    different = list(dict.fromkeys(texts))
    known = read_vectors(encoder.key, different)
    missing = [text for text in different if text not in known]
    if missing or not texts:
        ids = [token_ids(encoder, text) for text in missing]
        found = embed(
            encoder.model,
            [row for row, _ in ids],
            pad_token=encoder.tokenizer.pad_token_id,
            mode=encoder.pooling.mode,
            normalize=encoder.pooling.normalize,
            title=title,
        )
        if not texts:
            return EmbeddedTexts(found.vectors, 0.0, 0)
        fresh = {
            text: Vector(values, seconds, cut)
            for text, values, seconds, (_, cut) in zip(
                missing, found.vectors, found.seconds, ids, strict=True
            )
        }
        keep_vectors(encoder.key, fresh)
        known |= fresh
    rows = [known[text] for text in texts]
    return EmbeddedTexts(
        np.stack([row.values for row in rows]),
        sum(row.seconds for row in rows),
        sum(row.cut for row in rows),
    )


def token_ids(
    encoder: LoadedEncoder, text: str, most_tokens: int | None = None
) -> tuple[list[int], bool]:
    """The token ids of a text with the special ones, and whether it was cut.

    ``most_tokens``: None for those of the encoder.
    """
    pooling, tokenizer, most = encoder.pooling, encoder.tokenizer, most_tokens
    most = encoder.most_tokens if most is None else most
    given = pooling.prefix + (text.lower() if pooling.lower else text)
    ids: list[int] = tokenizer(given, verbose=False)["input_ids"]
    # A tokenizer without special tokens gives none for an empty text.
    ids = ids or [int(tokenizer.pad_token_id)]
    if len(ids) <= most:
        return ids, False
    return tokenizer(given, truncation=True, max_length=most)["input_ids"], True
