"""Whatever bytes a parser is given, it reads them or refuses them with a sentence."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile.cases import PATIENCE, at_most
from parsers import PARSERS
from tunelab.config import Study, to_dict
from tunelab.data.readers import EXTENSIONS

FOUND = Path(__file__).parent / "found"
_LORA = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
_PROMPT = {"system": "s", "labels": ["a", "b"], "style": "plain", "template": "", "max_length": 9}
_STARTS: Mapping[str, list[Any]] = {
    "study": [to_dict(Study())],
    "adapter": [_LORA],
    "record": [
        {
            "method": "lora",
            "model": "m",
            "model_hash": "h",
            "prompt": {**_PROMPT, "hash": "x"},
            "probe": {"text": "a", "ids": [1]},
        }
    ],
    "conversation": [
        {
            "speakers": [{"name": "A"}, {"name": "B", "persona": "x"}],
            "turns": [{"speaker": "A", "text": "hi"}],
            "next": ["B"],
            "further": 2,
            "good": [{"speaker": "A", "about": "x", "contains": ["y"]}],
        }
    ],
    "prompts": [{"prompts": [{"id": "a", "text": "b", "matches": "a+", "contains": ["x"]}]}],
    "run": [{"stages": ["stage"], "prepare": "stage", "failures": [], "study_hash": "h"}],
}
_LINES: Mapping[str, list[bytes]] = {
    "data": [
        bytes([place]) + content
        for place, extension in enumerate(EXTENSIONS)
        for content in {
            ".jsonl": [b'{"text": "a", "label": "x"}\n{"text": "b", "label": 1.5}\n'],
            ".json": [b'{"text": null, "label": true}\n'],
            ".csv": [b'text,label\n"a\nb",x\nc,y\n'],
            ".tsv": [b"text\tlabel\na\tx\n"],
            ".parquet": [b"PAR1\x15\x04\x15\x10PAR1"],
            ".txt": [b"a;x\nb;y\n"],
        }[extension]
    ],
    "answers": [b"joy,fear\nit is not joy, but fear isn't it's", b"a b,(c)\n**a  b**, never (c)"],
    "template": [
        b"{% for m in messages %}{{ m.role ~ m['content']|trim }}{% endfor %}",
        b"{% macro f(x) %}{{ x * 3 }}{% endmacro %}{{ f('a') + '%s'|format(1) }}",
    ],
}
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


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [place] if place else []
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, part in inner:
        found += _places(part, (*place, key))
    return found


@st.composite
def _changed(draw: st.DrawFn, start: Any) -> Any:
    """A value in which something stands elsewhere, or something else."""
    value = json.loads(json.dumps(start))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(value)
        if not places:
            return draw(_JSON)
        *path, last = draw(st.sampled_from(places))
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


def _inputs(name: str) -> st.SearchStrategy[bytes]:
    kinds: list[st.SearchStrategy[bytes]] = [st.binary(max_size=200)]
    for start in _STARTS.get(name, ()):
        changed = _changed(start)
        kinds += [
            changed.map(lambda value: json.dumps(value).encode()),
            _spliced(json.dumps(start).encode()),
        ]
        if name in ("study", "conversation", "prompts"):
            written = yaml.safe_dump(start).encode()
            kinds += [changed.map(lambda value: yaml.safe_dump(value).encode()), _spliced(written)]
    kinds += [_spliced(start) for start in _LINES.get(name, ())]
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
