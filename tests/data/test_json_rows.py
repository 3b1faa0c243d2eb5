"""JSON: a row a line, an array, a table in one object, tasks of annotators and chats."""

import json
from pathlib import Path
from typing import Any

import pytest

from tunelab.data.readers import read_rows
from tunelab.errors import UsageError

ROWS = [("the train was late", "delay"), ("the tea was cold", "food"), ("late again", "delay")]
OBJECTS = [{"text": text, "label": label} for text, label in ROWS]


def _columns(keys: list[str]) -> dict[str, dict[str, str]]:
    return {
        name: dict(zip(keys, values, strict=True))
        for name, values in zip(("text", "label"), zip(*ROWS, strict=True), strict=True)
    }


def _task(text: str, *choices: str, **more: Any) -> dict[str, Any]:
    result = {"from_name": "kind", "type": "choices", "value": {"choices": list(choices)}}
    return {"id": 7, "data": {"text": text}, "annotations": [{"result": [result], **more}]}


FORMS: dict[str, str] = {
    "lines": "\n".join(map(json.dumps, OBJECTS)),
    "array": json.dumps(OBJECTS),
    "array of several lines": json.dumps(OBJECTS, indent=2),
    "objects of several lines": "\n".join(json.dumps(one, indent=1) for one in OBJECTS),
    "columns": json.dumps(_columns(["0", "1", "2"])),
    "columns by name": json.dumps(_columns(["x", "y", "z"])),
    "lists": json.dumps({"text": [text for text, _ in ROWS], "label": [la for _, la in ROWS]}),
    "index": json.dumps({str(position): one for position, one in enumerate(OBJECTS)}),
    "split": json.dumps({"columns": ["text", "label"], "index": [0, 1, 2], "data": ROWS}),
    "table": json.dumps({"schema": {"fields": [{"name": "text"}]}, "data": OBJECTS}),
    "wrapped": json.dumps({"version": 2, "data": OBJECTS}, indent=1),
    "the Hub's rows": json.dumps(
        {"features": [{"name": "text"}], "rows": [{"row_idx": 0, "row": one} for one in OBJECTS]}
    ),
    "tasks": json.dumps([_task(text, label) for text, label in ROWS]),
    "chats": "\n".join(
        json.dumps(
            {
                "messages": [
                    {"role": "system", "content": "What is it about?"},
                    {"role": "user", "content": text},
                    {"role": "assistant", "content": label},
                ]
            }
        )
        for text, label in ROWS
    ),
    "conversations": json.dumps(
        [
            {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": label}]}
            for text, label in ROWS
        ]
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_forms(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / name).write_text(f"\n {FORMS[form]}\n", encoding="utf-8")
    rows = [row for _, row in read_rows(tmp_path / name)]
    assert [(row["text"], row["label"]) for row in rows] == ROWS


def test_an_array_is_read_in_blocks(tmp_path: Path) -> None:
    objects = [
        {"text": f"{position} " + "long " * 9_000, "label": position % 2} for position in range(9)
    ]
    (tmp_path / "a.json").write_text(json.dumps(objects, indent=1), encoding="utf-8")
    rows = list(read_rows(tmp_path / "a.json"))
    assert [row for _, row in rows] == objects
    assert [number for number, _ in rows] == [2 + 4 * position for position in range(9)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"text": "a"}, ["b"]]', "line 1: not a JSON object, but another value in the array"),
        ('[\n{"text": "a"}\n{"text": "b"}]', "line 3: not a JSON object"),
        ('[{"text": "a"},\n{"text": "b"', "line 2: not a JSON object"),
        ('[{"text": "a"}]\nmore', "line 2: more text after the end"),
        ('{"text": ["a", "b"], "label": ["x"]}', "do not have the same length"),
        ('{"train": [{"text": "a"}], "test": [{"text": "b"}]}', "several lists of rows"),
        ('{"text": {"0": "a"}, "label": {"1": "x"}}', "do not have the same rows"),
        ('{"columns": ["text"], "data": [["a", "x"]]}', "the number of cells in a row"),
        ('{"text":\n', "line 1: not a JSON object"),
        (json.dumps(_task("a", "x", "y")), "line 1: kind has the choices x and y"),
        ('{"messages": [{"role": "user", "content": "a"}] }\n' * 2, ""),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}',
            "a chat with 2 questions and 0 answers",
        ),
    ],
)
def test_faults(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    if not message:
        rows = [row for _, row in read_rows(tmp_path / "a.json")]
        assert [(row["text"], row["label"]) for row in rows] == [("a", None)] * 2
        return
    with pytest.raises(UsageError, match=message):
        list(read_rows(tmp_path / "a.json"))


def test_tasks_that_are_not_annotated_have_no_label(tmp_path: Path) -> None:
    tasks = [_task("a", "x"), _task("b"), _task("c", "x", was_cancelled=True)]
    (tmp_path / "a.json").write_text(json.dumps(tasks), encoding="utf-8")
    rows = [row for _, row in read_rows(tmp_path / "a.json")]
    assert [(row["text"], row["label"]) for row in rows] == [("a", "x"), ("b", None), ("c", None)]
    assert rows[0]["kind"] == "x"
