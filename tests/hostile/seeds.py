"""What each parser reads, from which fuzzing starts."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tunelab.config import Study, to_dict
from tunelab.data.readers import EXTENSIONS

_LORA = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
_PROMPT = {"system": "s", "labels": ["a", "b"], "style": "plain", "template": "", "max_length": 9}
VALUES: Mapping[str, list[Any]] = {
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
LINES: Mapping[str, list[bytes]] = {
    "data": [
        bytes([position]) + content
        for position, extension in enumerate(EXTENSIONS)
        for content in {
            ".jsonl": [b'{"text": "a", "label": "x"}\n{"text": "b", "label": 1.5}\n'],
            ".json": [
                b'{"text": null, "label": true}\n',
                b'[{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]',
                b'{"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}}',
                b'{"messages": [{"role": "user", "content": "a"}]}',
            ],
            ".csv": [b'text,label\n"a\nb",x\nc,y\n', b'sep=;\ntext; label;\n"a""b";x;'],
            ".tsv": [b'text\tlabel\n"a\tx\n"b"\ty\n'],
            ".parquet": [b"PAR1\x15\x04\x15\x10PAR1"],
            ".txt": [b"a;x\nb;y\n"],
            ".xlsx": [b"PK\x03\x04"],
        }[extension]
    ],
    "answers": [b"joy,fear\nit is not joy, but fear isn't it's", b"a b,(c)\n**a  b**, never (c)"],
    "template": [
        b"{% for m in messages %}{{ m.role ~ m['content']|trim }}{% endfor %}",
        b"{% macro f(x) %}{{ x * 3 }}{% endmacro %}{{ f('a') + '%s'|format(1) }}",
    ],
}
_IN_YAML = ("study", "conversation", "prompts")


def written(name: str, value: Any) -> list[bytes]:
    """A value as JSON, and as YAML too where the parser reads that."""
    found = [json.dumps(value).encode()]
    if name in _IN_YAML:
        found.append(yaml.safe_dump(value).encode())
    return found


def seeds(name: str) -> list[bytes]:
    """Contents that the parser of this name reads."""
    return [
        *(content for value in VALUES.get(name, ()) for content in written(name, value)),
        *LINES.get(name, ()),
    ]
