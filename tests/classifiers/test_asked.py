"""A language model that is asked: its examples, contextual calibration, and what is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import TEXTS, Workspace, write_model
from tiny_encoder import write_encoder
from tunelab.classifiers.contextual_calibration import CONTENT_FREE
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.examples import ExampleSettings, chooser
from tunelab.classifiers.registered import find_classifier
from tunelab.config import Evaluation, Prompt
from tunelab.data.examples import Example
from tunelab.errors import UsageError
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

ROWS = [
    Example(f"{text} {number}", label)
    for number in range(3)
    for label, texts in TEXTS.items()
    for text in texts
]
NAMES = tuple(TEXTS)
ASKED = ["we won the game 7", "who is there now", "stop calling", ""]
TASK = Task(ROWS, [], NAMES, seed=3)
MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("asked") / "model")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), pooling=MEAN, normalize=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))


def _context(**evaluation: Any) -> Context:
    prompt = Prompt(system="One of {labels}.", max_length=96)
    return Context("cpu", "float32", prompt, Evaluation(max_new_tokens=4, **evaluation))


def _open(context: Context, **settings: Any) -> Any:
    kind = find_classifier("asked")
    kind.check(settings, "classifiers.0.")
    kind.prove(settings, context, NAMES)
    made = kind.make(settings, context)
    assert made.key(TASK)
    return made.open(Path("none"), TASK)


def test_the_nearest_examples_are_those_of_the_highest_cosine(encoder: Path) -> None:
    from tunelab.classifiers.embedded_texts import embed_texts
    from tunelab.models.encoders import load_encoder

    settings = ExampleSettings(shots=3, examples="nearest", encoder=str(encoder))
    choose = chooser(settings, TASK, _context())
    found = choose(["we won the game 1", "my hands shook"])
    loaded = load_encoder(str(encoder))
    known = embed_texts(loaded, [row.text for row in ROWS]).vectors
    for text, shots in zip(["we won the game 1", "my hands shook"], found, strict=True):
        vector = embed_texts(loaded, [text]).vectors[0]
        likeness = known @ vector / np.linalg.norm(known, axis=1) / np.linalg.norm(vector)
        best = sorted(range(len(ROWS)), key=lambda row: -round(float(likeness[row]), 6))[:3]
        # The most similar one stands last, next to the text.
        assert shots == tuple((ROWS[row].text, ROWS[row].label) for row in best[::-1])
    assert found[0][-1] == ("we won the game 1", "joy")
    assert choose([]) == []
    many = chooser(settings.model_copy(update={"shots": 99}), TASK, _context())
    assert len(many(["we won"])[0]) == len(ROWS)


@pytest.mark.parametrize("style", ["chat", "plain"])
def test_each_text_has_its_own_examples_and_the_scores_are_those_of_each_alone(
    style: str, model: Path, encoder: Path
) -> None:
    from dataclasses import replace

    from tunelab.classifiers.asking import encoder_for, label_likelihoods

    context = _context()
    context = replace(context, prompt=context.prompt.model_copy(update={"style": style}))
    nearest = {"shots": 2, "examples": "nearest", "encoder": str(encoder)}
    asked = _open(context, model=str(model), **nearest)
    found = asked.answer(ASKED)
    shots = asked.choose(ASKED)
    assert len(set(shots)) > 1
    for row, (text, own) in enumerate(zip(ASKED, shots, strict=True)):
        alone = encoder_for(asked.loaded.tokenizer, asked.model, context.prompt, NAMES, own)
        prompt = alone.prompt(text)
        assert asked.prompts([text])[0] == prompt
        assert (alone.answers, alone.start) == (asked.encoder.answers, asked.encoder.start)
        scores = label_likelihoods(asked.model, alone, [prompt], title="", progress=False)
        assert found.scores.logprobs[row] == pytest.approx(scores.logprobs[0], abs=1e-4)
        if text == "":
            # The empty text has its own nearest examples too.
            assert found.scores.empty == pytest.approx(scores.logprobs[0], abs=1e-4)
    assert len(found.generated.answers) == len(ASKED)
    assert asked.probabilities(ASKED).shape == (len(ASKED), 3)
    assert [one.label for one in asked.label(ASKED)] == list(found.generated.labels)


@pytest.mark.parametrize("normalize", ["sum", "mean"])
@pytest.mark.parametrize("near", [False, True])
def test_contextual_calibration_by_hand(
    normalize: str, near: bool, model: Path, encoder: Path
) -> None:
    how = {"shots": 2, **({"examples": "nearest", "encoder": str(encoder)} if near else {})}
    context = _context(normalize=normalize)
    plain = _open(context, model=str(model), **how)
    calibrated = _open(context, model=str(model), calibrate=True, **how)

    def shares(encoder_: Any, text: str) -> list[float]:
        from tunelab.classifiers.asking import label_likelihoods

        scores = label_likelihoods(
            plain.model, encoder_, [encoder_.prompt(text)], title="", progress=False
        )
        size = scores.tokens if normalize == "mean" else [1] * 3
        weights = [math.exp(v / n) for v, n in zip(scores.logprobs[0], size, strict=True)]
        return [weight / sum(weights) for weight in weights]

    found = calibrated.answer(ASKED)
    assert (found.generated, found.scores) == (None, None)
    for row, text in enumerate(ASKED):
        own = plain.encoder.with_shots(plain.choose([text])[0]) if near else plain.encoder
        free = np.mean([shares(own, bare) for bare in CONTENT_FREE], axis=0)
        expected = np.array(shares(own, text)) / free
        expected /= expected.sum()
        assert found.given.probabilities[row] == pytest.approx(expected, rel=1e-3)
        assert found.given.labels[row] == NAMES[int(expected.argmax())]
    assert calibrated.probabilities(ASKED) == pytest.approx(np.array(found.given.probabilities))
    assert [one.label for one in calibrated.label(ASKED)] == list(found.given.labels)
    assert calibrated.answer([]).given.labels == ()
    assert plain.probabilities(ASKED) != pytest.approx(calibrated.probabilities(ASKED), abs=1e-3)


def test_a_study_with_asked_models(workspace: Workspace, encoder: Path, tmp_path: Path) -> None:
    model = workspace.folder / "model"
    near = f"shots: 1, examples: nearest, encoder: '{encoder}'"
    study = open_study(
        str(workspace.study),
        [
            "methods=[]",
            "prompt.descriptions={joy: 'they are glad: {labels}', fear: 'they are afraid'}",
            f"classifiers=[{{name: two, use: asked, model: '{model}', shots: 2}}, "
            f"{{name: near, use: asked, model: '{model}', {near}}}, "
            f"{{name: even, use: asked, model: '{model}', calibrate: yes}}]",
        ],
    )
    results = run_study(study, tmp_path / "run")
    found = {result.name: result.values for result in results if result.stage == "evaluate"}
    assert found["even"]["mode"] == "label"
    assert found["even"]["scored"] is not None
    assert (found["near"]["mode"], found["near"]["kind"]) == ("generate", "asked")
    assert len(found["two"]["prompt"]["shots"]) == 2
    # A field in a description is text, and the lines have the order of the labels.
    system = "Labels are anger, fear, joy.\n\nfear: they are afraid\njoy: they are glad: {labels}"
    assert found["two"]["prompt"]["system"] == found["instruct"]["prompt"]["system"] == system


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "the key 'classifiers.0.model' is missing"),
        ({"model": "smolm2"}, "smollm2"),
        ({"model": "all-minilm-l6-v2"}, "is an encoder, which reads text and writes none"),
        ({"model": "smollm2-135m-instruct", "examples": "nearest"}, "set shots to 1 or more"),
        ({"model": "smollm2-135m-instruct", "encoder": "x"}, "belongs to examples=nearest"),
        (
            {
                "model": "smollm2-135m-instruct",
                "shots": 1,
                "examples": "nearest",
                "encoder": "gemma-3-270m",
            },
            "gemma-3-270m is no encoder",
        ),
    ],
)
def test_wrong_settings_end_in_one_sentence(settings: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        find_classifier("asked").check(settings, "classifiers.0.")


@pytest.mark.parametrize("near", [False, True])
def test_more_examples_than_the_context_holds(near: bool, model: Path, encoder: Path) -> None:
    how = {"examples": "nearest", "encoder": str(encoder)} if near else {}
    with pytest.raises(UsageError, match=r"36 examples take [0-9]+ tokens of the model's context"):
        _open(_context(), model=str(model), shots=36, **how).answer(ASKED)


def test_a_description_of_no_label_ends_the_study(workspace: Workspace, tmp_path: Path) -> None:
    study = open_study(str(workspace.study), ["prompt.descriptions={jay: glad}"])
    with pytest.raises(UsageError, match=r"prompt\.descriptions has 'jay'.*did you mean joy\?"):
        run_study(study, tmp_path / "run")
