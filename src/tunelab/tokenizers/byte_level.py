"""Byte-level BPE: fast tokenizers from tiktoken's ranks and from the vocabulary of a GGUF file."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.tokenizers.byte_alphabet import to_alphabet

# How a text is cut before any merge, as the models' authors publish it.
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_UPPER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_ENDINGS}|"
    rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_ENDINGS}|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read_ranks(content: bytes) -> dict[bytes, int]:
    """The ranks of a tiktoken file: lines of a token in base64, a space, and its rank.

    Raises:
        ValueError: a line is not of that form.
    """
    ranks = {}
    for line in content.splitlines():
        if line:
            token, _, rank = line.partition(b" ")
            try:
                ranks[base64.b64decode(token, validate=True)] = int(rank)
            except binascii.Error as error:
                raise ValueError(f"not a tiktoken file: {error}") from None
    return ranks


def list_merges(ranks: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Every pair of tokens whose concatenation is a token, in the order tiktoken merges them.

    tiktoken merges any such pair, lowest rank of the result first, so one pair for each token
    would not be enough.
    """
    merges = []
    for token, rank in ranks.items():
        for cut in range(1, len(token)):
            left, right = ranks.get(token[:cut]), ranks.get(token[cut:])
            if left is not None and right is not None:
                merges.append((rank, left, right, token, cut))
    merges.sort()
    return [(token[:cut], token[cut:]) for _, _, _, token, cut in merges]


def from_ranks(ranks: Mapping[bytes, int], *, pattern: str, special: Mapping[str, int]) -> Any:
    """A fast tokenizer (`tokenizers.Tokenizer`) that gives tiktoken's ids.

    ``special`` are control tokens with their ids; gaps between the ids are filled with
    ``<|unused_ID|>``, as a vocabulary has none.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {to_alphabet(token): rank for token, rank in ranks.items()}
    merges = [(to_alphabet(left), to_alphabet(right)) for left, right in list_merges(ranks)]
    # tiktoken takes a word that is a token as it is, without asking for merges.
    model = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    _add_special(tokenizer, special)
    return tokenizer


def from_merges(
    tokens: Sequence[str], merges: Sequence[str], *, special: Sequence[str], split_digits: bool
) -> Any:
    """A fast tokenizer from a vocabulary in the byte alphabet and its merges, as GGUF holds them.

    ``split_digits`` cuts numbers into digits before anything else.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate(tokens)}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    steps: list[Any] = [pre_tokenizers.Digits(individual_digits=True)] if split_digits else []
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    return tokenizer


def begin_with(tokenizer: Any, token: str) -> None:
    """Let every text begin with a control token, as the model's own tokenizer does."""
    from tokenizers import processors

    number = tokenizer.token_to_id(token)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A {token}:1 $B:1",
        special_tokens=[(token, number)],
    )


def _add_special(tokenizer: Any, special: Mapping[str, int]) -> None:
    from tokenizers import AddedToken

    names = {number: name for name, number in special.items()}
    first = tokenizer.get_vocab_size()
    for number in range(first, max(names) + 1):
        token = AddedToken(names.get(number, f"<|unused_{number}|>"), normalized=False)
        tokenizer.add_special_tokens([token])
        if tokenizer.token_to_id(token.content) != number:
            raise ValueError(f"the control token {token.content} has no id of its own")
