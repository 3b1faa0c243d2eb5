"""Facts of classifiers: measured the same way for all, kept, and shown wherever scores are."""

import json
from pathlib import Path
from typing import Any

import pytest

import tunelab
from conftest import Workspace
from tiny_encoder import write_encoder
from tunelab.classifiers.contract import LabelAnswer, Size
from tunelab.classifiers.measured import SINGLES, measure_facts
from tunelab.cli.main import main
from tunelab.evaluation.facts import FACTS, doubts_of, facts_to_show, of_requests
from tunelab.report.build import build_report
from tunelab.report.facts_table import facts_of
from tunelab.report.figures import costs
from tunelab.runs.run_folder import RunFolder, read_run
from tunelab.study.opening import open_study

NAMES = ["majority", "words", "vectors", "neighbours", "whole", "pairs"]
NAMES += ["instruct", "lora", "lora-head"]


@pytest.fixture(scope="module")
def folder(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("facts")
    encoder = write_encoder(out / "encoder")
    classifiers = [
        "{name: words, use: tfidf-logistic}",
        f"{{name: vectors, use: embedding, model: {encoder}}}",
        f"{{name: neighbours, use: embedding, model: {encoder}, head: knn}}",
        f"{{name: whole, use: encoder, model: {encoder}, epochs: 1}}",
        f"{{name: pairs, use: setfit, model: {encoder}, pairs: 32}}",
    ]
    overrides = [
        "data.sample={train: 12, validation: 3, test: 6}",
        "training.epochs=1",
        "evaluation.facts_seconds=0.2",
        "models.base=null",
        "methods=[{name: lora}, {name: lora, answers: head}]",
        f"classifiers=[{', '.join(classifiers)}]",
    ]
    assert main(["run", str(workspace.study), *overrides, "--out", str(out / "run")]) == 0
    return out / "run"


@pytest.fixture(scope="module")
def run(folder: Path) -> RunFolder:
    return read_run(folder)


def test_each_classifier_has_all_facts_or_a_reason(run: RunFolder) -> None:
    assert [result.name for result in run.measured] == NAMES
    for result in run.measured:
        values = result.values
        for fact in FACTS:
            reason = values["unknown"].get(fact.id)
            assert (values[fact.id] is None) == (reason is not None), (result.name, fact.id)
            assert values[fact.id] is None or values[fact.id] >= 0
        assert 1 <= values["single_texts"] <= SINGLES
        assert values["device"] == "cpu"
        # Two processors' work is known where there was a second of it.
        assert {"other_cpus", "free_cpus"} <= set(values)


def test_what_is_counted(run: RunFolder, folder: Path) -> None:
    facts = {result.name: result.values for result in run.measured}
    trained = {result.name: result.values for result in run.trained}
    assert facts["majority"]["parameters"] == facts["majority"]["trained_parameters"] == 0
    # A weight for each feature and label, an intercept for each label, and each feature's rarity.
    assert facts["words"]["parameters"] == facts["words"]["trained_parameters"]
    assert facts["words"]["parameters"] % 4 == 3
    # Two layers of a width of 32, three labels.
    head = facts["vectors"]["trained_parameters"]
    assert head == 32 * 3 + 3 + 2 * 32
    assert facts["pairs"]["trained_parameters"] == facts["pairs"]["parameters"]
    assert facts["pairs"]["parameters"] == facts["vectors"]["parameters"] - 2 * 32
    assert "have no parameters" in facts["neighbours"]["unknown"]["parameters"]
    for name in ("lora", "lora-head", "whole"):
        assert facts[name]["trained_parameters"] == trained[name]["trainable_parameters"]
        assert facts[name]["parameters"] == trained[name]["total_parameters"]
    assert facts["instruct"]["trained_parameters"] == facts["instruct"]["train_seconds"] == 0
    assert facts["lora"]["bytes"] > facts["instruct"]["bytes"] > 4 * facts["instruct"]["parameters"]
    # Its own encoder, and none beside it.
    assert facts["pairs"]["model_bytes"] == 0
    assert facts["pairs"]["bytes"] > 4 * facts["pairs"]["parameters"]
    for name, values in trained.items():
        assert facts[name]["train_seconds"] == values["seconds"]


def test_shown_with_the_scores(run: RunFolder, folder: Path) -> None:
    rows = facts_of(run)
    assert [row.name for row in rows] == NAMES
    table = costs.collect(run)
    assert set(table["classifier"]) == set(NAMES)
    assert set(table["cost"]) == set(costs._COSTS)
    for _, panel in table.groupby("cost"):
        best = panel["accuracy"].max()
        assert panel[panel["front"]]["accuracy"].max() == best
    page = build_report(folder).read_text(encoding="utf-8")
    assert "What each classifier costs" in page
    assert "the nearest neighbours have no parameters" in page
    opened = tunelab.open_run(folder)
    assert list(opened.facts["name"]) == NAMES
    assert opened.facts["median_ms"].notna().all()
    assert opened.figure("costs") is not None
    for path in ("adapters/lora", "classifiers/pairs", "classifiers/words"):
        card = (folder / path / "README.md").read_text(encoding="utf-8")
        assert "## Cost" in card
        assert "| time for one text, the median | " in card
    assert "from which the encoder in these files was trained" in (
        folder / "classifiers" / "pairs" / "README.md"
    ).read_text(encoding="utf-8")


def test_a_second_run_measures_nothing_and_none_are_wanted(
    folder: Path, workspace: Workspace, tmp_path: Path
) -> None:
    study = open_study(str(folder / "study.yaml"))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("facts/*/result.json")}
    assert len(before) == len(NAMES)
    assert study.evaluation.facts_seconds == 0.2
    command = ["run", str(folder / "study.yaml"), "--out", str(folder)]
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert main([*command[:2], "evaluation.facts_seconds=0", *command[2:]]) == 0
    run = read_run(folder)
    assert not run.measured
    assert costs.collect(run).empty
    assert "What each classifier costs" not in build_report(folder).read_text(encoding="utf-8")
    # As a run of an older version, whose study does not name the key.
    assert len(tunelab.open_run(folder).facts) == 0


