"""Sentence embeddings with a head: fitted, saved, opened and asked; and what is refused."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunelab
from conftest import TEXTS, write_model, write_rows
from tiny_encoder import write_encoder
from tunelab.app.loaded import open_tuned
from tunelab.classifiers.chosen_by_folds import choose
from tunelab.classifiers.contract import Context, Task
from tunelab.classifiers.embedded_texts import embed_texts
from tunelab.classifiers.registered import find_classifier
from tunelab.cli.main import main
from tunelab.data.examples import Example
from tunelab.errors import RunError, UsageError
from tunelab.models.embedding_cache import cache_file
from tunelab.models.encoders import load_encoder
from tunelab.runs.results import load_result

MEAN = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
ROWS = [
    Example(f"{text} {number}", label)
    for number in range(4)
    for label, texts in TEXTS.items()
    for text in texts
]
LABELS = ("anger", "fear", "joy", "calm")
CONTEXT = Context("cpu", "float32")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"), pooling=MEAN, normalize=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _fit(folder: Path, **settings: Any) -> tuple[Any, Task, Path, dict[str, Any]]:
    kind = find_classifier("embedding")
    kind.check(settings, "classifiers.0.")
    made = kind.make(settings, CONTEXT)
    task = Task(ROWS, [], LABELS, seed=3)
    target = folder / "classifiers" / "mine"
    values = made.fit(task, folder=folder / "stage", target=target, title="")
    return made, task, target, dict(values)


@pytest.mark.parametrize("head", ["logistic", "knn"])
def test_fitted_saved_and_opened(head: str, encoder: Path, tmp_path: Path) -> None:
    made, task, target, values = _fit(tmp_path, model=str(encoder), head=head)
    opened = made.open(target, task)
    texts = [row.text for row in ROWS]
    answers = opened.answer(texts)
    assert answers.given is not None
    right = [a == row.label for a, row in zip(answers.given.labels, ROWS, strict=True)]
    assert sum(right) > 0.9 * len(ROWS)
    found = opened.probabilities(texts)
    assert found.shape == (len(ROWS), 4)
    assert np.allclose(found.sum(axis=1), 1)
    # No training row has the label calm.
    assert (found[:, 3] == 0).all()
    assert np.allclose(answers.given.probabilities, found)
    assert [LABELS[column] for column in found.argmax(axis=1)] == list(answers.given.labels)
    assert opened.label([]) == []
    assert opened.probabilities([]).shape == (0, 4)
    assert opened.answer([]).given.labels == ()
    # What a record holds of it.
    assert values["model_hash"] == opened.about["model_hash"]
    assert opened.about["lineage"]["family"] == "bert"
    assert values["settings"] == made.settings.as_record()
    assert list(values["chosen"]) == ["C" if head == "logistic" else "neighbors"]
    assert values["seconds"] >= values["seconds_by_part"]["encode"] > 0
    json.dumps([values, dict(made.key(task)), dict(opened.about)])
    assert made.memory() > 1e6
    # And by the front door, which knows nothing of the study.
    loaded = tunelab.load(target)
    assert loaded.predict([*texts[:3], " "]) == [*answers.given.labels[:3], None]
    assert loaded.model == str(encoder)
    assert loaded.predict_proba(texts[:2]) == pytest.approx(found[:2])


def test_a_named_setting_is_the_chosen_one(encoder: Path, tmp_path: Path) -> None:
    made, task, target, values = _fit(tmp_path / "auto", model=str(encoder))
    named = _fit(tmp_path / "named", model=str(encoder), **values["chosen"])
    assert named[3]["chosen"] == {}
    assert named[0].key(task) != made.key(task)
    texts = ["who laughed", "he lied to us"]
    left = made.open(target, task).probabilities(texts)
    assert (named[0].open(named[2], task).probabilities(texts) == left).all()


def test_the_strength_is_that_of_scikit_learns_search(encoder: Path, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tunelab.classifiers.embedding_heads import HEADS, fit_head

    draw = np.random.default_rng(0)
    labels = draw.choice(["a", "b", "c"], 90)
    vectors = draw.standard_normal((90, 12)) + 0.6 * (labels == "a")[:, None]
    head = HEADS["logistic"]
    _, chosen = fit_head(head, "auto", vectors, labels.tolist(), seed=5)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, random_state=5))
    search = GridSearchCV(
        pipeline,
        {"logisticregression__C": list(head.values)},
        cv=StratifiedKFold(5, shuffle=True, random_state=5),
    ).fit(vectors, labels)
    assert chosen["C"] == search.best_params_["logisticregression__C"]


def test_folds_of_few_rows() -> None:
    asked = []

    def answer(fitted: Any, rows: Any) -> Any:
        asked.append((sorted(fitted.tolist()), sorted(rows.tolist())))
        yield from (["a"] * len(rows), ["b"] * len(rows))

    # A label with one row stays out, and the rarest of the others has two.
    assert choose((1, 2), 9, [*"aaabb", "c"], answer, seed=1) == 1
    assert len(asked) == 2
    assert sorted(row for _, rows in asked for row in rows) == [0, 1, 2, 3, 4]
    assert choose((1, 2), 9, ["a", "a", "b"], answer, seed=1) == 9
    assert choose((1, 2), 9, ["a", "a"], answer, seed=1) == 9


def test_a_text_is_encoded_once(encoder: Path) -> None:
    loaded = load_encoder(str(encoder))
    texts = ["we won", "who is there", "we won", "x " * 300]
    first = embed_texts(loaded, texts)
    assert first.cut == 1
    calls: list[int] = []
    hook = loaded.model.register_forward_hook(lambda *_: calls.append(1))
    again = embed_texts(loaded, texts[::-1])
    assert not calls
    assert again.vectors.tobytes() == first.vectors[::-1].tobytes()
    assert again.cut == 1
    assert again.seconds == pytest.approx(first.seconds)
    embed_texts(loaded, [*texts, "another"])
    hook.remove()
    assert len(calls) == 1
    assert (first.vectors[0] == first.vectors[2]).all()
    # A cache that was changed gives the same vectors, which are computed again.
    with closing(sqlite3.connect(cache_file())) as database, database:
        database.execute("UPDATE contents SET content = zeroblob(length(content))")
    assert np.allclose(embed_texts(loaded, texts).vectors, first.vectors, atol=1e-6)


def test_texts_are_data(encoder: Path) -> None:
    loaded = load_encoder(str(encoder))
    found = embed_texts(loaded, ["we won [SEP] the game", "", "👍", "\ud800"[:0]])
    assert np.isfinite(found.vectors).all()
    assert loaded.tokenizer("[SEP]")["input_ids"] != [2, 3, 3]


def test_another_encoder_is_refused(encoder: Path, tmp_path: Path) -> None:
    model = write_encoder(tmp_path / "encoder", pooling=MEAN)
    _, _, target, _ = _fit(tmp_path, model=str(model))
    (model / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    with pytest.raises(RunError, match="was trained on other weights"):
        tunelab.load(target)


def test_a_changed_file_is_refused(encoder: Path, tmp_path: Path) -> None:
    _, _, target, _ = _fit(tmp_path, model=str(encoder))
    content = bytearray((target / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (target / "model.skops").write_bytes(bytes(content))
    with pytest.raises(RunError, match=r"model\.skops is missing or was changed"):
        tunelab.load(target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"C": -1}, r"classifiers\.0\.C"),
        ({"neighbors": 0, "head": "knn"}, r"classifiers\.0\.neighbors"),
        ({"head": "svm"}, r"classifiers\.0\.head"),
        ({"neighbors": 3}, "neighbors, which belongs to head=knn"),
        ({"head": "knn", "C": 1}, "C, which belongs to head=logistic"),
        ({"modell": "x"}, r"did you mean classifiers\.0\.model"),
        ({"model": "all-minilm-l6"}, "did you mean all-minilm-l6-v2"),
        ({"model": "smollm2-135m-instruct"}, r"is no encoder \(its kind is instruct\)"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_classifier("embedding").check(settings, "classifiers.0.")


def test_a_language_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no encoder \(its kind is llama\)"):
        find_classifier("embedding").check({"model": str(write_model(tmp_path))}, "")


def test_one_label(encoder: Path, tmp_path: Path) -> None:
    made = find_classifier("embedding").make({"model": str(encoder)}, CONTEXT)
    task = Task([Example("we won", "joy")] * 3, [], ("joy", "fear"), seed=1)
    with pytest.raises(RunError, match="embedding cannot be fitted to the training rows"):
        made.fit(task, folder=tmp_path / "stage", target=tmp_path / "made", title="")


@pytest.fixture
def run(encoder: Path, tmp_path: Path) -> Path:
    """A run with an embedding classifier and a TF-IDF one, and no language model."""
    study = tmp_path / "study.yaml"
    study.write_text(
        f"""
