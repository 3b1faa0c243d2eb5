"""BERT's WordPiece: greedy longest match over lower-cased words without accents."""

from collections.abc import Sequence
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read_vocabulary(content: bytes) -> list[str]:
    """The tokens of a vocab.txt, one a line; the line's number is the id."""
    lines = content.decode("utf-8").split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def build(tokens: Sequence[str], *, lowercase: bool = True) -> Any:
    """A fast tokenizer (`tokenizers.Tokenizer`) as bert-base-uncased publishes its own.

    Words of more than 100 characters, and words with a character that no piece holds, are
    ``[UNK]``. Source: Devlin et al., BERT, 2018, https://arxiv.org/abs/1810.04805.
    """
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    vocabulary = {token: number for number, token in enumerate(tokens)}
    model = models.WordPiece(
        vocab=vocabulary,
        unk_token=SPECIAL[1],
        max_input_chars_per_word=100,
        continuing_subword_prefix="##",
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in SPECIAL])
    return tokenizer
