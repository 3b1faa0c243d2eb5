"""The claims of a study, tested: one family, written before the run."""

from collections.abc import Iterator
from dataclasses import replace

from tunelab.config import Claim, Study, fingerprint
from tunelab.evaluation.claims import decide, signed_margin
from tunelab.evaluation.comparisons import Comparison, corrected
from tunelab.evaluation.metrics.claimed import ClaimMetric, Own
from tunelab.evaluation.origins import Origin, apart
from tunelab.evaluation.verdicts import CHANGED, ClaimVerdict
from tunelab.runs.run_folder import RunFolder
from tunelab.study.judging.claim_metrics import claim_metrics

# Rows behind a claim that are kept for people to read.
_SHOWN = 40


def judge_claims(run: RunFolder, study: Study) -> list[ClaimVerdict]:
    """The verdict on every claim, under Holm's correction over all claims that have a test.

    A claim that cannot be decided, as a side is missing, a value is not known beyond a limit, or
    more than training differs, has no p-value and does not count among the tests.
    """
    tested = corrected([_tested(claim, run, study) for claim in study.claims])
    return [
        _verdict(claim, comparison, run)
        for claim, comparison in zip(study.claims, tested, strict=True)
    ]


def _tested(claim: Claim, run: RunFolder, study: Study) -> Comparison:
    """The difference that a claim speaks of, tested at the claim's own edge."""
    metric = claim_metrics()[claim.metric]
    value = None
    if claim.relation == "about":
        # Its nearer edge is known once the sign of the difference is.
        value = metric.compare(run, claim, 0.0).value
    margin = signed_margin(value, claim.relation, claim.margin)
    difference = metric.compare(run, claim, margin)
    reason = _confounded(claim, run, study)
    if reason is not None and difference.value is not None:
        difference = replace(difference, p_value=None, rows_needed=None, reason=reason)
    return Comparison(claim.left, str(claim.right), metric.label(claim), difference)


def _confounded(claim: Claim, run: RunFolder, study: Study) -> str | None:
    """Why a claim on what training changed cannot be decided by these two models, or None."""
    origins = _origins(claim, run)
    if claim.compares == "models" or origins is None:
        return None
    # Training is what a base model and its instruction-tuned form are compared for.
    of_training = {study.models.base, study.models.instruct} == {one.model for one in origins}
    told = apart(*origins)
    if not of_training or any(one.trained for one in origins) or told is None:
        return None
    return (
        f"{told}: they differ in more than their training, so that it cannot be told what training "
        "did"
    )


def _origins(claim: Claim, run: RunFolder) -> tuple[Origin, Origin] | None:
    """The models behind both sides, None where one has none."""
    if not isinstance(claim.right, str):
        return None
    metric = claim_metrics()[claim.metric]
    left, right = metric.origin(run, claim.left), metric.origin(run, claim.right)
    return None if left is None or right is None else (left, right)


def _verdict(claim: Claim, comparison: Comparison, run: RunFolder) -> ClaimVerdict:
    metric = claim_metrics()[claim.metric]
    verdict, why = decide(
        comparison.difference, claim.relation, claim.margin, comparison.p_corrected
    )
    rows, differing = metric.rows(run, claim, _SHOWN)
    left, right = (_own(metric, run, claim, side) for side in (claim.left, claim.right))
    return ClaimVerdict(
        claim=claim,
        verdict=verdict,
        why=why,
        comparison=comparison,
        values=(left[0], right[0]),
        bounds=(left[1], right[1]),
        notes=tuple(_notes(claim, run, why)),
        rows=tuple(rows),
        differing=differing,
        files=tuple(_files(claim, run)),
        noun=metric.noun,
    )


def _own(metric: ClaimMetric, run: RunFolder, claim: Claim, side: str | float) -> Own:
    return metric.value(run, claim, side) if isinstance(side, str) else (float(side), None)


def _notes(claim: Claim, run: RunFolder, why: str) -> Iterator[str]:
    """What a reader of the verdict must know of the two sides."""
    before = run.claims_before
    if before is not None and fingerprint(claim.model_dump()) not in before:
        yield CHANGED
    origins = _origins(claim, run)
    told = apart(*origins) if origins is not None else None
    if told is not None and told not in why:
        yield f"{told}: this compares two models, and not what training changes"
    yield from claim_metrics()[claim.metric].notes(run, claim, _names(claim))


def _files(claim: Claim, run: RunFolder) -> Iterator[str]:
    """Where the numbers of both sides stand, within the run folder."""
    for result, name in claim_metrics()[claim.metric].files(run, claim, _names(claim)):
        if (result.folder / name).is_file():
            yield (result.folder / name).relative_to(run.folder).as_posix()


def _names(claim: Claim) -> list[str]:
    return [side for side in (claim.left, claim.right) if isinstance(side, str)]
