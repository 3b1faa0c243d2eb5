"""Train BPE, WordPiece and Unigram on the same text, so that only the algorithm differs.

All three see the same words, in the byte-level alphabet, so that none meets an unknown character
and the vocabulary size is the only budget. In the `tokenizers` library WordPiece learns by merging
frequent pairs, as BPE does, and differs in how it cuts: longest match first instead of merges.
Sources: Sennrich et al., 2016, https://arxiv.org/abs/1508.07909 (BPE); Schuster and Nakajima,
2012 (WordPiece); Kudo, 2018, https://arxiv.org/abs/1804.10959 (Unigram).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.errors import RunError, UsageError
from tunelab.registry import check_name
from tunelab.tokenizers.byte_alphabet import character_of_byte
from tunelab.tokenizers.counting import every_core
from tunelab.tokenizers.loading import FastTokenizer, describe
from tunelab.tokenizers.measures import measure_texts
from tunelab.tokenizers.pieces import cut_all

# Words with their marks and joiners in one piece, unlike GPT-2's, which cuts «می‌روم» in three.
_WORDS = (
    r" ?[\p{L}\p{M}\x{200C}\x{200D}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}\x{200C}\x{200D}]+"
    r"|\s+(?!\S)|\s+"
)
# WordPiece marks pieces within a word; no text in the byte alphabet holds this character.
_INNER = "‿"
_UNKNOWN = "[UNK]"
_LONGEST_WORD = 1 << 20
_SMALLEST = 256


def _bpe(size: int) -> tuple[Any, Any]:
    from tokenizers import models, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=list(character_of_byte()), show_progress=False
    )
    return models.BPE(), trainer


def _word_piece(size: int) -> tuple[Any, Any]:
    from tokenizers import models, trainers

    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        initial_alphabet=list(character_of_byte()),
        continuing_subword_prefix=_INNER,
        special_tokens=[_UNKNOWN],
        show_progress=False,
    )
    model = models.WordPiece(
        unk_token=_UNKNOWN,
        continuing_subword_prefix=_INNER,
        max_input_chars_per_word=_LONGEST_WORD,
    )
    return model, trainer


def _unigram(size: int) -> tuple[Any, Any]:
    from tokenizers import models, trainers

    trainer = trainers.UnigramTrainer(
        vocab_size=size, initial_alphabet=list(character_of_byte()), show_progress=False
    )
    return models.Unigram(), trainer


ALGORITHMS: Mapping[str, Callable[[int], tuple[Any, Any]]] = {
    "bpe": _bpe,
    "wordpiece": _word_piece,
    "unigram": _unigram,
}


def train(texts: Iterable[str], *, algorithm: str, vocabulary: int) -> FastTokenizer:
    """Train a tokenizer of at most this many ids.

    The same text gives the same tokenizer, but for WordPiece: the library's trainer breaks ties
    between equally frequent pairs by chance, so that a few ids differ from run to run.

    Raises:
        UsageError: the algorithm is not known, or the vocabulary has no room for 256 bytes.
    """
    from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers

    check_name("algorithm", algorithm, ALGORITHMS)
    smallest = 2 * _SMALLEST if algorithm == "wordpiece" else _SMALLEST
    if vocabulary <= smallest:
        raise UsageError(
            f"a vocabulary of {vocabulary} is too small: {algorithm} needs more than {smallest}, "
            "as every byte has a token."
        )
    model, trainer = ALGORITHMS[algorithm](vocabulary)
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    joined = [decoders.Replace(Regex(f"^{_INNER}"), "")] if algorithm == "wordpiece" else []
    backend.decoder = decoders.Sequence([*joined, decoders.ByteLevel()])
    with every_core():
        backend.train_from_iterator(texts, trainer)
    if algorithm == "wordpiece":
        backend.model = _with_every_byte(backend, vocabulary)
    return describe(f"{algorithm}-{vocabulary}", backend, algorithm=f"byte-level {algorithm}")


def _with_every_byte(backend: Any, size: int) -> Any:
    """The trained WordPiece with every byte as a piece within words, in place of its last pieces.

    The trainer knows within words only the characters that it saw there; BPE and Unigram have all.
    """
    from tokenizers import models

    pieces = sorted(backend.get_vocab().items(), key=lambda item: item[1])
    names = [name for name, _ in pieces]
    single = {f"{_INNER}{character}" for character in character_of_byte()}
    missing = sorted(single - set(names))
    room = max(0, size - len(missing))
    kept = names[:room] + [name for name in names[room:] if name in single]
    tokens = list(dict.fromkeys([*kept, *missing]))
    return models.WordPiece(
        vocab={token: number for number, token in enumerate(tokens)},
        unk_token=_UNKNOWN,
        continuing_subword_prefix=_INNER,
        max_input_chars_per_word=_LONGEST_WORD,
    )


def save(tokenizer: FastTokenizer, folder: Path) -> Path:
    """Write ``folder/<name>/tokenizer.json``; return its path.

    Raises:
        RunError: the folder cannot be written.
    """
    path = folder / tokenizer.name / "tokenizer.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.backend.save(str(path), pretty=False)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}.") from None
    except Exception as error:
        # The library raises a plain Exception for a full disk.
        raise RunError(f"cannot write {path}: {error}.") from None
    return path


def split_lines(texts: Sequence[str], *, held_out: float = 0.1) -> tuple[list[str], list[str]]:
    """Lines to train on and lines to measure on: every n-th is held out."""
    step = max(2, round(1 / held_out))
    kept = [text for position, text in enumerate(texts) if position % step]
    return kept, [text for position, text in enumerate(texts) if position % step == 0]


def curve(
    texts: Sequence[str],
    *,
    algorithms: Sequence[str],
    vocabularies: Sequence[int],
    seed: int,
    out: Path | None = None,
) -> list[dict[str, Any]]:
    """Train every algorithm at every size, and measure each on lines that it was not trained on.

    Raises:
        UsageError: an algorithm or a size is wrong, or there are fewer than ten lines.
        RunError: ``out`` cannot be written.
    """
    if len(texts) < 10:
        raise UsageError(f"{len(texts)} lines are too few to train on; give ten or more.")
    training, held_out = split_lines(texts)
    rows = []
    for algorithm in algorithms:
        for vocabulary in vocabularies:
            tokenizer = train(training, algorithm=algorithm, vocabulary=vocabulary)
            measured = measure_texts(cut_all(tokenizer, held_out), held_out, seed=seed)
            row = {
                "algorithm": algorithm,
                "asked": vocabulary,
                "vocabulary": tokenizer.vocabulary_size,
                "trained_lines": len(training),
                **measured.to_dict(),
            }
            if out is not None:
                row["path"] = str(save(tokenizer, out))
            rows.append(row)
    return rows
