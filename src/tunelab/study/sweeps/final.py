"""The winner and the study's own setting, retrained over seeds and asked the test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunelab.classifiers.answered import TABLE
from tunelab.config import Study
from tunelab.evaluation.claims import decide
from tunelab.evaluation.comparisons import compare_pairs
from tunelab.evaluation.measuring import answered
from tunelab.evaluation.metrics import Resampling, all_metrics
from tunelab.evaluation.predictions import read_predictions
from tunelab.evaluation.statistics.seeds import summarize
from tunelab.runs.results import Result, read_table
from tunelab.study.run import run_study
from tunelab.study.sweeps.settings import Searched, with_one_entry, with_values


def compare_with_default(
    study: Study, searched: Searched, values: Mapping[str, Any], seeds: Sequence[int], out: Path
) -> dict[str, Any]:
    """Train both with every seed on all training rows, and compare them on the test rows.

    Two run folders in ``out`` hold them, ``winner`` and ``default``. The differences are winner
    minus default, with the tests of the evaluation and Holm's correction over them.
    """
    sides = {
        "winner": with_one_entry(with_values(study, values), searched, seeds=seeds),
        "default": with_one_entry(study, searched, seeds=seeds),
    }
    asked = {
        name: [result for result in run_study(side, out / name) if result.stage == "evaluate"]
        for name, side in sides.items()
    }
    compared = {name: metric for name, metric in all_metrics().items() if metric.headline}
    rows = {name: [_answered(result) for result in results] for name, results in asked.items()}
    differences = compare_pairs(
        rows,
        [("winner", "default", metric) for metric in compared],
        Resampling(study.seed, study.evaluation.resamples),
    )
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
                "metric": one.metric,
                **one.difference.to_dict(),
                "p_corrected": one.p_corrected,
                "verdict": decide(one.difference, "more", 0.0, one.p_corrected)[0],
            }
            for one in differences
        ],
    }


def _answered(result: Result) -> Any:
    return answered(
        read_predictions(read_table(result.folder / TABLE), str(result.folder)), result.values
    )
