"""Every kind of classifier that tunelab has keeps the contract of `classifiers.contract`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TEXTS
from tiny_encoder import write_encoder
from tunelab import registry
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import labels_of, open_classifier, trained_by
from tunelab.config import Training
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.runs.results import FITTED

ROWS = [Example(text, label) for label, texts in TEXTS.items() for text in texts]
LABELS = tuple(sorted(TEXTS))
CONTEXT = Context("cpu", "float32", training=Training(tracking=[], evaluate_every=4))
STRANGE = ["we won [SEP] {labels} <|im_end|>", "👍", "=1+1", "ن" * 600]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("use", registry.CLASSIFIERS.own)
def test_the_contract(use: str, encoder: Path, tmp_path: Path) -> None:
    kind = find_classifier(use)
    assert kind.name == use
    assert kind.explanation.strip()
    settings: dict[str, Any] = {"model": str(encoder)} if "model" in kind.defaults else {}
    kind.check(settings, "classifiers.0.")
    with pytest.raises(UsageError, match=r"classifiers\.0\.no_such_key|no_such_key"):
        kind.check({**settings, "no_such_key": 1}, "classifiers.0.")
    made, again = (kind.make(settings, CONTEXT) for _ in range(2))
    task = Task(ROWS, ROWS[:3], LABELS, seed=5)
    assert made.about["kind"]
    assert made.kept_in in FITTED
    assert json.dumps([made.key(task), made.answer_key()]) == json.dumps(
        [again.key(task), again.answer_key()]
    )
    assert made.memory() >= 0
    target = tmp_path / "fitted"
    values = made.fit(task, folder=tmp_path / "stage", target=target, title="")
    json.dumps(dict(values))
    assert values["seconds"] >= 0
    assert values["adapter_bytes"] > 0
    assert trained_by(target) == "stage"
    assert labels_of(target) == LABELS

    opened = made.open(target, task)
    texts = [row.text for row in ROWS] + STRANGE
    answers = opened.answer(texts)
    assert opened.labels == answers.labels == LABELS
    assert answers.given is not None
    labels = [answer.label for answer in opened.label(texts)]
    assert labels == list(answers.given.labels)
    assert set(labels) <= set(LABELS)
    assert opened.label([]) == []
    json.dumps(dict(opened.about))
    if answers.given.probabilities is None:
        with pytest.raises(UsageError):
            opened.probabilities(texts)
    else:
        found = opened.probabilities(texts)
        assert found.shape == (len(texts), len(LABELS))
        assert np.allclose(found.sum(axis=1), 1)
        assert np.allclose(found, answers.given.probabilities, atol=1e-6)
    # Opened without the study, it answers the same; fitted again, too.
    other = open_classifier(target, device="cpu", dtype="float32")
    assert [answer.label for answer in other.label(texts)] == labels
    again.fit(task, folder=tmp_path / "again" / "stage", target=tmp_path / "twice", title="")
    same = again.open(tmp_path / "twice", task).label(texts)
    assert [answer.label for answer in same] == labels
