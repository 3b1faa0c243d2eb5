"""An encoder with a linear layer over the vector of a text: the logits of its labels."""

from contextlib import nullcontext
from typing import Any

import torch

from tunelab.inference.bidirectional_attention import (
    attention_layers,
    bidirectional_attention,
    texts_pack,
)
from tunelab.inference.text_packing import TextBatch
from tunelab.inference.virtual_tokens import virtual_keys, virtual_tokens

# The spread of a new head's weights, as of BERT's own layers.
_SPREAD = 0.02


class EncoderWithHead(torch.nn.Module):
    """``encoder``: of transformers, or PEFT's around one. The head has one output a label.

    The vector of a text is the mean of its own tokens or its first one, as the batch says; virtual
    tokens take no part in it.
    """

    def __init__(self, encoder: Any, labels: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.config.hidden_size, labels, device=self.device)
        torch.nn.init.normal_(self.head.weight, std=_SPREAD)
        torch.nn.init.zeros_(self.head.bias)
        self._layers: list[Any] | None = None

    @property
    def base(self) -> Any:
        """The encoder without PEFT's model around it; adapted layers are in it."""
        encoder = self.encoder
        return encoder.get_base_model() if hasattr(encoder, "get_base_model") else encoder

    @property
    def config(self) -> Any:
        """The encoder's configuration."""
        return self.base.config

    @property
    def device(self) -> Any:
        """Where the encoder is."""
        return self.base.device

    @property
    def virtual(self) -> int:
        """How many virtual tokens stand before each text as tokens."""
        return 0 if self.has_virtual_keys else virtual_tokens(self.encoder)

    @property
    def has_virtual_keys(self) -> bool:
        """Whether a soft prompt is in attention alone, as keys and values of each layer."""
        config = getattr(self.encoder, "active_peft_config", None)
        return getattr(config, "peft_type", None) == "PREFIX_TUNING"

    def get_base_model(self) -> Any:
        """The encoder, whose name messages give."""
        return self.base

    def get_input_embeddings(self) -> Any:
        """The embeddings of tokens."""
        return self.base.get_input_embeddings()

    def packs(self, rows: Any) -> bool:
        """Whether rows of token ids can be run packed, see :func:`texts_pack`."""
        return texts_pack(self.base, rows)

    def forward(self, **batch: Any) -> Any:
        """The logits (B, labels), in float32, of a :class:`TextBatch` given by its fields."""
        given = TextBatch(**batch)
        arguments = self._inputs(given)
        form: Any = nullcontext()
        if given.spans is not None:
            form = bidirectional_attention(self.base)
            arguments["spans"] = given.spans.to(self.device)
            if self.has_virtual_keys:
                self._layers = self._layers or attention_layers(self.base)
                pairs = virtual_keys(self.encoder)
                arguments["virtual_keys"] = dict(zip(self._layers, pairs, strict=True))
        for name in ("position_ids", "attention_mask"):
            if (tensor := getattr(given, name)) is not None:
                arguments[name] = tensor.to(self.device)
        with form:
            hidden = self.base(**arguments).last_hidden_state
        vectors = given.pooling.to(hidden) @ hidden.flatten(0, 1)
        vectors = self.dropout(vectors.to(self.head.weight.dtype))
        logits: Any = self.head(vectors)
        return logits.float()

    def _inputs(self, batch: TextBatch) -> dict[str, Any]:
        """Token ids, or embeddings where virtual tokens stand between them."""
        ids = batch.input_ids.to(self.device)
        if not batch.virtual:
            return {"input_ids": ids}
        embeddings = self.get_input_embeddings()(ids)
        prompt = self.encoder.get_prompt(batch_size=1)[0].to(embeddings.dtype)
        rows = (
            torch.tensor(batch.spans.starts, device=ids.device)
            if batch.spans is not None
            else torch.arange(len(ids), device=ids.device) * ids.shape[1]
        )
        places = (rows[:, None] + torch.arange(batch.virtual, device=ids.device)).flatten()
        flat = embeddings.flatten(0, 1).index_copy(0, places, prompt.repeat(len(rows), 1))
        return {"inputs_embeds": flat.view_as(embeddings)}
