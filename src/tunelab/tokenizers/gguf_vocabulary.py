"""The vocabulary that a GGUF file holds beside the weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunelab.tokenizers.sentencepiece_file import CONTROL, UNKNOWN, USER_DEFINED, Piece


@dataclass(frozen=True)
class GgufVocabulary:
    """Tokens with scores and kinds (SentencePiece), or with merges (byte-level BPE).

    ``kinds`` are numbered as SentencePiece numbers them; ``unknown`` is the id for what has none.
    """

    tokens: list[str]
    kinds: list[int]
    scores: list[float]
    merges: list[str]
    unknown: int | None

    def control_tokens(self) -> list[str]:
        """The tokens that are no text."""
        pairs = zip(self.tokens, self.kinds, strict=True)
        return [token for token, kind in pairs if kind == CONTROL]

    def pieces(self) -> list[Piece]:
        """The vocabulary as SentencePiece's pieces, with spaces written as ``▁`` again."""
        rows = zip(self.tokens, self.scores, self.kinds, strict=True)
        return [
            Piece(
                text=token.replace(" ", "▁") if kind == USER_DEFINED else token,
                score=score,
                kind=UNKNOWN if number == self.unknown else kind,
            )
            for number, (token, score, kind) in enumerate(rows)
        ]


def read_vocabulary(path: Path) -> GgufVocabulary:
    """Read the fields ``tokenizer.ggml.*`` of a GGUF file.

    Raises:
        ValueError: the file is no GGUF file or holds no vocabulary.
    """
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    if "tokenizer.ggml.tokens" not in fields:
        raise ValueError(f"{path.name} holds no vocabulary")

    def read(name: str) -> list[Any]:
        field = fields.get(f"tokenizer.ggml.{name}")
        return [] if field is None else list(field.contents())

    unknown = fields.get("tokenizer.ggml.unknown_token_id")
    return GgufVocabulary(
        tokens=[str(token) for token in read("tokens")],
        kinds=[int(kind) for kind in read("token_type")],
        scores=[float(score) for score in read("scores")],
        merges=[str(merge) for merge in read("merges")],
        unknown=None if unknown is None else int(unknown.contents()),
    )
