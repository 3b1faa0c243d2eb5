"""What a service keeps of its answers, and that monitoring reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import TEXTS
from served_http import serving, write_classical
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import hash_words
from tunelab.serving.drift_reference import make_reference, write_reference
from tunelab.serving.http.record import AnswerRecord
from tunelab.serving.http.server import open_record
from tunelab.serving.http.settings import ServeSettings, read_settings
from tunelab.serving.monitoring.monitor import read_windows, reference_of

LINES = [text for texts in TEXTS.values() for text in texts]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_classical(tmp_path_factory.mktemp("classical"), "tfidf-logistic")
    labels = sorted(TEXTS)
    write_reference(folder, make_reference(LINES, labels, labels, labels, seed=1))
    return folder


@pytest.mark.parametrize("kept", ["words", "texts"])
def test_every_label_is_kept_and_monitoring_reads_it(
    classifier: Path, tmp_path: Path, kept: str
) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"half a line')
    with serving([f"mine={classifier}"]) as running:
        settings = ServeSettings(record=str(path), record_as=kept)
        running.service.record = open_record(running.service.served, settings)
        answers = [running.classify(texts=LINES[:5]).json(), running.classify(text="rain").json()]
        assert running.classify(text=" ").status_code == 400
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    given = [one["label"] for answer in answers for one in answer["results"]]
    assert [row["label"] for row in rows] == given
    assert [row["words"] for row in rows] == [
        list(hash_words(text, "words")) for text in (*LINES[:5], "rain")
    ]
    assert ("text" in rows[0]) == (kept == "texts")
    (window,) = read_windows([path], reference_of(classifier), model="mine")
    assert window.rows == 6
    assert len(window.texts or ()) == 6


def test_a_record_that_fails_stops_no_answer(classifier: Path, tmp_path: Path) -> None:
    with serving([f"mine={classifier}"]) as running:
        path = tmp_path / "answers.jsonl"
        running.service.record = AnswerRecord(path, {"mine": "words"}, texts=False)
        path.unlink()
        path.mkdir()
        assert running.classify(text=LINES[0]).status_code == 200
        assert {"error": "Is a directory", "lost": 1} in running.lines


def test_a_rotated_record_goes_on_in_a_new_file(classifier: Path, tmp_path: Path) -> None:
    path, old = tmp_path / "answers.jsonl", tmp_path / "answers.jsonl.1"
    with serving([f"mine={classifier}"]) as running:
        running.service.record = AnswerRecord(path, {"mine": "words"}, texts=False)
        running.classify(text=LINES[0])
        path.rename(old)
        running.classify(text=LINES[1])
    found = read_windows([old, path], reference_of(classifier), window="file")
    assert [(one.name, one.rows) for one in found] == [(old.name, 1), (path.name, 1)]


def test_wrong_settings_are_one_sentence(tmp_path: Path) -> None:
    def settings(**given: Any) -> ServeSettings:
        return read_settings(given, {}, None)

    with pytest.raises(UsageError, match="--record-as must be words or texts, not 'all'"):
        settings(record_as="all")
    with pytest.raises(UsageError, match=r"name a \.jsonl file"):
        settings(record="answers.csv")
    with pytest.raises(UsageError, match="cannot write"):
        AnswerRecord(tmp_path / "none" / "a.jsonl", {}, texts=False)
    bare = write_classical(tmp_path, "tfidf-svm")
    with serving([bare]) as running, pytest.raises(UsageError, match=r"has no reference\.json"):
        open_record(running.service.served, settings(record=str(tmp_path / "a.jsonl")))
