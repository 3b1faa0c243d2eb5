"""One function for each parser of what strangers give: any bytes are read or refused.

Each takes bytes and a folder to write into, and gives what was read, or None where it was refused
with a sentence. Another exception is a fault. The tests and ``fuzz/`` share them.
"""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunelab.errors import TunelabError

Parser = Callable[[bytes, Path], Any]


def _told(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except TunelabError as error:
        assert str(error).strip(), "an error without a sentence"
        assert error.exit_code in (1, 2)
        return None


def parse_study(content: bytes, folder: Path) -> Any:
    """A study file, and what of it is written into a run folder."""
    from tunelab.config import make_study, to_yaml
    from tunelab.guards.strict_yaml import apply_overrides, read_keys

    path = folder / "study.yaml"
    path.write_bytes(content)

    def read() -> Any:
        study = make_study(apply_overrides(read_keys(path), []))
        path.write_text(to_yaml(study), encoding="utf-8")
        assert make_study(read_keys(path)) == study
        return study

    return _told(read)


def parse_data(content: bytes, folder: Path) -> Any:
    """A data file; its first byte chooses the kind."""
    from tunelab.data.columns import to_examples
    from tunelab.data.readers import EXTENSIONS, read_rows

    path = folder / f"data{EXTENSIONS[content[0] % len(EXTENSIONS)] if content else '.csv'}"
    path.write_bytes(content[1:])

    def read() -> Any:
        rows = to_examples(read_rows(path), text="text", label="label", where="data")
        for row in rows:
            json.dumps([row.text, row.label]).encode("utf-8")
            assert row.label.strip()
        return rows

    return _told(read)


def safetensors(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """A whole safetensors file of zeros."""
    header, position = {}, 0
    for name, shape in shapes.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [position, position + size]}
        position += size
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + bytes(position)


def parse_adapter(content: bytes, folder: Path) -> Any:
    """The configuration of an adapter, beside weights of rank 4."""
    from tunelab.methods.adapter_checks import check_adapter

    weights = folder / "adapter_model.safetensors"
    if not weights.exists():
        weights.write_bytes(safetensors({"base_model.model.q_proj.lora_A.weight": (4, 8)}))
    (folder / "adapter_config.json").write_bytes(content)
    return _told(lambda: (check_adapter(folder), True)[1])


def parse_record(content: bytes, folder: Path) -> Any:
    """The record beside an adapter, and the prompt in it."""
    from tunelab.classifiers.adapters import read_record
    from tunelab.prompts.conversation import read_format

    (folder / "tunelab.json").write_bytes(content)
    return _told(lambda: read_format(read_record(folder)["prompt"]))


def parse_answers(content: bytes, folder: Path) -> Any:
    """Labels in the first line, and an answer in the others."""
    from tunelab.evaluation.parsing.answers import REASONS, parse_answer

    first, _, answer = content.decode("utf-8", "replace").partition("\n")
    labels = [label for label in first.split(",") if label.strip()] or ["joy", "fear"]
    found = parse_answer(answer, labels)
    assert (found.label in labels) != (found.reason in REASONS)
    return found


def parse_conversation(content: bytes, folder: Path) -> Any:
    """A conversation file, and the turns that it leads to."""
    from tunelab.generation.conversation_file import read_conversation

    path = folder / "conversation.yaml"
    path.write_bytes(content)

    def read() -> Any:
        conversation = read_conversation(str(path))
        assert len(conversation.schedule()) == len(conversation.turns) + conversation.further
        return conversation

    return _told(read)


def parse_prompts(content: bytes, folder: Path) -> Any:
    """A file of open prompts, and its rules on an answer."""
    from tunelab.generation.open_prompts import read_prompts

    path = folder / "prompts.yaml"
    path.write_bytes(content)
    return _told(lambda: [prompt.right("aaaaaaaaab") for prompt in read_prompts(str(path))])


def parse_template(content: bytes, folder: Path) -> Any:
    """A chat template, on a conversation of three messages."""
    from jinja2 import TemplateError

    from tunelab.prompts.bounded_template import render_template

    messages = [
        {"role": role, "content": text}
        for role, text in (("system", "s"), ("user", "u"), ("assistant", "a"))
    ]
    values = {"messages": messages, "add_generation_prompt": True, "bos_token": "<s>"}

    def read() -> Any:
        try:
            return render_template(content.decode("utf-8", "replace"), values)
        except TemplateError:
            return None

    return _told(read)


def parse_run(content: bytes, folder: Path) -> Any:
    """The index and the record of a run folder."""
    from tunelab.runs.run_folder import read_run

    (folder / "study.yaml").write_text("name: x\n")
    (folder / "environment.json").write_text("{}")
    index, _, record = content.partition(b"\n")
    (folder / "run.json").write_bytes(index)
    (folder / "stage").mkdir(exist_ok=True)
    (folder / "stage" / "result.json").write_bytes(record)
    return _told(lambda: read_run(folder))


PARSERS: Mapping[str, Parser] = {
    "study": parse_study,
    "data": parse_data,
    "adapter": parse_adapter,
    "record": parse_record,
    "answers": parse_answers,
    "conversation": parse_conversation,
    "prompts": parse_prompts,
    "template": parse_template,
    "run": parse_run,
}
