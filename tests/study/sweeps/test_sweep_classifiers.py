"""Sweeps over classifiers that are no language model: which keys act, and a whole one."""

from pathlib import Path
from typing import Any

import pytest

from conftest import Workspace
from tiny_encoder import write_encoder
from tunelab.config import Study
from tunelab.errors import UsageError
from tunelab.study.opening import open_study
from tunelab.study.sweeps.description import make_sweep
from tunelab.study.sweeps.settings import check_space, deciding, find_searched
from tunelab.study.sweeps.space import parse_space
from tunelab.study.sweeps.sweep import run_sweep


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def _study(workspace: Workspace, encoder: Path, *more: str) -> Study:
    listed = (
        f"classifiers=[{{name: enc, use: encoder, model: '{encoder}', method: lora, r: 4, "
        f"epochs: 1}}, {{name: pairs, use: setfit, model: '{encoder}'}}, "
        f"{{name: near, use: embedding, model: '{encoder}'}}, {{name: majority}}, "
        f"{{name: tfidf-logistic}}, "
        f"{{name: shown, use: asked, model: '{workspace.folder / 'model'}', shots: 2}}]"
    )
    own = ["methods=[]", "models.instruct=null", "evaluation.baselines=[]", listed]
    return open_study(str(workspace.study), [*own, *more])


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("enc", {"training.warmup": "0..0.2:0.1", "classifiers.0.learning_rate": "1e-4..1e-2:log"}),
        ("enc", {"training.weight_decay": [0.0, 0.1], "classifiers.0.epochs": [1, 2, "choose"]}),
        ("enc", {"training.early_stopping": [None, {"patience": 2}], "classifiers.0.r": "2..8"}),
        ("enc", {"classifiers.0.method": ["lora", "dora"]}),
        ("pairs", {"classifiers.1.learning_rate": "1e-5..1e-4:log", "classifiers.1.pairs": [8, 9]}),
        ("pairs", {"training.class_weights": ["balanced", {"joy": 2.0}]}),
        ("near", {"classifiers.2.head": ["logistic", "knn"]}),
        ("tfidf-logistic", {"classifiers.4.C": "0.1..10:log"}),
        ("shown", {"classifiers.5.shots": "1..4", "prompt.system": ["Choose {labels}", "Which?"]}),
    ],
)
def test_keys_that_act(
    name: str, space: dict[str, Any], workspace: Workspace, encoder: Path
) -> None:
    study = _study(workspace, encoder)
    check_space(study, find_searched(study, name), parse_space(space))


@pytest.mark.parametrize(
    ("name", "space", "message"),
    [
        ("enc", {"training.epochs": "1..3"}, r"has its own: classifiers\.0\.epochs"),
        ("enc", {"training.learning_rate": "1e-4..1e-3"}, r"its own: classifiers\.0\.learning_rat"),
        ("enc", {"training.batch_tokens": [64, 128]}, "changes nothing of what enc learns"),
        ("enc", {"prompt.system": ["Choose.", "Which?"]}, "changes nothing of what enc learns"),
        ("enc", {"classifiers.0.rr": "2..8"}, r"did you mean classifiers\.0\.r"),
        ("pairs", {"training.warmup": [0.0, 0.1]}, "changes nothing of what pairs learns"),
        ("majority", {"training.warmup": [0.0, 0.1]}, "changes nothing of what majority learns"),
    ],
)
def test_keys_that_do_nothing(
    name: str, space: dict[str, Any], message: str, workspace: Workspace, encoder: Path
) -> None:
    study = _study(workspace, encoder)
    with pytest.raises(UsageError, match=message):
        check_space(study, find_searched(study, name), parse_space(space))


def test_what_a_sweep_is_known_by(workspace: Workspace, encoder: Path) -> None:
    """A study that trains an encoder otherwise does not go on with another's trials."""
    plain = _study(workspace, encoder)
    searched = find_searched(plain, "enc")
    other = _study(workspace, encoder, "training.warmup=0.3")
    assert deciding(plain, searched) != deciding(other, searched)
    same = _study(workspace, encoder, "training.learning_rate=0.5")
    assert deciding(plain, searched) == deciding(same, searched)


def test_a_sweep_of_an_encoder(workspace: Workspace, encoder: Path, tmp_path: Path) -> None:
    space = {"training.warmup": [0.0, 0.5], "classifiers.0.learning_rate": [0.001, 0.01]}
    keys = {"space": space, "method": "enc", "trials": 2, "goals": ["best_loss"]}
    record = run_sweep(_study(workspace, encoder), make_sweep(keys), tmp_path, search_only=True)
    assert len(record["trials"]) == 2
    assert all(trial["goals"]["best_loss"] > 0 for trial in record["trials"])
