"""What was found, in sentences that are computed from the results and from nothing else."""

from dataclasses import dataclass

from tunelab.evaluation.comparison import compare
from tunelab.report.run_folder import RunFolder, predictions
from tunelab.results import Result

# Below this p-value a difference is called one; the threshold is stated beside every verdict.
ALPHA = 0.05


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether the rows decide it."""

    sentence: str
    decided: bool


def find(run: RunFolder) -> list[Finding]:
    """The best model, and each fine-tuned model against every model that was not fine-tuned."""
    scored = [result for result in run.evaluated if _accuracy(result) is not None]
    if not scored:
        return []
    best = max(scored, key=lambda result: _accuracy(result) or 0.0)
    scores = best.values["scores"]
    findings = [
        Finding(
            f"The highest accuracy has {best.name}: {scores['accuracy']:.3f} on "
            f"{scores['rows']} rows (95 % interval {scores['accuracy_low']:.3f} to "
            f"{scores['accuracy_high']:.3f}).",
            decided=True,
        )
    ]
    tuned = [result for result in scored if result.values["kind"] == "tuned"]
    others = [result for result in scored if result.values["kind"] != "tuned"]
    findings += [_against(left, right) for left in tuned for right in others]
    findings += [_silent(result) for result in scored if result.values["scores"]["unparsed"]]
    return findings


def _against(left: Result, right: Result) -> Finding:
    mine, other = predictions(left), predictions(right)
    outcome = compare(
        (mine["predicted"] == mine["truth"]).tolist(),
        (other["predicted"] == other["truth"]).tolist(),
    )
    numbers = (
        f"{left.name} alone is right on {outcome.only_left} rows, {right.name} alone on "
        f"{outcome.only_right}"
    )
    if outcome.p_value is None or outcome.difference is None:
        return Finding(f"{left.name} and {right.name} are right on the same rows.", False)
    p_value = "p < 0.001" if outcome.p_value < 0.001 else f"p = {outcome.p_value:.3f}"
    if outcome.p_value >= ALPHA:
        return Finding(
            f"The rows do not decide between {left.name} and {right.name} ({numbers}; exact "
            f"McNemar {p_value}).",
            False,
        )
    verb = "beats" if outcome.difference > 0 else "loses to"
    points = abs(outcome.difference) * 100
    return Finding(
        f"{left.name} {verb} {right.name} by {points:.1f} points of accuracy ({numbers}; exact "
        f"McNemar {p_value}).",
        True,
    )


def _silent(result: Result) -> Finding:
    scores = result.values["scores"]
    reasons = ", ".join(
        f"{count} {reason}" for reason, count in result.values["unparsed_reasons"].items() if count
    )
    return Finding(
        f"{result.name} gives no label in {scores['unparsed']} of {scores['rows']} answers "
        f"({reasons}); these count as wrong.",
        True,
    )


def _accuracy(result: Result) -> float | None:
    value = result.values["scores"]["accuracy"]
    return None if value is None else float(value)
