"""Count the tokens of sentences, for the claims that compare tokenizers."""

import importlib.metadata
from pathlib import Path
from typing import Any

from tunelab.config import Study
from tunelab.evaluation.row_metrics import TOKENS
from tunelab.results import Result, write_table
from tunelab.study.folder import run_stage

TABLE = "tokens.parquet"


def counted_by_claims(study: Study) -> list[tuple[str, str]]:
    """The tokenizers and languages that a study's claims speak of, each pair once."""
    pairs = [
        (name, claim.language)
        for claim in study.claims
        if claim.metric == TOKENS
        for name in (claim.left, str(claim.right))
    ]
    return list(dict.fromkeys(pairs))


def count_tokens(name: str, language: str, out: Path) -> Result:
    """Count each sentence of the parallel corpus, control tokens left out.

    Raises:
        UsageError: the tokenizer or the language is not known.
        RunError: the tokenizer cannot be fetched.
    """
    from tunelab.tokenizers.catalog import find
    from tunelab.tokenizers.parallel import built_in

    sentences = built_in().sentences[language]

    def work(folder: Path) -> dict[str, Any]:
        from tunelab.tokenizers.claims import tokens_per_sentence

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
    return run_stage(
        out,
        "tokenize",
        f"{name.replace('/', '--')}-{language}",
        inputs,
        work,
        still_there=lambda done: (done.folder / TABLE).is_file(),
    )
