"""Zero-shot labels by entailment, on tiny random models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TEXTS, Workspace, write_model
from tiny_encoder import build_word_tokenizer, write_encoder, write_nli
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.errors import RunError, UsageError
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

NAMES = ("joy", "fear", "calm")
TASK = Task([], [], NAMES, seed=1)
TEXTS_ASKED = ["we won the game", "who is there [SEP] now", "", "x " * 200]


def _open(**settings: Any) -> Any:
    kind = find_classifier("entailment")
    kind.check(settings, "classifiers.0.")
    made = kind.make(settings, Context("cpu", "float32"))
    assert made.key(TASK)
    assert made.memory() > 1e6
    return made.open(Path("none"), TASK)


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta-v2"])
def test_the_probabilities_are_those_of_each_pair_alone(family: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    folder = write_nli(tmp_path / "nli", family)
    opened = _open(model=str(folder), hypothesis="it is {label}")
    found = opened.answer(TEXTS_ASKED)
    assert found.texts_cut == 1
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = build_word_tokenizer()
    tokenizer.split_special_tokens = True
    for row, text in enumerate(TEXTS_ASKED):
        logits = []
        for label in NAMES:
            pair = tokenizer(
                text,
                f"it is {label}",
                truncation="only_first",
                max_length=opened.loaded.most_tokens,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits.append(float(plain(**pair).logits[0, 2]))
        expected = np.exp(logits) / np.exp(logits).sum()
        assert found.given.probabilities[row] == pytest.approx(expected, rel=1e-3)
        assert found.given.labels[row] == NAMES[int(np.argmax(logits))]
    assert opened.probabilities(TEXTS_ASKED) == pytest.approx(np.array(found.given.probabilities))
    assert [one.label for one in opened.label(TEXTS_ASKED)] == list(found.given.labels)
    assert opened.label([]) == []
    assert opened.probabilities([]).shape == (0, 3)
    assert opened.about["hypotheses"] == ["it is joy", "it is fear", "it is calm"]
    json.dumps(dict(opened.about))


def test_what_is_refused_ends_in_one_sentence(tmp_path: Path) -> None:
    check = find_classifier("entailment").check
    other = write_nli(tmp_path / "other", labels={0: "not_entailment", 1: "positive"})
    encoder = write_encoder(tmp_path / "encoder")
    writer = write_model(tmp_path / "writer")
    for folder in (other, encoder, writer):
        with pytest.raises(UsageError, match="has no label of entailment"):
            check({"model": str(folder)}, "classifiers.0.")
    with pytest.raises(UsageError, match=r"the key 'classifiers\.0\.model' is missing"):
        check({}, "classifiers.0.")
    with pytest.raises(UsageError, match=r"it must hold \{label\}"):
        check({"model": str(other), "hypothesis": "This is so."}, "classifiers.0.")
    nli = write_nli(tmp_path / "nli")
    opened = _open(model=str(nli))
    with pytest.raises(RunError, match="cannot compare texts"):
        type(opened)("x", opened.loaded, ("joy",), ("a " * 80,)).answer(["we won"])


def test_a_study_with_entailment(workspace: Workspace, tmp_path: Path) -> None:
    nli = write_nli(tmp_path / "nli")
    study = open_study(
        str(workspace.study),
        [
            "methods=[]",
            "models.instruct=null",
            f"classifiers=[{{name: zero, use: entailment, model: '{nli}'}}]",
        ],
    )
    results = run_study(study, tmp_path / "run")
    stages = {result.stage: result.values for result in results if result.name == "zero"}
    assert set(stages) == {"evaluate", "review"}
    values = stages["evaluate"]
    assert (values["kind"], values["mode"]) == ("entailment", "label")
    assert values["hypotheses"] == [f"This text is about {label}." for label in sorted(TEXTS)]
    assert values["scored"]["brier"] > 0
