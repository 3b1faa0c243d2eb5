"""Whatever bytes a parser is given, it reads them or refuses them with a sentence."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile.cases import PATIENCE, at_most
from hostile.seeds import LINES, VALUES, written
from parsers import PARSERS

FOUND = Path(__file__).parent / "found"
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "/dev/zero", "<b>", "\x00", "=1", "{{ 1 }}", "~x", "a" * 300]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: Any, position: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [position] if position else []
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, part in inner:
        found += _places(part, (*position, key))
    return found


@st.composite
def _changed(draw: st.DrawFn, start: Any) -> Any:
    """A value in which something stands elsewhere, or something else."""
    value = json.loads(json.dumps(start))
    for _ in range(draw(st.integers(1, 3))):
        positions = _places(value)
        if not positions:
            return draw(_JSON)
        *path, last = draw(st.sampled_from(positions))
        inner = value
        for key in path:
            inner = inner[key]
        action = draw(st.sampled_from(["replace", "rename", "remove"]))
        if action == "replace" or isinstance(inner, list):
            inner[last] = draw(_JSON)
        elif action == "rename":
            inner[draw(st.text(max_size=8))] = inner.pop(last)
        else:
            del inner[last]
    return value


@st.composite
def _spliced(draw: st.DrawFn, start: bytes) -> bytes:
    """Bytes with others put in, or some of them left out."""
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.integers(0, len(start)))
        last = draw(st.integers(first, min(len(start), first + 8)))
        start = start[:first] + draw(st.binary(max_size=12)) + start[last:]
    return start


def _written_at(name: str, position: int, value: Any) -> bytes:
    return written(name, value)[position]


def _inputs(name: str) -> st.SearchStrategy[bytes]:
    kinds: list[st.SearchStrategy[bytes]] = [st.binary(max_size=200)]
    for value in VALUES.get(name, ()):
        # Two writings of a value that was changed, and each with bytes put in or left out.
        for position, start in enumerate(written(name, value)):
            kinds += [
                _changed(value).map(partial(_written_at, name, position)),
                _spliced(start),
            ]
    kinds += [_spliced(start) for start in LINES.get(name, ())]
    return st.one_of(*reversed(kinds))


@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes_are_read_or_refused(name: str) -> None:
    @settings(max_examples=120, derandomize=True, deadline=None, database=None)
    @given(_inputs(name))
    def reads(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            PARSERS[name](content, Path(folder))

    with at_most(3 * PATIENCE):
        reads()


@pytest.mark.parametrize(
    "path", sorted(FOUND.rglob("*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_fuzzing_found_stays_mended(path: Path, tmp_path: Path) -> None:
    if path.is_file():
        with at_most(PATIENCE):
            PARSERS[path.parent.name](path.read_bytes(), tmp_path)
