"""Fuzz one parser, guided by coverage: python fuzz/run.py NAME CORPUS [options of libFuzzer].

CORPUS is a folder that keeps what has led to new branches; what the tests start from is put into
it. It needs atheris, which tunelab itself does not: pip install atheris, into an environment that
has tunelab. What it finds is kept in tests/hostile/found/NAME and read by the tests from then on.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

# The modules behind each parser, which are imported here so that their branches are seen.
MODULES = {
    "study": ["yaml", "tunelab.config", "tunelab.guards.strict_yaml"],
    "data": ["tunelab.data.columns", "tunelab.data.readers"],
    "adapter": ["peft", "tunelab.methods.adapter_checks"],
    "record": ["tunelab.classifiers.adapters", "tunelab.prompts.conversation"],
    "answers": ["tunelab.evaluation.parsing.answers"],
    "conversation": ["yaml", "tunelab.guards.strict_yaml", "tunelab.generation.conversation_file"],
    "prompts": ["yaml", "tunelab.guards.strict_yaml", "tunelab.generation.open_prompts"],
    "template": ["jinja2", "tunelab.prompts.bounded_template"],
    "run": ["tunelab.runs.results", "tunelab.guards.strict_yaml", "tunelab.runs.run_folder"],
}


def main(name: str, corpus: Path, options: list[str]) -> None:
    """Fuzz until the options say that it is enough."""
    with atheris.instrument_imports(include=["tunelab", "yaml", "jinja2"]):
        for module in MODULES[name]:
            import_module(module)
        parsers = import_module("parsers")
    parse = parsers.PARSERS[name]
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(import_module("hostile.seeds").seeds(name)):
        (corpus / f"seed-{number}").write_bytes(content)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        atheris.Setup(
            [sys.argv[0], str(corpus), *options], lambda content: parse(content, Path(folder))
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
