"""SentencePiece's BPE with byte fallback, as a fast tokenizer.

SentencePiece writes a space as ``▁`` (U+2581) and, for Mistral, puts one before every text. It
merges whichever two neighbours form the piece of the highest score.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tunelab.tokenizers.sentencepiece_file import BYTE, CONTROL, NORMAL, USER_DEFINED, Piece

SPACE = "▁"


def build(pieces: Sequence[Piece], *, prefix: bool) -> Any:
    """A fast tokenizer (`tokenizers.Tokenizer`) that gives SentencePiece's ids.

    With ``prefix`` a ``▁`` stands before every text. Pieces that the user defined are kept whole
    wherever they are in a text; control tokens in a text are plain text.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    vocabulary = {piece.text: number for number, piece in enumerate(pieces)}
    scores = {piece.text: piece.score for piece in pieces if piece.kind in (NORMAL, USER_DEFINED)}
    unknown = next((piece.text for piece in pieces if piece.kind == 2), None)
    has_bytes = any(piece.kind == BYTE for piece in pieces)
    model = models.BPE(
        vocab=vocabulary,
        merges=_merges(scores, vocabulary),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=has_bytes,
    )
    tokenizer = Tokenizer(model)
    steps: list[Any] = [normalizers.Replace(" ", SPACE)]
    if prefix:
        steps.insert(0, normalizers.Prepend(SPACE))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = _between_words(scores)
    decoding: list[Any] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if prefix:
        decoding.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(decoding)
    tokenizer.add_special_tokens(
        [AddedToken(piece.text, normalized=False) for piece in pieces if piece.kind in (CONTROL, 2)]
    )
    tokenizer.add_tokens(
        [
            AddedToken(piece.text, normalized=True, special=False)
            for piece in pieces
            if piece.kind == USER_DEFINED
        ]
    )
    return tokenizer


def _merges(scores: Mapping[str, float], ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """Every pair of pieces whose concatenation is a piece, highest score first.

    Among equal scores SentencePiece takes the leftmost pair, and a list of merges cannot say so.
    Such pairs meet in runs of one character, where the leftmost is the one that has grown
    longest: so the longest left part comes first. Mistral's runs of spaces all score alike.
    """
    merges = []
    for text, score in scores.items():
        for cut in range(len(text) - 1, 0, -1):
            left, right = text[:cut], text[cut:]
            if left in scores and right in scores:
                merges.append((-score, -len(left), ids[left], ids[right], left, right))
    merges.sort()
    return [(left, right) for *_, left, right in merges]


def _between_words(scores: Mapping[str, float]) -> Any:
    """Cut before every run of ``▁``, where no piece crosses such a boundary.

    Nothing merges there, so the ids stay the same; words that come again are looked up.
    """
    from tokenizers import Regex, pre_tokenizers

    if any(SPACE in text.lstrip(SPACE) for text in scores):
        return None
    return pre_tokenizers.Split(Regex(f"{SPACE}+[^{SPACE}]*|[^{SPACE}]+"), behavior="isolated")
