"""The winner and the study's own setting, retrained over seeds and asked the test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import TABLE
from tunelab.config import Study
from tunelab.evaluation.claims import compare_rows, decide
from tunelab.evaluation.measuring import answered
from tunelab.evaluation.metrics import all_metrics
from tunelab.evaluation.predictions import read_predictions
from tunelab.evaluation.statistics.corrections import holm
from tunelab.evaluation.statistics.seeds import summarize
from tunelab.runs.results import Result, read_table
from tunelab.study.run import run_study
from tunelab.study.sweeps.settings import with_one_method, with_values


def compare_with_default(
    study: Study, position: int, values: Mapping[str, Any], seeds: Sequence[int], out: Path
) -> dict[str, Any]:
    """Train both with every seed on all training rows, and compare them on the test rows.

    Two run folders in ``out`` hold them, ``winner`` and ``default``. The differences are winner
    minus default, with the tests of the evaluation and Holm's correction over them.
    """
    sides = {
        "winner": with_one_method(with_values(study, values), position, seeds=seeds),
        "default": with_one_method(study, position, seeds=seeds),
    }
    asked = {
        name: [result for result in run_study(side, out / name) if result.stage == "evaluate"]
        for name, side in sides.items()
    }
    compared = {name: metric for name, metric in all_metrics().items() if metric.headline}
    rows = {name: [_answered(result) for result in results] for name, results in asked.items()}
    differences = [
        compare_rows(
            metric, rows["winner"], rows["default"], 0.0, study.seed, study.evaluation.resamples
        )
        for metric in compared
    ]
    corrected = holm([difference.p_value for difference in differences])
    return {
        "seeds": list(seeds),
        "rows": len(rows["winner"][0].truth),
        "sides": {
            side: {
                name: summarize(
                    [result.values["metrics"][name]["value"] for result in results],
                    bounds=metric.limits,
                ).to_dict()
                for name, metric in compared.items()
            }
            for side, results in asked.items()
        },
        "differences": [
            {
                "metric": metric,
                **difference.to_dict(),
                "p_corrected": p_value,
                "verdict": decide(difference, "more", 0.0, p_value)[0],
            }
            for metric, difference, p_value in zip(compared, differences, corrected, strict=True)
        ],
    }


def _answered(result: Result) -> Any:
    return answered(
        read_predictions(read_table(result.folder / TABLE), str(result.folder)), result.values
    )
