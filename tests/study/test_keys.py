"""Every key of a study acts: each is flipped, and something else comes out."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel

from conftest import Workspace
from tunelab.config import Study
from tunelab.errors import UsageError
from tunelab.guards.validation import section_of
from tunelab.report.build import build_report
from tunelab.runs.results import Result
from tunelab.runs.run_folder import read_run
from tunelab.study.judging.decision import decide
from tunelab.study.judging.review import review
from tunelab.study.judging.stage import judge
from tunelab.study.opening import open_study
from tunelab.study.run import run_study

Outcome = dict[tuple[str, str], Result]
Look = Callable[[Outcome, Path], Any]


def _train(outcome: Outcome) -> Result:
    return next(
        result
        for result in outcome.values()
        if "method" in result.values and result.stage == "train"
    )


def _value(name: str) -> Look:
    return lambda outcome, _: _train(outcome).values[name]


def _prompt(name: str) -> Look:
    return lambda outcome, _: outcome["evaluate", "instruct"].values["prompt"][name]


def _history(column: str) -> Look:
    return lambda outcome, _: pd.read_parquet(_train(outcome).folder / "history.parquet")[
        column
    ].tolist()


def _rows(split: str) -> Look:
    def look(_: Outcome, out: Path) -> Any:
        index = json.loads((out / "run.json").read_text(encoding="utf-8"))
        return pd.read_parquet(out / index["prepare"] / f"{split}.parquet").to_dict("list")

    return look


def _cells(outcome: Outcome, _: Path) -> Any:
    return sorted(outcome)


def _classical(outcome: Outcome, _: Path) -> Any:
    return outcome["evaluate", "once"].values["model"]


def _report(_: Outcome, out: Path) -> Any:
    return build_report(out).read_text(encoding="utf-8")


def _answers(outcome: Outcome, _: Path) -> Any:
    result = outcome["evaluate", "instruct"]
    return pd.read_parquet(result.folder / "predictions.parquet")["answer"].tolist()


def _dropped(outcome: Outcome, out: Path) -> Any:
    return len(_rows("train")(outcome, out)["text"])


def _mode(outcome: Outcome, _: Path) -> Any:
    return outcome["evaluate", "instruct"].values["mode"]


def _probabilities(outcome: Outcome, _: Path) -> Any:
    result = outcome["evaluate", "instruct"]
    table = pd.read_parquet(result.folder / "predictions.parquet")
    return [list(row) for row in table["probabilities"]]


def _f1_interval(outcome: Outcome, _: Path) -> Any:
    return [
        result.values["intervals"] for (stage, _), result in outcome.items() if stage == "evaluate"
    ]


def _verdicts(_: Outcome, out: Path) -> Any:
    return [entry.to_dict() for entry in judge(read_run(out)).claims]


def _decision(_: Outcome, out: Path) -> Any:
    decision = decide(read_run(out))
    return decision.metric, [
        (one.name, list(one.breaks), one.unknown) for one in decision.candidates
    ]


def _race(_: Outcome, out: Path) -> Any:
    return json.loads((out / "budget.json").read_text(encoding="utf-8"))["race"]


def _review(_: Outcome, out: Path) -> Any:
    return review(read_run(out)).to_dict()


def _references(_: Outcome, out: Path) -> Any:
    return sorted(path.parent.name for path in out.glob("*/*/reference.json"))


def _notes(_: Outcome, out: Path) -> Any:
    return decide(read_run(out)).notes


def _open(outcome: Outcome, _: Path) -> Any:
    record = json.loads(
        (outcome["generate", "open"].folder / "open.json").read_text(encoding="utf-8")
    )
    return [
        (one["model"], one["temperature"], one["prompt"], one["sample"], one["text"])
        for one in record["answers"]
    ], record["prompts"]


OPEN = [
    "methods=[]",
    "generation={prompts: [we won, the door], temperatures: [1.0], samples: 2, max_new_tokens: 9}",
]
CLAIM = "claims=[{claim: It is so., metric: accuracy, left: lora, right: majority}]"
CLASSIFIER = ["classifiers=[{name: once, use: tfidf-svm}]"]
BUDGET = [
    *("methods=[]", *CLASSIFIER),
    "budget={per_class: [1, 2], draws: 2, classifiers: [once]}",
]
LOSSES = _history("loss")
RATES = _history("learning_rate")
STRICT = "training.early_stopping={patience: 1, min_delta: 1.5}"
LONG = "training.epochs=4"

# key: (value, what is looked at, overrides of both runs)
KEYS: dict[str, tuple[str, Look, list[str]]] = {
    "name": ("other", _report, []),
    "seed": ("7", _rows("train"), []),
    "data.source": ("{folder}/more.csv", _rows("test"), []),
    "data.text": ("note", _rows("train"), []),
    "data.label": ("group", _prompt("labels"), []),
    "data.group": ("note", lambda o, p: sorted(_rows("test")(o, p)), []),
    "data.slices": ("[length]", lambda o, p: len(judge(read_run(p)).slices), []),
    "data.sample.train": ("18", _rows("train"), []),
    "data.sample.validation": ("3", _rows("validation"), []),
    "data.sample.test": ("6", _rows("test"), []),
    "data.drop": ("[]", _dropped, ["data.source={folder}/faulty.csv", "data.sample.train=all"]),
    "prompt.system": ("Choose.", _prompt("system"), []),
    "prompt.descriptions": ("{joy: they are glad}", _prompt("system"), []),
    "prompt.style": ("plain", _prompt("style"), []),
    "prompt.max_length": ("64", _prompt("max_length"), []),
    "prompt.variants": ("['Answer with a label.']", _cells, ["methods=[]"]),
    "models.base": ("{folder}/model", _cells, []),
    "models.instruct": ("null", _cells, ["methods.0.model={folder}/model"]),
    "tokenizers": ("[smollm2]", _cells, []),
    "methods.name": ("full", _value("trainable_parameters"), ["methods=[{name: lora}]"]),
    "methods.id": ("mine", _cells, []),
    "methods.model": ("base", _value("model"), ["models.base={folder}/other"]),
    "methods.answers": ("head", _value("trainable_parameters"), []),
    "methods.learning_rate": ("0.002", _value("learning_rate"), []),
    "methods.epochs": ("1", _value("steps"), []),
    "classifiers": ("[]", _cells, CLASSIFIER),
    "classifiers.name": ("again", _cells, CLASSIFIER),
    "classifiers.use": ("majority", _classical, CLASSIFIER),
    "evaluation.facts_seconds": ("0.1", _cells, []),
    "training.seeds": ("[1, 2]", _cells, []),
    "training.epochs": ("1", _value("steps"), []),
    "training.batch_size": ("4", _value("steps"), []),
    "training.gradient_accumulation": ("2", _value("steps"), []),
    "training.learning_rate": ("0.001", LOSSES, []),
    "training.scheduler": ("constant", RATES, []),
    "training.warmup": ("0.5", RATES, []),
    "training.weight_decay": ("30", LOSSES, []),
    "training.max_grad_norm": ("1.0e-9", LOSSES, []),
    "training.class_weights": ("balanced", LOSSES, ["data.sample.train=17"]),
    "training.sampling": ("balanced", LOSSES, ["data.sample.train=17"]),
    "training.precision": ("bfloat16", LOSSES, []),
    "training.evaluate_every": ("1", lambda o, p: len(LOSSES(o, p)), []),
    "training.early_stopping": ("null", _value("steps"), [LONG, STRICT]),
    "training.early_stopping.metric": ("eval_perplexity", _value("steps"), [LONG, STRICT]),
    "training.early_stopping.patience": ("3", _value("steps"), [LONG, STRICT]),
    "training.early_stopping.min_delta": ("0.0", _value("steps"), [LONG, STRICT]),
    "training.batch_tokens": ("160", _value("steps"), []),
    "training.packing": ("false", _value("packed"), []),
    "training.shared_prefix": ("false", _value("prefix"), []),
    "training.fused": ("false", _value("fused"), ["device=cpu"]),
    "evaluation.modes": ("[score, generate]", _mode, []),
    "evaluation.max_new_tokens": ("3", _answers, []),
    "evaluation.normalize": ("mean", _probabilities, []),
    "evaluation.calibrate": ("true", _probabilities, []),
    "evaluation.shots": ("2", _cells, ["models.base={folder}/model"]),
    "evaluation.resamples": ("200", _f1_interval, ["data.sample.test=12"]),
    "budget": ("null", _cells, BUDGET),
    "budget.per_class": ("[2, 4]", _cells, BUDGET),
    "budget.draws": ("1", _cells, BUDGET),
    "budget.classifiers": ("[majority]", _cells, BUDGET),
    "budget.stop": ("decided", _race, BUDGET),
    "budget.margin": ("0.5", _race, [*BUDGET, "budget.stop=decided"]),
    "generation": ("null", _cells, OPEN),
    "generation.prompts": ("checkable", _open, OPEN),
    "generation.models": ("['{folder}/other']", _open, OPEN),
    "generation.temperatures": ("[1.0, 0.0]", _open, OPEN),
    "generation.samples": ("3", _open, OPEN),
    "generation.max_new_tokens": ("3", _open, OPEN),
    "generation.top_k": ("2", _open, OPEN),
    "generation.top_p": ("0.1", _open, OPEN),
    "generation.min_p": ("0.9", _open, OPEN),
    "generation.repetition_penalty": ("9.0", _open, OPEN),
    "conversations": ("[math-teacher]", _cells, ["methods=[]"]),
    "claims": ("[]", _verdicts, [CLAIM]),
    "claims.claim": ("Something else.", _verdicts, [CLAIM]),
    "claims.metric": ("parsed", _verdicts, [CLAIM]),
    "claims.left": ("majority", _verdicts, [CLAIM]),
    "claims.right": ("0.25", _verdicts, [CLAIM]),
    "claims.relation": ("less", _verdicts, [CLAIM]),
    "claims.margin": ("0.5", _verdicts, [CLAIM]),
    "claims.compares": ("models", _verdicts, [CLAIM]),
    "evaluation.baselines": ("[]", _cells, []),
    "evaluation.drift_reference": ("false", _references, []),
    "evaluation.forgetting": ("true", _cells, []),
    "decision.metric": ("balanced_accuracy", _decision, []),
    "constraints.milliseconds": ("0.001", _decision, []),
    "constraints.train_seconds": ("1.0e-9", _decision, []),
    "constraints.bytes": ("10 B", _decision, []),
    "constraints.memory": ("1 kB", _decision, []),
    "review": ("null", _cells, []),
    "review.accuracy": ("0.5", _review, []),
    "review.coverage": ("0.5", _review, []),
    "constraints.price_per_1000": ("0.5", _notes, []),
    "disclosure": ("A friend helped.", _report, []),
}
# These are looked at in tests of their own below.
ELSEWHERE = {"device", "evaluation.batch_size", "claims.language", "training.tracking"}


@pytest.fixture(scope="module")
def seen(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a study with overrides comes to, looked at in one way.

    All run in one folder, in which a stage stands until a key that it depends on is another: a
    key that a stage forgot to depend on would change nothing.
    """
    from conftest import write_model

    write_model(workspace.folder / "other", seed=1)
    rows = (workspace.folder / "rows.csv").read_text(encoding="utf-8")
    repeated = "".join(f"{line}\n" for line in rows.splitlines()[1:25])
    (workspace.folder / "faulty.csv").write_text(rows + repeated, encoding="utf-8")
    out = tmp_path_factory.mktemp("runs")

    def look_at(look: Look, *overrides: str) -> Any:
        filled = [word.replace("{folder}", str(workspace.folder)) for word in overrides]
        results = run_study(open_study(str(workspace.study), filled), out)
        return look({(result.stage, result.name): result for result in results}, out)

    return look_at


