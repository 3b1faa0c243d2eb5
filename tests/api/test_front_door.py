"""`import tunelab` offers the front door, and imports nothing heavy before it is used."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tunelab

HEAVY = ("torch", "transformers", "peft", "pandas", "sklearn", "pydantic", "numpy")
NAMES = (
    *("run", "evaluate", "load", "open_run", "open_study", "compare", "tokenize", "estimate"),
    *("compare_tokenizers", "open_model", "ask", "play", "prepare", "explain", "early_stopping"),
    *("device_facts", "model_catalog", "GenerationSettings", "RunError", "UsageError"),
    *("Study", "TextClassifier", "__version__"),
)


def _imported(program: str, watched: tuple[str, ...]) -> list[str]:
    """Which of some packages a program has imported at its end."""
    show = f"import sys; print(*(name for name in {watched!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{show}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_importing_tunelab_imports_nothing_heavy() -> None:
    assert _imported("import tunelab; dir(tunelab); tunelab.__version__", HEAVY) == []


def test_a_classifier_is_made_without_torch() -> None:
    program = "import tunelab; tunelab.TextClassifier(), tunelab.load, tunelab.Study()"
    assert _imported(program, ("torch", "transformers", "peft")) == []


def test_a_run_is_opened_without_torch(trained: Any) -> None:
    program = (
        f"import tunelab; run = tunelab.open_run({str(trained.folder)!r}); repr(run); "
        "run.study, run.scores, run.predictions, run.verdicts, run.failures, run.report"
    )
    assert _imported(program, ("torch", "transformers", "peft")) == []


def test_the_front_door_is_whole() -> None:
    assert sorted(tunelab.__all__) == sorted(NAMES) == dir(tunelab)
    for name in NAMES:
        value = getattr(tunelab, name)
        assert isinstance(value, str) or value.__doc__, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        tunelab.runn  # type: ignore[attr-defined]  # noqa: B018


def test_what_type_checkers_see_is_what_is_imported() -> None:
    source = Path(tunelab.__file__).read_text(encoding="utf-8")
    for name in NAMES[:-1]:
        assert f"import {name} as {name}\n" in source
        assert f'"{name}": "{getattr(tunelab, name).__module__}"' in source
