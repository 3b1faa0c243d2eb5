"""Two small runs over the same rows: one that trains, and one of baselines alone."""

from pathlib import Path
from typing import Any

import pytest

import tunelab
from api_studies import small_study
from conftest import Workspace


@pytest.fixture(scope="session")
def trained(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run with a baseline, a model that is asked and one that is fine-tuned."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    return tunelab.run(small_study(workspace), out=folder)


@pytest.fixture(scope="session")
def baselines(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of two baselines, over other test rows of the same file."""
    folder: Path = tmp_path_factory.mktemp("runs") / "baselines"
    return tunelab.run(
        small_study(workspace, claims=[]),
        out=folder,
        models={"base": None, "instruct": None},
        methods=[],
        data__sample={"train": 18, "validation": 3, "test": 14},
        evaluation__baselines=["majority", "tfidf-svm"],
    )
