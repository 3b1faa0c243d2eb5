"""Compare the tokenizers of a study, and count tokens for the claims that speak of them."""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunelab.config import Study
from tunelab.runs.results import Result, write_json, write_table
from tunelab.runs.stages import run_stage
from tunelab.tokenizers.catalog import find
from tunelab.tokenizers.claims import tokens_per_sentence
from tunelab.tokenizers.parallel import built_in
from tunelab.tokenizers.record import make_record
from tunelab.tokenizers.sentence_tokens import TABLE, TOKENS

RECORD = "tokenizers.json"


def counted_by_claims(study: Study) -> list[tuple[str, str]]:
    """The tokenizers and languages that a study's claims speak of, each pair once."""
    pairs = [
        (name, claim.language)
        for claim in study.claims
        if claim.metric == TOKENS
        for name in (claim.left, str(claim.right))
    ]
    return list(dict.fromkeys(pairs))


def count_tokens(name: str, language: str, out: Path) -> list[Result]:
    """Count each sentence of the parallel corpus, control tokens left out.

    Raises:
        UsageError: the tokenizer or the language is not known.
        RunError: the tokenizer cannot be fetched.
    """
    sentences = built_in().sentences[language]

    def work(folder: Path) -> dict[str, Any]:
        counts = tokens_per_sentence(name, language)
        write_table(
            folder / TABLE,
            [
                {"row": number, "text": sentence, "tokens": count}
                for number, (sentence, count) in enumerate(zip(sentences, counts, strict=True))
            ],
        )
        return {
            "tokenizer": name,
            "language": language,
            "sentences": len(counts),
            "tokens": sum(counts),
        }

    inputs = {
        "tokenizer": name,
        "sha256": find(name).sha256,
        "language": language,
        "sentences": list(sentences),
        "tokenizers": importlib.metadata.version("tokenizers"),
    }
    stage = run_stage(
        out,
        "tokenize",
        f"{name.replace('/', '--')}-{language}",
        inputs,
        work,
        still_there=lambda done: (done.folder / TABLE).is_file(),
    )
    return [stage]


def compare_tokenizers(names: Sequence[str], seed: int, out: Path) -> list[Result]:
    """Compare tokenizers on the parallel corpus, on Persian spellings and on morphology.

    Raises:
        UsageError: a tokenizer has no fast form.
        RunError: a tokenizer cannot be fetched.
    """

    def work(folder: Path) -> dict[str, Any]:
        write_json(folder / RECORD, make_record(names, seed=seed))
        return {"tokenizers": list(names), "sentences": built_in().rows}

    inputs = {
        "tokenizers": [[name, find(name).sha256] for name in names],
        "sentences": {code: list(texts) for code, texts in built_in().sentences.items()},
        "seed": seed,
        "library": importlib.metadata.version("tokenizers"),
    }
    stage = run_stage(
        out,
        "tokenize",
        "tokenizers",
        inputs,
        work,
        still_there=lambda done: (done.folder / RECORD).is_file(),
    )
    return [stage]
