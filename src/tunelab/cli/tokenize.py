"""Compare how tokenizers cut a text, a file, parallel files or a corpus; or train tokenizers.

  tunelab tokenize --text "..." --tokenizer llama-3.2 --tokenizer mistral-7b-v0.1
  tunelab tokenize --file corpus.txt --tokenizer phi-4-mini [--max-length 256 --model llama-3.2-1b]
  tunelab tokenize --parallel en=english.txt fa=persian.txt --tokenizer ...
  tunelab tokenize --corpus parallel --tokenizer ...
  tunelab tokenize train --file corpus.txt --algorithm bpe unigram --vocabulary 4000 8000 --out DIR

A tokenizer is llama-3.2, mistral-7b-v0.1, phi-4-mini, bert-base-uncased, smollm2, gemma-3, the
name of a model that has one of these, a folder, a tokenizer.json, or owner/name on the Hub.
The lines of a file are texts of their own. Corpora: parallel, persian-morphology,
persian-variants, flores=FOLDER, udhr=FOLDER.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunelab.api.tokenize import open_tokenizers, tokenize_rows
from tunelab.cli.arguments import add_format
from tunelab.cli.tables import print_table
from tunelab.cli.tokenizer_tables import (
    across,
    draw_text,
    parallel_rows,
    print_measures,
    print_parallel,
)
from tunelab.errors import UsageError

_TRAINED = (
    "algorithm",
    "vocabulary",
    "fertility",
    "characters_per_token",
    "byte_fallback_rate",
    "renyi_efficiency",
    "path",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tunelab tokenize`."""
    parser.add_argument("action", nargs="?", choices=["train"], help="train tokenizers instead")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--text", metavar="TEXT", help="cut this text")
    what.add_argument("--file", type=Path, metavar="FILE", help="a UTF-8 file, a text a line")
    what.add_argument(
        "--parallel", nargs="+", metavar="CODE=FILE", help="the same sentences, a line each"
    )
    what.add_argument("--corpus", metavar="NAME", help="a corpus, as above")
    parser.add_argument(
        "--tokenizer", action="append", default=[], metavar="NAME", help="repeatable"
    )
    parser.add_argument("--seed", type=int, default=42, help="of the intervals (default: 42)")
    parser.add_argument(
        "--max-length", type=int, metavar="N", help="with --file: rows cut and padding at N tokens"
    )
    parser.add_argument(
        "--batch-size", type=int, default=16, metavar="N", help="of the padding (default: 16)"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="with --file: what a million words cost on this model"
    )
    parser.add_argument(
        "--context", type=int, default=2048, metavar="N", help="tokens of context of the costs"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with figures too")
    parser.add_argument(
        "--algorithm", nargs="+", default=["bpe", "wordpiece", "unigram"], help="of train"
    )
    parser.add_argument(
        "--vocabulary", nargs="+", type=int, default=[4000], metavar="N", help="sizes, of train"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where train saves tokenizer.json")
    add_format(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Compare or train, and print what was found."""
    if arguments.seed < 0:
        raise UsageError("--seed must be 0 or more.")
    if arguments.action == "train":
        return _train(arguments)
    given = [
        arguments.text is not None,
        arguments.file is not None,
        arguments.parallel is not None,
        arguments.corpus is not None,
    ]
    if not any(given):
        raise UsageError("give one of --text, --file, --parallel and --corpus.")
    if not arguments.tokenizer:
        from tunelab.tokenizers.catalog import CATALOG

        raise UsageError(f"name at least one --tokenizer; known are {', '.join(CATALOG)}.")
    if arguments.text is not None:
        return _text(arguments)
    if arguments.file is not None:
        return _file(arguments)
    if arguments.corpus in ("persian-morphology", "persian-variants"):
        return _persian(arguments)
    return _parallel(arguments)


def _text(arguments: argparse.Namespace) -> int:
    text = arguments.text
    results = tokenize_rows(text, arguments.tokenizer, arguments.seed)
    if arguments.format == "table":
        draw_text(results, text)
    print_measures(results, arguments.format)
    if arguments.html:
        from tunelab.tokenizers.record import text_examples

        _write_page(arguments.html, {"examples": [text_examples(results, text)]})
    return 0


def _file(arguments: argparse.Namespace) -> int:
    from tunelab.tokenizers.compare import compare_file
    from tunelab.tokenizers.reading import check_text_file

    for name, value in (
        ("max-length", arguments.max_length),
        ("batch-size", arguments.batch_size),
        ("context", arguments.context),
    ):
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be 1 or more.")
    size = check_text_file(arguments.file)
    if arguments.model is not None:
        from tunelab.models.known import known_shape

        known_shape(arguments.model)
    tokenizers = open_tokenizers(arguments.tokenizer)
    with _progress(size, arguments.file.name) as advance:
        results = compare_file(
            tokenizers,
            arguments.file,
            seed=arguments.seed,
            keep_lengths=arguments.max_length is not None,
            advance=advance,
        )
    if not results[0]["sentences"]:
        raise UsageError(f"{arguments.file} holds no text.")
    _add_costs(arguments, tokenizers, results)
    print_measures(results, arguments.format, title=arguments.file.name)
    if arguments.format == "table":
        for key in ("at_max_length", "cost"):
            if key in results[0]:
                rows = [{"tokenizer": row["tokenizer"], **row[key]} for row in results]
                print_table(across(rows), "table", title=key.replace("_", " "), blocks=True)
    return 0


def _add_costs(
    arguments: argparse.Namespace, tokenizers: Sequence[Any], results: list[dict[str, Any]]
) -> None:
    from tunelab.models.known import known_shape
    from tunelab.tokenizers.cost import rows_at_length, text_cost

    for tokenizer, row in zip(tokenizers, results, strict=True):
        if arguments.max_length is not None:
            lengths = row.pop("lengths")
            added = tokenizer.backend.num_special_tokens_to_add(is_pair=False)
            row["at_max_length"] = asdict(
                rows_at_length(
                    [length + added for length in lengths],
                    max_length=arguments.max_length,
                    batch_size=arguments.batch_size,
                )
            )
        if arguments.model is not None:
            if row["fertility"] is None:
                raise UsageError(
                    f"{arguments.file} has no words, so their cost is unknown "
                    f"({row['undefined'].get('fertility')})."
                )
            cost = text_cost(
                known_shape(arguments.model),
                vocabulary=tokenizer.vocabulary_size,
                tokens_a_word=row["fertility"],
                context=arguments.context,
            )
            row["cost"] = {"model": arguments.model, **asdict(cost)}


def _parallel(arguments: argparse.Namespace) -> int:
    from tunelab.tokenizers.compare import compare_parallel
    from tunelab.tokenizers.parallel import open_corpus, read_files

    if arguments.corpus is not None:
        parallel = open_corpus(arguments.corpus)
    else:
        parallel = read_files(_named_files(arguments.parallel))
    results = compare_parallel(open_tokenizers(arguments.tokenizer), parallel, seed=arguments.seed)
    title = f"{parallel.rows} parallel sentences, premium against {results[0]['base']}"
    if arguments.format == "table":
        print_parallel(results, title)
    else:
        print_table(parallel_rows(results), arguments.format, value=results)
    if arguments.html:
        from tunelab.tokenizers.record import make_record

        record = make_record(arguments.tokenizer, seed=arguments.seed, parallel=parallel)
        _write_page(arguments.html, record)
    return 0


def _persian(arguments: argparse.Namespace) -> int:
    from tunelab.tokenizers import morphology, persian
    from tunelab.tokenizers.parallel import built_in

    tokenizers = open_tokenizers(arguments.tokenizer)
    if arguments.corpus == "persian-morphology":
        words = morphology.built_in()
        results = [morphology.score(one, words, seed=arguments.seed) for one in tokenizers]
        rows = [
            {name: row[name] for name in ("tokenizer", "words", "precision", "recall", "f1")}
            for row in [*results, morphology.chance(words)]
        ]
        print_table(rows, arguments.format, title="morpheme boundaries", value=results)
        return 0
    pairs = persian.compare_variants(tokenizers, persian.built_in_pairs(), seed=arguments.seed)
    changes = persian.compare_changes(tokenizers, built_in().sentences["fa"], seed=arguments.seed)
    results = [{**row, "of": "pairs"} for row in pairs]
    results += [{**row, "of": "sentences"} for row in changes]
    columns = ("tokenizer", "of", "kind", "standard_tokens", "variant_tokens", "ratio")
    rows = [
        {**{name: row[name] for name in columns}, "p_adjusted": row["p_adjusted"]}
        for row in results
    ]
    print_table(rows, arguments.format, title="variant spellings", value=results)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from tunelab.registry import check_name
    from tunelab.tokenizers.parallel import open_corpus
    from tunelab.tokenizers.reading import read_lines
    from tunelab.tokenizers.training import ALGORITHMS, curve

    for algorithm in arguments.algorithm:
        check_name("algorithm", algorithm, ALGORITHMS)
    if arguments.tokenizer or arguments.text is not None or arguments.parallel is not None:
        raise UsageError("train takes --file or --corpus, --algorithm, --vocabulary and --out.")
    if arguments.file is not None:
        texts = [line for line in read_lines(arguments.file) if line.strip()]
    elif arguments.corpus is not None:
        sentences = open_corpus(arguments.corpus).sentences
        texts = [text for rows in zip(*sentences.values(), strict=True) for text in rows]
    else:
        raise UsageError("train needs text: --file FILE or --corpus parallel.")
    if arguments.out is None:
        raise UsageError("train needs --out DIR, where the tokenizers are saved.")
    results = curve(
        texts,
        algorithms=arguments.algorithm,
        vocabularies=arguments.vocabulary,
        seed=arguments.seed,
        out=arguments.out,
    )
    rows = [{name: row[name] for name in _TRAINED} for row in results]
    print_table(rows, arguments.format, title="on lines held out", value=results)
    return 0


def _named_files(words: Sequence[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for word in words:
        code, equals, path = word.partition("=")
        if not equals or not code or not path:
            raise UsageError(f"{word!r} is not CODE=FILE, as in en=english.txt.")
        if code in paths:
            raise UsageError(f"the language {code!r} is named twice.")
        paths[code] = Path(path).expanduser()
    if len(paths) < 2:
        raise UsageError("--parallel needs two files or more, as in en=english.txt fa=persian.txt.")
    return paths


def _write_page(path: Path, record: Mapping[str, Any]) -> None:
    from tunelab.report.tokenizer_page import write_page

    write_page(path, record)
    print(f"written: {path}", file=sys.stderr)


@contextmanager
def _progress(size: int, name: str) -> Iterator[Callable[[int], None]]:
    """A bar of the bytes done, on standard error, and only where a person sees it."""
    from tqdm import tqdm

    with tqdm(
        total=size,
        unit="B",
        unit_scale=True,
        desc=name,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
        leave=False,
    ) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        yield advance
