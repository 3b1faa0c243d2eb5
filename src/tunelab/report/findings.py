"""What was found, in sentences that are computed from the results and from nothing else."""

from dataclasses import dataclass

from tunelab.evaluation.claims import ALPHA
from tunelab.report.run_folder import RunFolder
from tunelab.report.verdicts import Comparison, Judgement
from tunelab.results import Result


@dataclass(frozen=True)
class Finding:
    """One sentence, and whether the rows decide it."""

    sentence: str
    decided: bool


def find(run: RunFolder, judgement: Judgement) -> list[Finding]:
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
    findings += [
        _against(comparison)
        for comparison in judgement.comparisons
        if comparison.metric == "accuracy"
    ]
    findings += [_silent(result) for result in scored if result.values["scores"]["unparsed"]]
    return findings


def _against(comparison: Comparison) -> Finding:
    left, right, difference = comparison.left, comparison.right, comparison.difference
    if difference.value is None:
        return Finding(f"{left} and {right} cannot be compared: {difference.reason}.", False)
    p_value = comparison.p_corrected
    if p_value is None:
        return Finding(f"{left} and {right} cannot be told apart: {difference.reason}.", False)
    shown = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    tested = f"{difference.test}, {shown} after Holm's correction"
    details = difference.details
    if "only_left" in details:
        tested = (
            f"{left} alone is right on {details['only_left']} rows, {right} alone on "
            f"{details['only_right']}; {tested}"
        )
    if p_value >= ALPHA:
        return Finding(f"The rows do not decide between {left} and {right} ({tested}).", False)
    verb = "beats" if difference.value > 0 else "loses to"
    points = abs(difference.value) * 100
    return Finding(f"{left} {verb} {right} by {points:.1f} points of accuracy ({tested}).", True)


def _silent(result: Result) -> Finding:
    scores = result.values["scores"]
    reasons = ", ".join(
        f"{count} {reason}"
        for reason, count in result.values["generated"]["unparsed_reasons"].items()
        if count
    )
    return Finding(
        f"{result.name} gives no label in {scores['unparsed']} of {scores['rows']} answers "
        f"({reasons}); these count as wrong.",
        True,
    )


def _accuracy(result: Result) -> float | None:
    value = result.values["scores"]["accuracy"]
    return None if value is None else float(value)
