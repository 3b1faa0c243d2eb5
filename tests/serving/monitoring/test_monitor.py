"""Logs of a service and files of predictions, in windows, by the command."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tunelab.cli.main import main
from tunelab.errors import UsageError
from tunelab.evaluation.drift.hashed_words import hash_words
from tunelab.serving.drift_reference import Reference, make_reference, write_reference
from tunelab.serving.monitoring.log_entries import Columns, read_entries
from tunelab.serving.monitoring.monitor import read_windows
from tunelab.serving.monitoring.windows import fill_windows

WORDS = [
    "we",
    "won",
    "lost",
    "the",
    "game",
    "again",
    "and",
    "they",
    "came",
    "home",
    "late",
    "in",
    "rain",
    "or",
    "sun",
]
OTHER = ["invoice", "number", "tax", "due", "payment", "please", "send", "account", "bank", "fee"]


def _texts(size: int, words: Sequence[str], seed: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=6)) for _ in range(size)]


@pytest.fixture(scope="module")
def reference() -> Reference:
    texts = _texts(200, WORDS, 1)
    truth = ["joy", "fear"] * 60
    return make_reference(texts, ["joy", "fear"], truth, truth[:-4] + ["joy"] * 4, seed=1)


@pytest.fixture(scope="module")
def classifier(reference: Reference, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    (folder / "tunelab.json").write_text("{}", encoding="utf-8")
    write_reference(folder, reference)
    return folder


def _write(path: Path, rows: Sequence[Any], end: str = "") -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + end, encoding="utf-8")
    return path


def _answers(texts: Sequence[str], day: int = 1, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "time": f"2026-03-{day:02d}T{number % 24:02d}:00:00+00:00",
            "text": text,
            "label": ("joy", "fear")[number % 2],
            **more,
        }
        for number, text in enumerate(texts)
    ]


def test_a_change_is_found_by_the_command(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        *_answers(_texts(60, WORDS, 2), 1, needs_review=False, probability=0.9),
        *_answers(_texts(60, OTHER, 3), 2, needs_review=True, probability=0.5),
    ]
    log = _write(tmp_path / "answers.jsonl", rows)
    call = ["monitor", str(log), "--against", str(classifier)]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "1 window of 2 differs" in told
    assert "2026-03-02: These texts differ from the training texts" in told
    assert main([*call, "--fail-on-drift"]) == 3
    record = json.loads((tmp_path / "monitor.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in record["windows"]] == ["2026-03-01", "2026-03-02"]
    assert [one["changed"] for one in record["windows"]] == [False, True]
    assert [one["to_review"]["value"] for one in record["windows"]] == [0.0, 1.0]
    assert record["windows"][1]["confidence"] == pytest.approx(0.5)
    page = (tmp_path / "monitor.html").read_text(encoding="utf-8")
    assert "1 window of 2 differs" in page
    assert "invoice" not in page
    assert "<svg" in page


def test_names_from_the_log_are_no_markup(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        _write(tmp_path / name, _answers(_texts(40, WORDS, 4)))
        for name in ("<img src=x onerror=alert(1)>.jsonl", "b.jsonl")
    ]
    words = ["monitor", *map(str, files), "--against", str(classifier), "--window", "file"]
    assert main([*words, "--out", str(tmp_path / "page.html")]) == 0
    assert "No change is shown in 2 windows" in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;img src=x" in page
    assert "<img src=x" not in page


def test_the_log_of_a_service_has_answers_without_texts(
    reference: Reference, tmp_path: Path
) -> None:
    line = {"time": "2026-03-01T10:00:00.000+00:00", "event": "request", "path": "/v1/classify"}
    rows = [
        {"time": line["time"], "event": "start", "models": ["mine"]},
        {**line, "model": "mine", "labels": {"joy": 30, "": 2}, "needs_review": 5},
        {**line, "status": 400},
        {**line, "model": "mine", "labels": {"fear": 1}},
    ]
    (window,) = read_windows([_write(tmp_path / "serve.log", rows)], reference)
    assert window.answers == {"joy": 30, None: 2, "fear": 1}
    assert window.texts is None
    assert (window.to_review, window.reviewed) == (5, 32)


def test_recorded_words_are_those_of_the_text(reference: Reference, tmp_path: Path) -> None:
    texts = _texts(40, WORDS, 6)
    rows = _answers(texts)
    hashed = [
        {**{key: value for key, value in row.items() if key != "text"}, "unit": "words"}
        | {"words": hash_words(row["text"], "words")}
        for row in rows
    ]
    (plain,) = read_windows([_write(tmp_path / "a.jsonl", rows)], reference)
    (words,) = read_windows([_write(tmp_path / "b.jsonl", hashed)], reference)
    assert plain == replace(words, readable=True)
    hashed[0]["unit"] = "letters"
    with pytest.raises(UsageError, match="recorded beside another classifier"):
        read_windows([_write(tmp_path / "c.jsonl", hashed)], reference)


def test_a_line_that_is_being_written_and_packed_logs(
    reference: Reference, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = _answers(_texts(35, WORDS, 7))
    log = _write(tmp_path / "a.jsonl", rows, end='{"time": "2026-03-01T1')
    packed = tmp_path / "b.jsonl.2.gz"
    packed.write_bytes(gzip.compress(b"not json\n" + log.read_bytes()))
    windows = read_windows([log, packed], reference, window="file")
    assert [one.rows for one in windows] == [35, 35]
    assert "1 line that is no JSON object is left out" in caplog.text


def test_windows_of_each_kind(reference: Reference, tmp_path: Path) -> None:
    rows = [row for day in (9, 1, 2) for row in _answers(_texts(3, WORDS, day), day)]
    log = _write(tmp_path / "a.jsonl", rows)

    def names(window: str | None) -> list[str]:
        return [
            one.name for one in fill_windows(read_entries([log], Columns()), window, unit="words")
        ]

    assert names(None) == names("day") == ["2026-03-01", "2026-03-02", "2026-03-09"]
    assert names("week") == ["week of 2026-02-23", "week of 2026-03-02", "week of 2026-03-09"]
    assert names("month") == ["2026-03"]
    assert len(names("hour")) == 9
    assert names("4") == ["from text 1", "from text 5", "from text 9"]
    assert names("file") == [log.name]


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ([{"event": "start"}], {}, "holds no answers"),
        ([{"text": "a"}], {}, "unknown column 'label'"),
        ([{"text": "a", "label": "anger"}], {}, "the label anger, which the classifier does not"),
        ([{"text": "a", "label": "joy", "time": "noon"}], {}, "'noon' in the column 'time'"),
        ([{"text": "a", "label": "joy"}], {"window": "day"}, "an answer has no time"),
        (
            [{"text": "a", "label": "joy"}],
            {"columns": Columns(time="when")},
            "unknown column 'when'",
        ),
        (
            [{"label": "joy", "classifier": "0" * 64}],
            {"classifier": "1" * 64},
            "recorded with another classifier",
        ),
        ([{"label": "joy", "words": [5000]}], {}, "words that tunelab serve --record never"),
        ([{"label": "joy"}], {"window": "0"}, "'0' is none of hour, day"),
        ([{"label": "joy"}], {"model": "mine"}, "no answers of the model 'mine'"),
        (
            [{"label": "joy", "model": "a"}, {"label": "joy", "model": "b"}],
            {},
            "answers of several models: a, b; name one",
        ),
    ],
)
def test_wrong_use_is_one_sentence(
    reference: Reference, tmp_path: Path, rows: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        read_windows([_write(tmp_path / "a.jsonl", rows)], reference, **options)


def test_a_missing_log_a_repeated_one_and_no_reference(
    classifier: Path, reference: Reference, tmp_path: Path
) -> None:
    log = _write(tmp_path / "a.jsonl", _answers(["we won"]))
    with pytest.raises(UsageError, match="there is no file"):
        read_windows([tmp_path / "none.jsonl"], reference)
    with pytest.raises(UsageError, match="named twice"):
        read_windows([log, log], reference)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "tunelab.json").write_text("{}", encoding="utf-8")
    assert main(["monitor", str(log), "--against", str(bare)]) == 2
    assert main(["monitor", str(log), "--against", str(classifier), "--out", "page.txt"]) == 2
