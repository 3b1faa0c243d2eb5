"""Every kind of classifier is exported in every format that can hold it, or says why it cannot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TEXTS, write_adapter, write_model
from tiny_encoder import write_encoder, write_nli
from tunelab import registry
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import open_classifier, read_record
from tunelab.config import Evaluation, Prompt
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.serving.formats.contract import Source, choose_format, find_format, formats_for

ROWS = [Example(text, label) for label, texts in TEXTS.items() for text in texts]
NAMES = tuple(TEXTS)
ASKED = (
    "we won the game 7",
    "who is there",
    "",
    "سلام 😀 <|im_end|> [SEP]",
    "Stop  calling me " * 60,
)
CONTEXT = Context(
    "cpu", "float32", Prompt(system="One of {labels}.", max_length=96), Evaluation(max_new_tokens=4)
)
# What each classifier can be exported as.
EXPORTS: Mapping[str, tuple[str, ...]] = {
    "majority": ("skops",),
    "tfidf-svm": ("skops",),
    "tfidf-logistic": ("skops",),
    "tfidf-characters": ("skops",),
    "embedding": ("onnx",),
    "embedding-knn": (),
    "setfit": ("onnx",),
    "encoder-lora": ("onnx",),
    "encoder-prompt": (),
    "lora": ("merged", "gguf", "torchao"),
    "prompt_tuning": (),
}


# Formats whose libraries are not among those that the tests need.
OPTIONAL = {"torchao"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A fitted classifier of each kind."""
    folder = tmp_path_factory.mktemp("kinds")
    mean = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    encoder = str(write_encoder(folder / "base", pooling=mean))
    model = write_model(folder / "model")
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "majority": ("majority", {}),
        "tfidf-svm": ("tfidf-svm", {}),
        "tfidf-logistic": ("tfidf-logistic", {"C": 1.0}),
        "tfidf-characters": ("tfidf-characters", {"C": 1.0}),
        "embedding": ("embedding", {"model": encoder, "C": 0.1}),
        "embedding-knn": ("embedding", {"model": encoder, "head": "knn", "neighbors": 1}),
        "setfit": ("setfit", {"model": encoder, "pairs": 16}),
        "encoder-lora": ("encoder", {"model": encoder, "epochs": 1, "method": "lora"}),
        "encoder-prompt": ("encoder", {"model": encoder, "epochs": 1, "method": "prompt_tuning"}),
    }
    for name, (kind, own) in settings.items():
        made = find_classifier(kind).make(own, CONTEXT)
        task = Task(ROWS, [], NAMES, seed=1)
        made.fit(task, folder=folder / "stage" / name, target=folder / name, title="")
    for method in ("lora", "prompt_tuning"):
        write_adapter(model, folder / method, method, labels=NAMES)
    return {name: folder / name for name in EXPORTS}


def test_every_kind_and_format_stands_in_the_table() -> None:
    assert {format for formats in EXPORTS.values() for format in formats} == set(
        registry.EXPORT_FORMATS
    )
    fitted = {"setfit", "embedding", "encoder-lora"} | {
        name for name in registry.CLASSIFIERS.own if name.startswith("tfidf") or name == "majority"
    }
    assert set(registry.CLASSIFIERS.own) - fitted - {"encoder"} == {"asked", "hosted", "entailment"}
    assert fitted <= set(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_what_can_hold_it(name: str, folders: dict[str, Path]) -> None:
    folder = folders[name]
    fitted = open_classifier(folder, device="cpu", dtype="float32")
    source = Source(folder, read_record(folder), fitted)
    assert tuple(formats_for(source)) == EXPORTS[name]
    for format in registry.EXPORT_FORMATS:
        if format in EXPORTS[name]:
            assert choose_format(source, format).name == format
            continue
        with pytest.raises(UsageError, match=f"cannot be exported as {format}: ") as raised:
            choose_format(source, format)
        assert str(raised.value).count(". ") == 0
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "format"),
    [(name, format) for name, formats in EXPORTS.items() for format in formats],
)
def test_the_code_of_its_card_answers_alike(
    name: str,
    format: str,
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if format in OPTIONAL:
        pytest.importorskip(format)
    fitted = open_classifier(folders[name], device="cpu", dtype="float32")
    expected = [one.label for one in fitted.label(ASKED)]
    try:
        shares = fitted.probabilities(ASKED)
    except UsageError:
        shares = None
    chosen, out = find_format(format), tmp_path / "out"
    out.mkdir()
    about = chosen.write(
        Source(folders[name], read_record(folders[name]), fitted), out, chosen.default_type
    )
    monkeypatch.chdir(out)
    scope: dict[str, Any] = {}
    exec(chosen.code_for(about), scope)
    found = scope["classify"](ASKED)
    if chosen.parse is not None:
        assert [chosen.parse(answer, NAMES) for _, _, answer in found] == expected
    else:
        assert [label for label, _, _ in found] == expected
    allowed = chosen.types[chosen.default_type]
    if shares is None:
        assert [row for _, row, _ in found] == [None] * len(ASKED)
    elif allowed is not None:
        assert np.abs(np.array([row for _, row, _ in found]) - shares).max() <= allowed


def test_what_was_not_fitted_says_so(tmp_path: Path) -> None:
    made = find_classifier("entailment").make({"model": str(write_nli(tmp_path / "nli"))}, CONTEXT)
    opened = made.open(tmp_path, Task(ROWS, [], NAMES, seed=1))
    with pytest.raises(UsageError, match="use it as it is"):
        choose_format(Source(tmp_path, {}, opened), None)
