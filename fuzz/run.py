"""Fuzz one parser, guided by coverage: python fuzz/run.py NAME CORPUS [options of libFuzzer].

It needs atheris, which tunelab itself does not: pip install atheris, into an environment that has
tunelab. What it finds is kept under tests/hostile/found/NAME and read by the tests from then on.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["tunelab"]):
    import parsers


def main(name: str, options: list[str]) -> None:
    """Fuzz until the options say that it is enough."""
    parse = parsers.PARSERS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        atheris.Setup([sys.argv[0], *options], lambda content: parse(content, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
