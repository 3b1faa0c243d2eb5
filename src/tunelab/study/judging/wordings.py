"""What depends on the wording of the instruction: each verdict, judged again under each wording."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tunelab.config import Study, fingerprint, make_study
from tunelab.evaluation.decisions import Decision
from tunelab.evaluation.sides import Side, grouped_sides
from tunelab.evaluation.statistics.crossed import crossed_variation
from tunelab.evaluation.verdicts import ClaimVerdict
from tunelab.evaluation.wordings import Worded, Wordings, read_wordings
from tunelab.numbers import p_value, signed
from tunelab.runs.results import Result
from tunelab.runs.run_folder import RunFolder, once
from tunelab.runs.verdicts import WORDINGS
from tunelab.study.judging.claims import judge_claims
from tunelab.study.judging.decision import OTHER_WORDING, decide, decision_of
from tunelab.study.judging.kept import Kept
from tunelab.study.judging.stage import verdicts_of

# Part of the key: raised when the wordings are compared in another way than before.
_FORMAT = 1


def under_wording(run: RunFolder, number: int) -> RunFolder:
    """The run as if this wording were the study's own.

    What reads no instruction, or was not asked under this wording, stays as it is.
    """
    asked = _by_first(run.asked_otherwise, number)
    trained = _by_first(run.trained_otherwise, number)
    return replace(
        run,
        evaluated=[asked.get(one.name, one) for one in run.evaluated],
        trained=[trained.get(one.name, one) for one in run.trained],
        known={},
    )


def compare_wordings(run: RunFolder) -> Wordings | None:
    """A stage of a study: compare its wordings, and keep the outcome. None with one wording.

    Raises:
        RunError: a file that it reads is damaged, or the folder cannot be written.
    """
    if not make_study(run.study).prompt.variants:
        return None
    return _KEPT.load_or_find(run, must_be_kept=True)


@once
def wordings_of(run: RunFolder) -> Wordings | None:
    """The comparison that a run keeps, or made now; None with one wording.

    Raises:
        RunError: a file that it reads is damaged.
    """
    if not make_study(run.study).prompt.variants:
        return None
    return _KEPT.load_or_find(run, must_be_kept=False)


def _find(run: RunFolder) -> Wordings:
    study = make_study(run.study)
    texts = (study.prompt.system, *study.prompt.variants)
    others = {number: under_wording(run, number) for number in range(2, len(texts) + 1)}
    sides = {1: _prompted(run, run)} | {
        number: _prompted(run, other) for number, other in others.items()
    }
    whole = [name for name in sides[1] if _is_whole(name, sides, run)]
    return Wordings(
        texts=texts,
        models=tuple(
            Worded(name, crossed_variation([sides[number][name].correct for number in sides]))
            for name in whole
        ),
        hanging=tuple(_hanging(run, others, study)),
        missing=_missing(run, [name for name in sides[1] if name not in whole]),
    )


def _missing(run: RunFolder, incomplete: Sequence[str]) -> tuple[str, ...]:
    """What was not asked under each wording: with other rows or seeds, or as it failed."""
    failed = (OTHER_WORDING.fullmatch(str(one["name"])) for one in run.failures)
    return tuple(dict.fromkeys([*incomplete, *(found["of"] for found in failed if found)]))


def _prompted(run: RunFolder, worded: RunFolder) -> dict[str, Side]:
    """The sides of a run that were asked under another wording."""
    again = {str(one.values["of"]) for one in run.asked_otherwise}
    return {
        side.name: side
        for side in grouped_sides(worded)
        if any(one.name in again for one in side.asked)
    }


def _is_whole(name: str, sides: Mapping[int, Mapping[str, Side]], run: RunFolder) -> bool:
    """Whether a classifier answered the same rows under each wording, with each seed."""
    there = {(str(one.values["of"]), int(one.values["wording"])) for one in run.asked_otherwise}
    first = sides[1][name]
    return all(
        (one.name, number) in there for one in first.asked for number in sides if number > 1
    ) and all(
        answered.truth == first.answered[0].truth
        for number in sides
        for answered in sides[number][name].answered
    )


def _hanging(run: RunFolder, others: Mapping[int, RunFolder], study: Study) -> Iterator[str]:
    own = verdicts_of(run).claims
    judged = {number: judge_claims(other, study) for number, other in others.items()}
    for position, verdict in enumerate(own):
        changed = {
            number: claims[position]
            for number, claims in judged.items()
            if _is_other(verdict, claims[position])
        }
        if changed:
            under = "; ".join(
                f"{one.verdict} under wording {number} ({_shown(one)})"
                for number, one in changed.items()
            )
            yield (
                f"The verdict on “{verdict.claim.claim.rstrip('.')}” depends on the wording: "
                f"{verdict.verdict} under the study's own ({_shown(verdict)}), {under}."
            )
    first = decision_of(run)
    decisions = {number: decide(other) for number, other in others.items()}
    changed_to = {
        number: one for number, one in decisions.items() if one.recommended != first.recommended
    }
    if changed_to:
        under = ", ".join(
            f"{_taken(one)} under wording {number}" for number, one in changed_to.items()
        )
        yield (
            f"Which classifier to take depends on the wording: {_taken(first)} under the study's "
            f"own, {under}."
        )


def _is_other(first: ClaimVerdict, second: ClaimVerdict) -> bool:
    """Whether a verdict is another, or the difference has the other sign."""
    one, other = (verdict.comparison.difference.value or 0.0 for verdict in (first, second))
    return first.verdict != second.verdict or one * other < 0


def _shown(verdict: ClaimVerdict) -> str:
    difference, tested = verdict.comparison.difference.value, verdict.comparison.p_corrected
    told = f"difference {signed(difference)}"
    if tested is None:
        return told
    found = p_value(tested)
    return f"{told}, p {found}" if found.startswith("<") else f"{told}, p = {found}"


def _taken(decision: Decision) -> str:
    return decision.recommended or "none"


def _by_first(results: Sequence[Result], number: int) -> dict[str, Result]:
    """The results under a wording, each as that of the classifier under the first one."""
    return {
        str(one.values["of"]): replace(
            one,
            name=str(one.values["of"]),
            values={key: one.values[key] for key in one.values if key not in ("wording", "of")},
        )
        for one in results
        if one.values.get("wording") == number
    }


def _key(run: RunFolder) -> str:
    """The hash of all that decides: the answers under each wording, the claims, the decision."""
    study = make_study(run.study)
    stages = [
        *run.evaluated,
        *run.trained,
        *run.measured,
        *run.asked_otherwise,
        *run.trained_otherwise,
        *run.generated,
        *run.tokenized,
    ]
    return fingerprint(
        {
            "format": _FORMAT,
            "prompt": study.prompt.model_dump(),
            "claims": [claim.model_dump() for claim in study.claims],
            "decision": study.decision.model_dump(),
            "constraints": study.constraints.model_dump(),
            "seed": study.seed,
            "resamples": study.evaluation.resamples,
            "stages": [[one.stage, one.name, one.hash, one.values, one.files] for one in stages],
        }
    )


_KEPT = Kept(WORDINGS, _key, _find, read_wordings)
