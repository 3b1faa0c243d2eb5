"""Tiny random encoders in folders, as sentence-transformers and transformers save them."""

import json
from pathlib import Path
from typing import Any

WORDS = (
    "we won the game sun came out again she laughed all day what a good song door moved at night "
    "my hands shook who is there it too dark to see he broke stop calling me they lied us give "
    "that back now"
)
# Families that transformers knows, with what each wants besides the usual sizes.
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4},
    "roberta": {},
    "xlm-roberta": {},
    "mpnet": {},
    "modernbert": {"global_attn_every_n_layers": 2, "local_attention": 8},
    "deberta-v2": {
        "relative_attention": True,
        "position_biased_input": False,
        "pos_att_type": ["p2c", "c2p"],
    },
}


def build_word_tokenizer() -> Any:
    """A WordPiece tokenizer over letters and a few words, with BERT's special tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [*letters, *(f"##{letter}" for letter in letters), *WORDS.split()]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def write_encoder(
    folder: Path,
    family: str = "bert",
    *,
    pooling: dict[str, Any] | None = None,
    normalize: bool = False,
    seed: int = 0,
) -> Path:
    """A folder with a tiny random encoder; ``pooling`` are the settings of its pooling step."""
    import torch
    from transformers import AutoModel

    tokenizer = build_word_tokenizer()
    ids = {"cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3}
    torch.manual_seed(seed)
    model = AutoModel.from_config(_config(family, tokenizer, **ids))
    _save(model, tokenizer, folder)
    if pooling is not None:
        steps = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
        places = ["", "1_Pooling", "2_Normalize"]
        modules = [
            {
                "idx": number,
                "name": str(number),
                "path": places[number],
                "type": f"sentence_transformers.models.{step}",
            }
            for number, step in enumerate(steps)
        ]
        (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        (folder / "1_Pooling").mkdir(exist_ok=True)
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


NLI = {0: "CONTRADICTION", 1: "neutral", 2: "Entailment"}


def write_nli(folder: Path, family: str = "bert", labels: dict[int, str] | None = None) -> Path:
    """A folder with a tiny random model of natural language inference."""
    import torch
    from transformers import AutoModelForSequenceClassification

    tokenizer = build_word_tokenizer()
    named = labels or NLI
    config = _config(
        family,
        tokenizer,
        id2label=named,
        label2id={label: index for index, label in named.items()},
    )
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    _save(model, tokenizer, folder)
    return folder


def _config(family: str, tokenizer: Any, **more: Any) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=66,
        type_vocab_size=2,
        pad_token_id=0,
        **more,
        **FAMILIES[family],
    )


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                # So that texts have scores far from each other.
                parameter.mul_(4)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