@pytest.mark.parametrize("key", KEYS)
def test_key_acts(key: str, seen: Any) -> None:
    value, look, both = KEYS[key]
    path = re.sub(r"^(methods|claims|classifiers)\.", r"\1.0.", key)
    override = f"{path}={value}"
    if key == "methods.name":
        override = "methods=[{name: full}]"
    assert seen(look, *both) != seen(look, *both, override)


def test_device_acts(workspace: Workspace, tmp_path: Path) -> None:
    import torch

    absent = next(
        name
        for name, there in (
            ("mps", torch.backends.mps.is_available()),
            ("cuda", torch.cuda.is_available()),
        )
        if not there
    )
    study = open_study(str(workspace.study), [f"device={absent}"])
    with pytest.raises(UsageError, match=f"device={absent} is not on this machine"):
        run_study(study, tmp_path)


def test_tracking_acts(workspace: Workspace, tmp_path: Path) -> None:
    def events(folder: str, tracking: str) -> int:
        study = open_study(str(workspace.study), [f"training.tracking={tracking}"])
        run_study(study, tmp_path / folder)
        return len(list((tmp_path / folder).glob("train/*/runs/**/events*")))

    assert events("watched", "[tensorboard]") > 0
    assert events("unwatched", "[]") == 0


@pytest.mark.parametrize(
    "override", ["training.tracking=[tensorboard]", "training.learning_rate=0.5"]
)
def test_what_decides_nothing_trains_nothing_again(
    override: str, workspace: Workspace, tmp_path: Path
) -> None:
    def trained(*overrides: str) -> list[str]:
        own = ["methods.0.learning_rate=0.002", *overrides]
        results = run_study(open_study(str(workspace.study), own), tmp_path)
        return [result.hash for result in results if result.stage == "train"]

    assert trained() == trained(override)