class _Counted:
    """A classifier that counts what it is asked, and takes ``slow`` seconds for each text."""

    name = "counted"
    labels = ("a", "b")

    def __init__(self, *, metered: bool = False, slow: float = 0.0) -> None:
        self.calls: list[int] = []
        self.size = Size(None, metered=metered)
        self.slow = slow
        self.now = 0.0

    def label(self, texts: list[str]) -> list[LabelAnswer]:
        self.now += self.slow * len(texts)
        self.calls.append(len(texts))
        return [LabelAnswer("a", None, None) for _ in texts]


def _measured(classifier: Any, texts: list[str], seconds: float) -> dict[str, Any]:
    """By a clock that only the classifier moves, as the machine may be busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tunelab.classifiers.measured.time.perf_counter", lambda: classifier.now)
        return measure_facts(lambda: classifier, texts, seconds=seconds, device="cpu")


def test_calls_within_the_time() -> None:
    texts = [f"text {number}" for number in range(100)]
    quick = _Counted(slow=0.001)
    found = _measured(quick, texts, seconds=1.0)
    assert quick.calls == [1] * (2 + SINGLES) + [8, 100]
    assert found["batch_rows"] == 100
    assert found["unknown"]["parameters"] == "the classifier does not report them"
    slow = _Counted(slow=0.02)
    found = _measured(slow, texts, seconds=0.1)
    assert slow.calls == [1, 1, 1, 1, 1, 8]
    assert found["median_ms"] == pytest.approx(20)
    assert found["rows_per_second"] == pytest.approx(50)
    assert found["unknown"]["p95_ms"] == "only 3 texts fit into the time"


def test_what_is_paid_for_is_not_asked_again() -> None:
    paid = _Counted(metered=True)
    found = _measured(paid, ["a"], seconds=1.0)
    assert paid.calls == []
    assert found["median_ms"] is None
    assert "paid for" in found["unknown"]["median_ms"]
    json.dumps(found)


def test_answers_that_were_requests_tell_their_times_and_price() -> None:
    unknown = {"median_ms": "paid for", "p95_ms": "paid for", "parameters": "not told"}
    requests = {
        "seconds_per_request": {"median": 0.25, "p95": 0.9},
        "price_per_thousand_rows": 0.06,
        "price_reason": None,
    }
    found = of_requests({"requests": requests}, unknown)
    assert (found["median_ms"], found["p95_ms"]) == (250, 900)
    assert (found["price_per_thousand_rows"], found["times_of"]) == (0.06, "requests")
    assert found["unknown"] == {"parameters": "not told"}
    untold = {"price_per_thousand_rows": None, "price_reason": "the study names no prices"}
    found = of_requests({"requests": {"seconds_per_request": None, **untold}}, unknown)
    assert "median_ms" not in found
    assert found["unknown"]["median_ms"] == "paid for"
    assert found["unknown"]["price_per_thousand_rows"] == "the study names no prices"
    local = of_requests({}, {})
    assert local == {"price_per_thousand_rows": 0.0, "unknown": {}}
    shown = [[fact.id for fact in facts_to_show([one])] for one in (found, local)]
    assert ["price_per_thousand_rows" in one for one in shown] == [True, False]


def test_other_work_is_told() -> None:
    busy = {"other_cpus": 1.5, "free_cpus": 0.1, "train_doubt": "it was interrupted"}
    assert list(doubts_of(busy)) == [
        "of the training: it was interrupted",
        "of the answers: other work kept 1.5 of the machine's processors busy meanwhile",
    ]
    assert not list(doubts_of({"other_cpus": None, "free_cpus": None}))