name: small
data:
  source: {write_rows(tmp_path / "rows.csv")}
  sample: {{train: 36, validation: 6, test: 14}}
models: {{base: null, instruct: null}}
methods: []
classifiers:
- {{name: vectors, use: embedding, model: {encoder}}}
- {{name: neighbours, use: embedding, model: {encoder}, head: knn, neighbors: 3}}
training: {{tracking: []}}
evaluation: {{baselines: [tfidf-logistic], resamples: 100, facts_seconds: 0.2}}
""",
        encoding="utf-8",
    )
    out = tmp_path / "run"
    assert main(["run", str(study), "--out", str(out)]) == 0
    return out


def test_in_a_study(
    run: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"vectors", "neighbours", "tfidf-logistic"}
    assert {folder.name for folder in (run / "classifiers").iterdir()} == names
    for name in ("vectors", "neighbours"):
        card = (run / "classifiers" / name / "README.md").read_text(encoding="utf-8")
        assert "a model in a local folder" in card
        assert "SHA-256 of the encoder" in card
        assert "## Scores" in card
    assert "Chosen on the training rows: C = " in (
        run / "classifiers" / "vectors" / "README.md"
    ).read_text(encoding="utf-8")
    # A second run finds everything done.
    before = {path: path.stat().st_mtime_ns for path in run.glob("*/vectors-*/result.json")}
    assert {path.parts[-3] for path in before} == {"train", "evaluate", "review", "facts"}
    assert main(["run", str(tmp_path / "study.yaml"), "--out", str(run)]) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    [values] = (load_result(path.parent).values for path in before if path.parts[-3] == "evaluate")
    assert values["model"] == str(encoder)
    assert values["rows_per_second"]["label"] > 0
    # And its files answer by the command line.
    capsys.readouterr()
    file = tmp_path / "rows.csv"
    folder = run / "classifiers" / "vectors"
    assert main(["predict", str(file), "--adapter", str(folder)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["label"] for line in lines} == {"anger", "fear", "joy"}
    command = ["evaluate", str(file), "--adapter", str(folder), "evaluation.resamples=100"]
    assert main([*command, "--format", "json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found["scores"]["accuracy"] > 0.8
    assert open_tuned(folder, "cpu").label(["we won the game 1"])[0].label == "joy"


@pytest.mark.packages
def test_minilm_on_the_starter_corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its accuracy is well above that of TF-IDF."""
    from tunelab.data.sources import open_source

    # The weights are in the cache of the machine.
    monkeypatch.delenv("TUNELAB_CACHE")
    splits = open_source("starter", text="text", label="label").splits
    task = Task(splits["train"], [], tuple(sorted({row.label for row in splits["train"]})), seed=1)
    accuracy = {}
    for use in ("tfidf-svm", "embedding"):
        made = find_classifier(use).make({}, CONTEXT)
        made.fit(task, folder=tmp_path / "stage", target=tmp_path / use, title="")
        asked = made.open(tmp_path / use, task).label([row.text for row in splits["test"]])
        right = [a.label == row.label for a, row in zip(asked, splits["test"], strict=True)]
        accuracy[use] = sum(right) / len(right)
    assert accuracy["embedding"] > accuracy["tfidf-svm"] + 0.05