def test_batch_size_of_evaluation_acts(workspace: Workspace) -> None:
    from conftest import build_model, build_tokenizer
    from tunelab.classifiers.asking import ask, encoder_for
    from tunelab.config import Evaluation, Prompt

    tokenizer, model = build_tokenizer(), build_model()
    encoder = encoder_for(tokenizer, model, Prompt(max_length=150), ["joy", "fear"])
    # The last tokens that are run: one for each row of the last batch.
    sizes: list[int] = []
    model.model.layers[0].register_forward_pre_hook(
        lambda _, inputs: sizes.append(inputs[0].shape[1])
    )
    answers = []
    for size in (2, 5):
        evaluation = Evaluation(max_new_tokens=3, batch_size=size)
        texts = ["one", "two", "three", "four", "five"]
        answers.append(ask(model, encoder, texts, evaluation, title="", progress=False).parsed)
        assert sizes[-1] == (len(texts) % size or size)
    assert answers[0] == answers[1]


def test_every_key_is_flipped() -> None:
    assert set(_leaves(Study)) == set(KEYS) | ELSEWHERE


def _leaves(model: type[BaseModel], head: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        if section is not None:
            found += _leaves(section, f"{head}{name}.")
            if field.annotation != section and name != "methods":
                found.append(head + name)
        else:
            found.append(head + name)
    return found
