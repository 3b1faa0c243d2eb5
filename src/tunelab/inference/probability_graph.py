"""Models as one function from token ids to probabilities, as graphs of other runtimes hold them."""

from typing import Any

import torch

from tunelab.inference.sentence_embeddings import pool


class EncoderProbabilities(torch.nn.Module):
    """An encoder, the vector of a text, and the layers that label it.

    ``mode`` is mean or cls; ``normalize``: whether vectors are brought to length 1. ``head`` makes
    logits (texts, labels) of vectors (texts, width).
    """

    def __init__(self, encoder: Any, head: Any, *, mode: str, normalize: bool) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.mode, self.normalize = mode, normalize

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Probabilities (texts, labels) of token ids and their mask, both (texts, tokens)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        vectors = pool(hidden.float(), attention_mask, self.mode)
        if self.normalize:
            vectors = torch.nn.functional.normalize(vectors, dim=-1)
        logits: torch.Tensor = self.head(vectors)
        return logits.softmax(-1)


class LastTokenProbabilities(torch.nn.Module):
    """A causal model whose output layer is a head; padding stands behind the prompts."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Probabilities (texts, labels) of token ids and their mask, both (texts, tokens)."""
        logits = self.model(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False
        ).logits
        last = attention_mask.sum(1) - 1
        found: torch.Tensor = logits[torch.arange(logits.shape[0]), last].float()
        return found.softmax(-1)
