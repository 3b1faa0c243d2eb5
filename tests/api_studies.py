"""A small study as a dictionary, for tests of the front door."""

from typing import Any

from conftest import Workspace


def small_study(workspace: Workspace, **sections: Any) -> dict[str, Any]:
    """A study as a dictionary, over the rows and the tiny model of the workspace."""
    return {
        "name": "small",
        "data": {
            "source": str(workspace.folder / "rows.csv"),
            "sample": {"train": 18, "validation": 3, "test": 9},
        },
        "prompt": {"system": "Labels are {labels}.", "max_length": 96},
        "models": {"base": None, "instruct": str(workspace.folder / "model")},
        "methods": [{"name": "lora", "r": 2, "alpha": 4}],
        "training": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01, "tracking": []},
        "evaluation": {
            "max_new_tokens": 4,
            "baselines": ["majority"],
            "resamples": 100,
            "facts_seconds": 0,
        },
        "claims": [
            {
                "claim": "The fine-tuned model is right more often than the most frequent label",
                "metric": "accuracy",
                "left": "lora",
                "right": "majority",
            },
            {
                "claim": "The instruction-tuned model is right in a third of the rows",
                "metric": "accuracy",
                "left": "instruct",
                "right": 0.33,
                "relation": "about",
                "margin": 0.1,
            },
        ],
        **sections,
    }
