"""Exports that are kept because their own runtime answers alike, and those that are refused."""

import json
import re
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import TEXTS
from tiny_encoder import write_encoder
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.cli.main import main
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.serving.exporting import PROOF, export_classifier
from tunelab.serving.formats import onnx, skops
from tunelab.serving.formats.contract import check_installed, choose_type
from tunelab.serving.own_runtime import run_code
from tunelab.serving.proof_rows import ProofRows

ROWS = [Example(text, label) for label, texts in TEXTS.items() for text in texts]
NAMES = tuple(TEXTS)
TRUTH = tuple(row.label for row in ROWS)
PROVEN = ProofRows(tuple(row.text for row in ROWS), TRUTH, "rows of a test")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted encoder."""
    folder = tmp_path_factory.mktemp("exporting")
    mean = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    base = write_encoder(folder / "base", pooling=mean)
    made = find_classifier("encoder").make(
        {"model": str(base), "epochs": 1}, Context("cpu", "float32")
    )
    made.fit(
        Task(ROWS, [], NAMES, seed=1), folder=folder / "stage", target=folder / "mine", title=""
    )
    return folder / "mine"


def test_the_command_writes_a_folder_that_its_card_can_run(
    encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out"
    lines = [json.dumps({"text": row.text, "label": row.label}) for row in ROWS]
    rows.write_text("\n".join(lines), encoding="utf-8")
    words = ["export", str(encoder), str(out), "--rows", str(rows)]
    assert main([*words, "--format", "json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["export"], found["type"], found["rows"]) == ("onnx", "float32", len(ROWS))
    assert found["other_labels"] == []
    assert found["largest_difference"] < 1e-4
    assert found["accuracy"]["before"] == found["accuracy"]["after"]
    assert "381 rows like these would" in told.err
    assert json.loads((out / PROOF).read_text(encoding="utf-8"))["rows"] == len(ROWS)
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("model.onnx", "tokenizer.json", "classifier.json"),
        *("README.md", "proof.json", "tunelab.json"),
    }
    (tmp_path / "new").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}
    assert modes == {stat.S_IMODE((tmp_path / "new").stat().st_mode)}
    # The code of the card is what was run.
    card = (out / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert code is not None
    again = run_code(out, code.group(1), ["we won the game"])
    assert again.labels[0] in NAMES
    assert str(tmp_path) not in card
    # Asked for again, it is as it was found then; as another type the folder is in use.
    assert main([*words, "--format", "onnx", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("what,before,after,note\naccuracy,")
    assert main([*words, "--type", "int8"]) == 2
    assert "holds something already" in capsys.readouterr().err
    assert main(["predict", str(rows), "--adapter", str(out)]) == 2
    assert "is an export" in capsys.readouterr().err


def test_rounded_weights_are_smaller_and_have_a_verdict(encoder: Path, tmp_path: Path) -> None:
    exported = export_classifier(
        encoder, tmp_path / "out", type="int8", rows=PROVEN, margin=0.5
    ).proof
    assert exported["allowed"] is None
    assert exported["largest_difference"] > 0
    assert exported["accuracy"]["verdict"] in ("undecided", "supported")
    assert exported["after"]["bytes"] < exported["before"]["bytes"]


def test_an_export_that_answers_otherwise_is_refused_and_kept_by_force(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = onnx.FORMAT.code.replace("found.argmax(axis=1)", "found.argmin(axis=1)")
    monkeypatch.setattr(onnx, "FORMAT", replace(onnx.FORMAT, code=wrong))
    out = tmp_path / "new" / "out"
    with pytest.raises(RunError, match=r"does not answer alike: .* where it was") as raised:
        export_classifier(encoder, out, rows=PROVEN)
    assert re.search(r"rows with another label: 1 \(\w+ → \w+\)", str(raised.value))
    assert not out.parent.exists()
    kept = export_classifier(encoder, out, rows=PROVEN, force=True)
    assert kept.proof["failed"]
    with pytest.raises(RunError, match=r"holds this export, and its proof failed: .* --force"):
        export_classifier(encoder, out, rows=PROVEN)
    again = export_classifier(encoder, out, rows=PROVEN, force=True)
    assert again.proof["failed"] == kept.proof["failed"]
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "kept although it failed" in card
    assert "Rows with another label" in card


def test_other_rows_and_another_margin_are_proven_anew(encoder: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "mine", tmp_path / "out"
    shutil.copytree(encoder, source)
    # What is no text is no card.
    (source / "README.md").write_bytes(b"\xff")
    export_classifier(source, out, rows=PROVEN)
    model = (out / "model.onnx").stat().st_mtime_ns
    (out / "note").write_text("of somebody", encoding="utf-8")
    fewer = PROVEN.first(3)
    again = export_classifier(source, out, rows=fewer, margin=0.25)
    assert (again.proof["rows"], again.proof["margin"]) == (3, 0.25)
    written = json.loads((out / PROOF).read_text(encoding="utf-8"))
    assert (written["rows"], written["margin"]) == (3, 0.25)
    assert (out / "model.onnx").stat().st_mtime_ns == model
    assert "note" not in json.loads((out / "tunelab.json").read_text(encoding="utf-8"))["files"]
    # It is intact, and kept as it is.
    assert export_classifier(source, out, rows=fewer, margin=0.25).proof == written


def test_a_changed_export_is_noticed(encoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_classifier(encoder, out, rows=PROVEN)
    with (out / "classifier.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(RunError, match="was changed; remove"):
        export_classifier(encoder, out, rows=PROVEN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onyx"}, "did you mean onnx"),
        ({"format": "onnx", "type": "int3"}, "its types are float32, int8"),
        ({"type": "q8_0"}, "onnx has no type 'q8_0'"),
        ({"format": "skops"}, "cannot be exported as skops: .*; it can be exported as onnx"),
        ({"margin": 1.0}, "a share from 0 to less than 1"),
    ],
)
def test_wrong_use_is_one_sentence(
    options: dict[str, Any], message: str, encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        export_classifier(encoder, tmp_path / "out", rows=PROVEN, **options)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "CLASSIFIER is missing"),
        (["{encoder}"], "OUT is missing"),
        (["{encoder}", "out", "--out", "other"], "OUT is named twice"),
        (["{encoder}", "."], "a folder with a name of its own"),
        (["{encoder}", "out", "--format", "onnx", "--format", "skops"], "one at a time"),
    ],
)
def test_words_that_do_not_fit(
    words: list[str], message: str, encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *(word.format(encoder=encoder) for word in words)]) == 2
    assert message in capsys.readouterr().err


def test_a_runtime_that_is_missing_says_what_to_install() -> None:
    lacking = replace(onnx.FORMAT, packages={"no_such_package_": "no-such-package"}, writers={})
    with pytest.raises(UsageError, match=r"pip install 'tunelab\[onnx\]'"):
        check_installed(lacking)
    with pytest.raises(UsageError, match=r"pip install 'no-such-package'"):
        check_installed(replace(lacking, extra=None))
    check_installed(skops.FORMAT)
    assert choose_type(onnx.FORMAT, None) == "float32"


def test_torchao_is_named_where_it_is_missing_or_has_no_such_type(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"torchao has no type 'int4'; its types are int8\."):
        export_classifier(encoder, tmp_path / "out", format="torchao", type="int4")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torchao" else 1)
    with pytest.raises(UsageError, match=r"pip install 'tunelab\[torchao\]'"):
        export_classifier(encoder, tmp_path / "out", format="torchao")
    assert not (tmp_path / "out").exists()
