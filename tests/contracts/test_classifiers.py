"""The contract of a classifier holds for every registered kind."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chat_server import chatting, reply
from conftest import TEXTS, write_model
from tiny_encoder import write_encoder, write_nli
from tunelab import registry
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.registered import find_classifier
from tunelab.classifiers.stored import labels_of, open_classifier, trained_by
from tunelab.classifiers.tuned import TunedModel
from tunelab.config import Evaluation, Prompt, Training
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.methods.contract import find_method
from tunelab.serving.http.labelling import label_in_one_pass

ROWS = [
    Example(f"{text} {number}", label)
    for number in range(3)
    for label, texts in TEXTS.items()
    for text in texts
]
NAMES = tuple(TEXTS)
ASKED = ["we won the game 7", "who is there", "", "سلام 😀 <|im_end|> [SEP]", "we won the game 7"]
CONTEXT = Context(
    "cpu", "float32", Prompt(system="One of {labels}.", max_length=96), Evaluation(max_new_tokens=4)
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What a kind needs besides its defaults: a model."""
    folder = tmp_path_factory.mktemp("kinds")
    mean = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    encoder = str(write_encoder(folder / "encoder", pooling=mean))
    with chatting(lambda body: reply("joy")) as chat:
        yield {
            "embedding": {"model": encoder},
            "setfit": {"model": encoder, "pairs": 32},
            "encoder": {"model": encoder, "epochs": 1},
            "asked": {"model": str(write_model(folder / "model")), "shots": 2},
            "entailment": {"model": str(write_nli(folder / "nli"))},
            "hosted": {"url": chat.url, "model": "m"},
        }


@pytest.mark.parametrize("name", registry.CLASSIFIERS.own)
def test_the_contract(
    name: str,
    settings: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    own = settings.get(name, {})
    kind = find_classifier(name)
    assert kind.explanation
    json.dumps(dict(kind.defaults))
    kind.check(own, "classifiers.0.")
    kind.prove(own, CONTEXT, NAMES)
    with pytest.raises(UsageError, match=r"classifiers\.0\.no_such_setting"):
        kind.check({**own, "no_such_setting": 1}, "classifiers.0.")
    _holds(lambda: kind.make(own, CONTEXT), name, tmp_path)


# Settings that take another way through the code of their kind.
OTHER_WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "embedding-knn": ("embedding", {"head": "knn"}),
    "encoder-lora": ("encoder", {"method": "lora", "r": 2}),
    "encoder-prefix": ("encoder", {"method": "prefix_tuning", "virtual_tokens": 2}),
    "asked-nearest": ("asked", {"examples": "nearest"}),
    "asked-calibrated": ("asked", {"calibrate": True}),
}


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_the_contract_of_other_ways(
    name: str,
    settings: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    use, more = OTHER_WAYS[name]
    own = {**settings[use], **more}
    if name == "asked-nearest":
        own["encoder"] = settings["encoder"]["model"]
    kind = find_classifier(use)
    kind.check(own, "classifiers.0.")
    _holds(lambda: kind.make(own, CONTEXT), name, tmp_path)


@pytest.mark.parametrize("answers", ["words", "head"])
def test_the_contract_of_a_fine_tuned_language_model(
    answers: Any, settings: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    make = partial(
        TunedModel,
        name="lora",
        group="lora",
        model=settings["asked"]["model"],
        method="lora",
        settings=find_method("lora").Settings(r=2, alpha=4),
        learning_rate=0.01,
        seed=1,
        answers=answers,
        prompt=CONTEXT.prompt,
        training=Training(epochs=0.5, tracking=[]),
        evaluation=CONTEXT.evaluation,
        context=CONTEXT,
    )
    _holds(make, "lora", tmp_path)


def _holds(make: Callable[[], Any], name: str, tmp_path: Path) -> None:
    """What every classifier promises, from its key to the last probability."""
    made = make()
    task = Task(ROWS, [], NAMES, seed=1)
    json.dumps([dict(made.about), dict(made.key(task)), dict(made.answer_key())])
    assert {"kind", "model"} <= set(made.about)
    assert made.device == "cpu"
    assert made.memory() >= 0
    target = tmp_path / made.kept_in / name
    values = dict(made.fit(task, folder=tmp_path / "stage", target=target, title=""))
    json.dumps(values)
    if made.trains:
        assert values["seconds"] >= 0
        assert values["adapter_bytes"] > 0
        assert trained_by(target) == "stage"
    assert labels_of(target) == NAMES
    opened = made.open(target, task)
    json.dumps(dict(opened.about))
    assert opened.labels == NAMES
    answers = opened.answer(ASKED)
    ways = [answers.generated, answers.scores, answers.given]
    assert any(way is not None for way in ways)
    json.dumps(dict(answers.facts))
    assert all(spent >= 0 for spent in answers.seconds.values())
    labels = [one.label for one in opened.label(ASKED)]
    assert set(labels) <= {*NAMES, None}
    # Texts that are equal have equal answers, and the order of the texts does not matter.
    assert labels[0] == labels[-1]
    assert [one.label for one in opened.label(ASKED[::-1])] == labels[::-1]
    if answers.generated is not None:
        assert list(answers.generated.labels) == labels
    elif answers.given is not None:
        assert list(answers.given.labels) == labels
    assert opened.label([]) == []
    rows = [Example(text, "joy") for text in ASKED]
    assert opened.answer(ASKED).against(rows).truth == ("joy",) * len(ASKED)
    try:
        found = opened.probabilities(ASKED)
    except UsageError as error:
        assert "has no probabilities" in str(error)  # noqa: PT017
        assert answers.given is None or answers.given.probabilities is None
    else:
        assert found.shape == (len(ASKED), 3)
        assert np.allclose(found.sum(axis=1), 1)
        served = label_in_one_pass(opened, ASKED, probabilities=True)
        assert [one.label for one in served if one.reason != "blank text"] == [
            label for text, label in zip(ASKED, labels, strict=True) if text
        ]
        if served[0].probabilities is not None:
            assert np.allclose(served[0].probabilities, found[0], atol=1e-6)
    # Opened without the study it answers the same; fitted again, too.
    other = open_classifier(
        target, device="cpu", dtype="float32", evaluation=Evaluation(max_new_tokens=4)
    )
    assert [one.label for one in other.label(ASKED)] == labels
    if made.trains:
        again = make()
        assert dict(again.key(task)) == dict(made.key(task))
        again.fit(task, folder=tmp_path / "again" / "stage", target=tmp_path / "twice", title="")
        assert [one.label for one in again.open(tmp_path / "twice", task).label(ASKED)] == labels
